import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from LiverTumorAttentionLib.errors import DeviceError, InputError
from Testing.patience import PATIENCE_S
from Testing.Training.prepared import slice_recipe, write_case
from training.data.case import PreparedCase
from training.loop.loading import Batch, Batches
from training.sampling import Sample, Sampler


@dataclass
class Numbered:
    """A sampler whose samples say their number and who made them."""

    seconds: float = 0.0

    def __call__(self, number: int) -> Sample:
        time.sleep(self.seconds)
        image = np.full((1, 4, 4), number, np.float32)
        truth = np.full((4, 4), number % 256, np.uint8)
        return Sample(inputs=(image, image + 0.5), truth=truth, case=f"{number} {os.getpid()}")


def numbers(batch: Batch) -> list[int]:
    return [int(value) for value in batch.inputs[0][:, 0, 0, 0]]


def first(batches: Batches, count: int) -> list[Batch]:
    with batches:
        return [next(batches) for _ in range(count)]


def test_a_batch_holds_its_samples_side_by_side():
    (batch,) = first(Batches(Numbered(), batch=3, first_step=2), 1)
    assert numbers(batch) == [6, 7, 8]
    assert [phase.shape for phase in batch.inputs] == [(3, 1, 4, 4)] * 2
    assert torch.equal(batch.inputs[1], batch.inputs[0] + 0.5)
    assert (batch.truth.shape, batch.truth.dtype) == ((3, 4, 4), torch.uint8)
    assert batch.truth[:, 0, 0].tolist() == [6, 7, 8]
    assert [case.split()[0] for case in batch.cases] == ["6", "7", "8"]
    assert all(
        torch.equal(a, b) for a, b in zip(batch.to(torch.device("cpu")).inputs, batch.inputs, strict=True)
    )


@pytest.mark.parametrize("workers", [0, 2])
def test_steps_follow_each_other_without_end_whoever_makes_them(workers):
    batches = first(Batches(Numbered(), batch=2, first_step=5, workers=workers), 6)
    assert [numbers(batch) for batch in batches] == [[2 * step, 2 * step + 1] for step in range(5, 11)]
    makers = {case.split()[1] for batch in batches for case in batch.cases}
    assert len(makers) == (workers or 1)
    assert (str(os.getpid()) in makers) == (workers == 0)


def test_processes_share_a_batch_and_see_all_of_it_once():
    whole = first(Batches(Numbered(), batch=6, first_step=3), 4)
    shares = [first(Batches(Numbered(), batch=6, first_step=3, rank=rank, world=3), 4) for rank in range(3)]
    for step, batch in enumerate(whole):
        assert [number for share in shares for number in numbers(share[step])] == numbers(batch)


@pytest.mark.parametrize(("batch", "world"), [(5, 2), (1, 2)])
def test_a_batch_that_cannot_be_shared_out_is_refused(batch, world):
    with pytest.raises(InputError, match=f"a batch of {batch} cannot be shared out evenly to 2 processes"):
        Batches(Numbered(), batch=batch, world=world)


@pytest.fixture
def cases(tmp_path: Path) -> list[PreparedCase]:
    rng = np.random.default_rng(1)
    made = []
    for name in ("first", "second"):
        labels = np.zeros((6, 40, 40), np.uint8)
        labels[1:5, 10:30, 10:30] = 1
        made.append(write_case(tmp_path / name, rng.integers(-200, 1200, labels.shape), labels))
    return made


def test_workers_make_the_very_samples_that_would_be_made_here(cases):
    everything = {
        "rotation_degrees": 20.0,
        "scale": 0.2,
        "flips": ["z", "y"],
        "elastic_mm": 2.0,
        "brightness": 0.1,
        "contrast": 0.1,
        "noise": 0.1,
    }
    sampler = Sampler(cases, slice_recipe("liver", augmentation=everything), seed=1)
    here = first(Batches(sampler, batch=4), 5)
    there = first(Batches(sampler, batch=4, first_step=2, workers=2), 3)
    for ours, theirs in zip(here[2:], there, strict=True):
        assert ours.cases == theirs.cases
        assert torch.equal(ours.inputs[0], theirs.inputs[0])
        assert torch.equal(ours.truth, theirs.truth)


def test_torchs_global_random_numbers_stay_as_they_were():
    state = torch.get_rng_state()
    first(Batches(Numbered(), batch=2, workers=1), 1)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_case_that_cannot_be_read_is_named_to_the_user(cases, workers):
    sampler = Sampler(cases, slice_recipe("liver"), seed=1)
    (cases[1].folder / "portal.npy").write_bytes(b"")
    with Batches(sampler, batch=2, workers=workers) as batches, pytest.raises(InputError) as caught:
        [next(batches) for _ in range(6)]
    message = str(caught.value)
    assert message.startswith(f"the prepared case {cases[1].folder}")
    assert message.endswith("prepare it again")
    assert "\n" not in message


@pytest.mark.parametrize("workers", [0, 1])
def test_a_fault_of_the_program_keeps_its_traceback_and_names_the_case(cases, workers):
    sampler = Sampler(cases, slice_recipe("liver"), seed=1)
    np.save(cases[1].folder / "labels.npy", np.full((6, 40, 40), 9, np.uint8))
    with (
        Batches(sampler, batch=2, workers=workers) as batches,
        pytest.raises(RuntimeError, match=r"(?s)sample \d+:.*Traceback.*IndexError.*from the case 'second'"),
    ):
        [next(batches) for _ in range(6)]


def test_waiting_is_told_from_working():
    with Batches(Numbered(seconds=0.02), batch=1) as slow:
        assert slow.waiting_share == 0
        [next(slow) for _ in range(5)]
        assert slow.waiting_share > 0.9
    with Batches(Numbered(), batch=1) as fast:
        for _ in range(5):
            next(fast)
            time.sleep(0.02)
        assert fast.waiting_share < 0.2


def test_workers_live_through_the_signals_that_ask_a_trainer_to_stop_and_end_with_it():
    with Batches(Numbered(), batch=1, workers=1) as batches:
        worker = int(next(batches).cases[0].split()[1])
        for which in (signal.SIGINT, signal.SIGTERM):
            os.kill(worker, which)
        assert numbers([next(batches) for _ in range(8)][-1]) == [8]
    with pytest.raises(ProcessLookupError, match="No such process"):
        os.kill(worker, 0)
    with pytest.raises(StopIteration):
        next(batches)


def test_a_worker_that_is_killed_is_told_as_too_little_memory_and_takes_the_others_with_it():
    with Batches(Numbered(), batch=1, workers=2) as batches:
        killed, other = (int(next(batches).cases[0].split()[1]) for _ in range(2))
        # torch's own handler would raise between any two lines of this test
        previous = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        try:
            os.kill(killed, signal.SIGKILL)
            with pytest.raises(DeviceError, match="memory ran out: go on with fewer workers") as caught:
                [next(batches) for _ in range(16)]
        finally:
            signal.signal(signal.SIGCHLD, previous)
    assert caught.value.__cause__ is not None  # whose traceback still holds torch's iterator
    with pytest.raises(ProcessLookupError, match="No such process"):
        os.kill(other, 0)


def test_workers_end_where_torch_tells_of_a_killed_one_while_they_do(monkeypatch):
    with Batches(Numbered(), batch=1, workers=2) as batches:
        workers = [int(next(batches).cases[0].split()[1]) for _ in range(2)]

        def told() -> None:
            raise RuntimeError("DataLoader worker (pid 1) is killed by signal: Killed.")

        monkeypatch.setattr(batches._iterator, "_shutdown_workers", told)
    for worker in workers:
        with pytest.raises(ProcessLookupError, match="No such process"):
            os.kill(worker, 0)


def test_a_program_that_fails_with_open_batches_ends():
    program = (
        "from Testing.Training.loop.test_loading import Numbered, Batches\n"
        "batches = Batches(Numbered(), batch=1, workers=1)\n"
        "next(batches)\n"
        "raise SystemExit(3)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=PATIENCE_S).returncode == 3
