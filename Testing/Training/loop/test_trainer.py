"""The loop goes on bit for bit where it was stopped or killed, and says what goes wrong."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from LiverTumorAttentionLib.errors import InputError, OutputError
from LiverTumorAttentionLib.progress import Progress
from Testing.Training.small_task import SmallTask
from training.loop.distributed import Processes
from training.loop.trainer import Trainer
from training.recipes.settings import OptimizerSettings, ScheduleSettings
from training.runs.checkpoint import BEST, CHECKPOINT, read_checkpoint, read_weights

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def train(folder: Path, task: SmallTask | None = None, stop_at: int | None = None, **options) -> Trainer:
    trainer = Trainer(folder, task or SmallTask(), say=options.pop("say", lambda line: None), **options)
    trainer.run(stop_at=stop_at)
    return trainer


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory) -> Path:
    """Twelve steps without a stop."""
    folder = tmp_path_factory.mktemp("runs") / "unbroken"
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    assert train(folder).finished
    torch.set_num_threads(before)
    return folder


def assert_same(folder: Path, other: Path) -> None:
    """Every bit of what a training needs is the same, and so are the best weights."""
    (groups, state), (expected, expected_state) = (read_checkpoint(f / CHECKPOINT) for f in (folder, other))
    assert state == expected_state
    assert groups.keys() == expected.keys() == {"network", "average", "optimizer"}
    for group, tensors in expected.items():
        assert groups[group].keys() == tensors.keys()
        for name, value in tensors.items():
            assert torch.equal(groups[group][name], value), (group, name)
    (weights, about), (best, about_best) = (read_weights(f / BEST) for f in (folder, other))
    assert about == about_best
    assert all(torch.equal(weights[name], best[name]) for name in best)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def child(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "Testing.Training.small_task", str(folder), "slow"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def test_it_learns_and_keeps_what_scored_best(tmp_path):
    task = SmallTask()
    task.schedule = replace(task.schedule, epochs=40)
    train(tmp_path / "run", task, log_every=1)
    losses = [float(row["loss"]) for row in rows(tmp_path / "run" / "log.csv")]
    assert sum(losses[-6:]) < 0.6 * sum(losses[:6])
    scores = [float(row["dice"]) for row in rows(tmp_path / "run" / "scores.csv")]
    assert scores == task.validations
    _, about = read_weights(tmp_path / "run" / BEST)
    assert about["dice"] == max(scores) > 0.8
    assert about["epoch"] == 2 * (1 + scores.index(max(scores)))


@pytest.mark.parametrize("stop_at", [5, 6])
def test_a_stopped_run_ends_bit_for_bit_where_an_unbroken_one_ends(tmp_path, unbroken, stop_at):
    """In the middle of an epoch, and at the end of one that is validated."""
    folder = tmp_path / "run"
    first = train(folder, stop_at=stop_at)
    assert first.step == stop_at
    assert not first.finished
    resumed = Trainer(folder, SmallTask(), say=lambda line: None)
    assert resumed.step == stop_at
    assert resumed.run()
    assert_same(folder, unbroken)
    starts = json.loads((folder / "run.json").read_text())["starts"]
    assert [start["step"] for start in starts] == [0, stop_at]


def test_sigterm_finishes_the_step_and_saves(tmp_path, unbroken):
    with child(tmp_path / "run") as process:
        for line in process.stdout:
            if line.startswith("step 5 "):
                process.send_signal(signal.SIGTERM)
                break
        rest = process.stdout.read()
    assert process.returncode == 130
    stopped = int(re.search(r"stopped at step (\d+), saved", rest).group(1))
    assert 5 <= stopped < 9
    assert Trainer(tmp_path / "run", SmallTask()).step == stopped
    train(tmp_path / "run")
    assert_same(tmp_path / "run", unbroken)


def test_a_killed_run_goes_on_from_its_last_checkpoint(tmp_path, unbroken):
    folder = tmp_path / "run"
    with child(folder) as process:
        for line in process.stdout:
            if line.startswith("step 8 "):
                process.kill()
                break
    assert [int(row["step"]) for row in rows(folder / "log.csv")][-1] >= 8
    (folder / ".checkpoint.0a1b2c3d.part.safetensors").write_bytes(b"half of it")
    resumed = Trainer(folder, SmallTask(), log_every=1, say=lambda line: None)
    assert resumed.step == 6
    resumed.run()
    assert_same(folder, unbroken)
    assert [int(row["step"]) for row in rows(folder / "log.csv")] == list(range(1, 13))
    assert not list(folder.glob(".*.part*"))


def test_a_wish_to_stop_while_validating_leaves_the_validation_for_later(tmp_path, unbroken):
    class Interrupted(SmallTask):
        def validate(self, network, progress: Progress) -> dict[str, float]:
            signal.raise_signal(signal.SIGINT)
            return super().validate(network, progress)

    folder = tmp_path / "run"
    first = train(folder, Interrupted())
    assert first.step == 6
    assert not first.finished
    assert not (folder / "scores.csv").exists()
    assert train(folder).finished
    assert_same(folder, unbroken)
    assert [row["epoch"] for row in rows(folder / "scores.csv")] == ["2.0", "4.0"]


def test_a_finished_run_is_left_as_it_is(unbroken):
    before = {path.name: path.read_bytes() for path in unbroken.iterdir() if path.is_file()}
    lines: list[str] = []
    assert train(unbroken, say=lines.append).finished
    assert lines == ["the run is finished, at step 12"]
    assert before == {path.name: path.read_bytes() for path in unbroken.iterdir() if path.is_file()}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 6}, r"seed was 5, now it is 6"),
        (
            {"optimizer": OptimizerSettings(learning_rate=0.02, clip_norm=2.0)},
            r"optimizer: learning_rate was 0\.01, now it is 0\.02",
        ),
    ],
)
def test_another_training_does_not_go_on_in_the_same_folder(unbroken, change, message):
    with pytest.raises(InputError, match=message):
        Trainer(unbroken, SmallTask(**change))


def test_a_folder_with_something_else_in_it_is_not_written_to(tmp_path):
    (tmp_path / "log.csv").write_text("mine\n")
    with pytest.raises(InputError, match="is there and is not a run: name a new folder"):
        Trainer(tmp_path, SmallTask())
    assert (tmp_path / "log.csv").read_text() == "mine\n"
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / ".lock").touch()  # all that is there of a run that was killed at once
    assert Trainer(tmp_path / "begun", SmallTask()).step == 0


def test_two_processes_do_not_train_in_one_folder(tmp_path, unbroken):
    folder = tmp_path / "run"

    def another(line: str) -> None:
        with pytest.raises(InputError, match="another process is training in"):
            Trainer(folder, SmallTask(), say=lambda line: None).run()
        heard.append(line)

    heard: list[str] = []
    train(folder, say=another, stop_at=6)
    assert heard
    train(folder)
    assert_same(folder, unbroken)


def test_processes_that_do_not_share_the_folder_do_not_train(tmp_path):
    """Another one has found the checkpoint of step 6, this one none."""

    class OneOfTwo(Processes):
        def agree(self, value: float, wish: bool) -> tuple[float, bool]:
            return (value + 6) / 2, wish

    with pytest.raises(InputError, match=r"do not find the same run in .* put it where all can read it"):
        train(tmp_path / "run", processes=OneOfTwo())
    assert not (tmp_path / "run").exists()


def test_what_is_not_a_number_stops_with_step_and_cases(tmp_path):
    folder = tmp_path / "run"
    task = SmallTask(bad_number=4 * 7 + 2)  # in step 7, whose samples are 28 to 31
    with pytest.raises(InputError, match=r"loss is nan at step 7, on samples of blob-1, blob-2, blob-0 "):
        train(folder, task)
    assert Trainer(folder, SmallTask()).step == 6
    with pytest.raises(InputError, match="nothing was saved yet"):
        train(tmp_path / "early", SmallTask(bad_number=4))


def test_gradients_that_are_not_finite_stop_too(tmp_path):
    class Steep(SmallTask):
        def loss(self, outputs, truth):
            return super().loss(outputs, truth) + torch.sqrt(outputs[0, 0, 0, 0] * 0)  # its slope is 0 / 0

    with pytest.raises(InputError, match="the gradients are not finite at step 0"):
        train(tmp_path / "run", Steep())


def test_a_full_disk_leaves_the_checkpoint_of_before(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    train(folder, stop_at=3)

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("training.runs.checkpoint.os.fsync", full)
    with pytest.raises(OutputError, match="no space left on device"):
        train(folder)
    monkeypatch.undo()
    assert Trainer(folder, SmallTask()).step == 3


def test_parts_of_a_batch_give_what_the_whole_batch_gives(tmp_path):
    """Up to rounding; without dropout, which draws part by part."""
    networks = []
    for parts in (1, 2, 4):
        task = SmallTask(dropout=0.0)
        task.loop = replace(task.loop, accumulate=parts)
        networks.append(train(tmp_path / f"{parts}", task).network.state_dict())
    for other in networks[1:]:
        for name, value in networks[0].items():
            torch.testing.assert_close(other[name], value, rtol=0, atol=1e-6)


def test_a_batch_that_cannot_be_divided_is_refused(tmp_path):
    task = SmallTask()
    task.loop = replace(task.loop, accumulate=3)
    with pytest.raises(InputError, match=r"a batch of 4 cannot be divided among 1 .* choose a multiple of 3"):
        Trainer(tmp_path / "run", task)


@pytest.mark.parametrize("kind", ["adam", "adamw", "sgd"])
def test_every_optimiser_goes_on_where_it_was(tmp_path, kind):
    optimizer = OptimizerSettings(kind=kind, learning_rate=0.01, weight_decay=1e-3, momentum=0.9)
    whole = train(tmp_path / "whole", SmallTask(optimizer=optimizer), stop_at=5)
    train(tmp_path / "broken", SmallTask(optimizer=optimizer), stop_at=3)
    broken = train(tmp_path / "broken", SmallTask(optimizer=optimizer), stop_at=5)
    for name, value in whole.network.state_dict().items():
        assert torch.equal(broken.network.state_dict()[name], value), name


def test_bfloat16_trains_and_float16_needs_cuda(tmp_path):
    task = SmallTask()
    task.loop = replace(task.loop, precision="bfloat16")
    network = train(tmp_path / "run", task).network
    assert {value.dtype for value in network.state_dict().values()} == {torch.float32}
    exact = train(tmp_path / "exact").network.state_dict()
    assert any(not torch.equal(exact[name], value) for name, value in network.state_dict().items())
    task.loop = replace(task.loop, precision="float16")
    with pytest.raises(InputError, match="float16 needs a CUDA device"):
        Trainer(tmp_path / "half", task)


def test_bfloat16_is_refused_where_its_gradients_are_wrong(tmp_path):
    class Volumes(SmallTask):
        def build(self):
            return torch.nn.Conv3d(1, 2, 3, padding=1)

    task = Volumes()
    Trainer(tmp_path / "exact", task)
    task.loop = replace(task.loop, precision="bfloat16")
    with pytest.raises(InputError, match="bfloat16 gives wrong gradients for volumes on the CPU"):
        Trainer(tmp_path / "run", task)


def test_plateau_ends_a_run_early_and_validates_once_more(tmp_path):
    task = SmallTask(optimizer=OptimizerSettings(learning_rate=1e-9))
    task.schedule = ScheduleSettings(epochs=50, kind="plateau", patience=1, stop_patience=2)
    lines: list[str] = []
    trainer = train(tmp_path / "run", task, say=lines.append)
    assert trainer.finished
    assert trainer.step < 150
    assert any("the training loss has not fallen for 2 epochs" in line for line in lines)
    assert int(rows(tmp_path / "run" / "scores.csv")[-1]["step"]) == trainer.step
    assert Trainer(tmp_path / "run", task).finished


def test_without_validation_the_last_weights_are_kept(tmp_path):
    trainer = train(tmp_path / "run", SmallTask(scored=False))
    weights, about = read_weights(tmp_path / "run" / BEST)
    assert about == {"step": 12, "epoch": 4, "dice": None}
    assert all(torch.equal(weights[name], value) for name, value in trainer.average.weights.items())
    assert not (tmp_path / "run" / "scores.csv").exists()


def test_the_average_follows_the_weights(tmp_path):
    """By the printed rule: a <- d a + (1 - d) w, d the smaller of the decay and (1 + n) / (10 + n)."""
    followed: list[dict[str, torch.Tensor]] = []

    class Watched(Trainer):
        def _one_step(self, batches):
            stopped = super()._one_step(batches)
            followed.append({name: value.clone() for name, value in self.network.state_dict().items()})
            return stopped

    expected = SmallTask().build().state_dict()
    trainer = Watched(tmp_path / "run", SmallTask(), say=lambda line: None)
    trainer.run(stop_at=5)
    for number, weights in enumerate(followed, start=1):
        decay = min(0.9, (1 + number) / (10 + number))
        expected = {name: decay * expected[name] + (1 - decay) * value for name, value in weights.items()}
    for name, value in expected.items():
        torch.testing.assert_close(trainer.average.weights[name], value)


def test_tensorboard_is_optional(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    lines: list[str] = []
    assert train(tmp_path / "run", say=lines.append).finished
    assert sum("TensorBoard is not installed" in line for line in lines) == 1
    assert not (tmp_path / "run" / "tensorboard").exists()


def test_tensorboard_holds_the_figures_of_the_tables(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = tmp_path / "run"
    train(folder, log_every=3, stop_at=9)
    train(folder, log_every=3)
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    for name, table, column in (
        ("training/loss", "log.csv", "loss"),
        ("validation/dice", "scores.csv", "dice"),
    ):
        told = {event.step: event.value for event in events.Scalars(name)}
        assert told == pytest.approx({int(row["step"]): float(row[column]) for row in rows(folder / table)})


def test_rows_and_epochs_tell_the_mean_loss_of_their_own_steps(tmp_path):
    train(tmp_path / "each", log_every=1)
    each = [float(row["loss"]) for row in rows(tmp_path / "each" / "log.csv")]
    train(tmp_path / "five", log_every=5)
    fives = [float(row["loss"]) for row in rows(tmp_path / "five" / "log.csv")]
    assert fives == pytest.approx([sum(each[:5]) / 5, sum(each[5:10]) / 5, sum(each[10:]) / 2])
    _, state = read_checkpoint(tmp_path / "five" / CHECKPOINT)
    epochs = [sum(each[first : first + 3]) / 3 for first in (0, 3, 6, 9)]
    assert state["schedule"]["lowest"] == pytest.approx(min(epochs))
    train(tmp_path / "broken", stop_at=5)  # in the middle of the second epoch
    train(tmp_path / "broken", stop_at=6)
    _, state = read_checkpoint(tmp_path / "broken" / CHECKPOINT)
    assert state["schedule"]["lowest"] == pytest.approx(min(epochs[:2]))
