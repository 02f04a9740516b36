"""Dry run of a training: two steps, a checkpoint and a validation, with the time and memory that they take."""

from __future__ import annotations

import copy
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from LiverTumorAttentionLib.ending import temporary_folder
from LiverTumorAttentionLib.errors import Cancelled
from LiverTumorAttentionLib.io.csv_file import read_csv
from LiverTumorAttentionLib.progress import Progress
from training.loop.distributed import Processes
from training.loop.logs import LOG, in_words
from training.loop.task import RecipeTask
from training.loop.trainer import Trainer
from training.loop.validation import validation_scores
from training.runs.checkpoint import CHECKPOINT


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """What a rehearsal measured."""

    parameters: int
    """Of the network."""
    steps: int
    """Of the whole training."""
    seconds_a_step: float
    """Mean of the steps that were made."""
    waiting_share: float
    """Share of a step that waited for its samples."""
    validations: int
    """In the whole training."""
    seconds_a_validation: float
    """Over all validation cases, estimated from one."""
    seconds_to_save: float
    """Of one checkpoint."""
    saves: int
    """Checkpoints in the whole training."""
    checkpoint_mb: float
    """Size of a checkpoint."""
    memory_mb: float
    """The most that was in use: on the GPU, or by this process."""

    @property
    def seconds(self) -> float:
        """Of the whole training."""
        return (
            self.steps * self.seconds_a_step
            + self.validations * self.seconds_a_validation
            + self.saves * self.seconds_to_save
        )

    def lines(self) -> list[str]:
        """Return the lines of its report."""
        validation = f"{in_words(self.seconds_a_validation)}, {self.validations} in all"
        return [
            f"network         {self.parameters / 1e6:.2f} million parameters",
            f"memory          {self.memory_mb:.0f} MB at most",
            f"a step          {self.seconds_a_step:.3g} s, {self.waiting_share:.0%} of it waiting for samples",
            f"a validation    {validation if self.validations else 'none: the last weights are kept'}",
            f"a checkpoint    {self.checkpoint_mb:.1f} MB, {self.seconds_to_save:.2g} s, {self.saves} in all",
            f"whole training  about {in_words(self.seconds)} for {self.steps} steps",
        ]


def rehearse(
    task: RecipeTask,
    beside: Path,
    *,
    processes: Processes,
    workers: int = 0,
    say: Callable[[str], None] = print,
) -> Rehearsal:
    """Make two steps, save and load them, and predict one case, in a folder that is removed again.

    It lies beside `beside`, the run's folder, or in the nearest folder above that is there.

    Raises what the training would raise, and `Cancelled`.
    """
    if task.device.torch.type == "cuda":
        torch.cuda.reset_peak_memory_stats(task.device.torch)
    trained = copy.copy(task)
    trained.validation = ()  # however short an epoch is, one case is enough
    above = next(folder for folder in beside.absolute().parents if folder.is_dir())
    with temporary_folder(above, ".rehearsal-") as temporary:
        folder = temporary / "run"
        trainer = _trainer(folder, trained, processes, workers, say)
        last = min(2, trainer.schedule.steps)
        trainer.run(stop_at=last)
        if trainer.step < last:
            raise Cancelled
        _check_round_trip(trainer, _trainer(folder, trained, processes, workers, say))
        started = time.monotonic()
        trainer.save()
        seconds_to_save = time.monotonic() - started
        *_, row = read_csv(folder / LOG, "the log", "train again").rows()
        epochs, loop = task.schedule.epochs, task.loop
        return Rehearsal(
            parameters=sum(parameter.numel() for parameter in trainer.network.parameters()),
            steps=trainer.schedule.steps,
            seconds_a_step=float(row["seconds_a_step"]),
            waiting_share=float(row["waiting_share"]),
            validations=-(-epochs // loop.validate_every) if task.validation else 0,
            seconds_a_validation=_seconds_a_validation(trainer, task, say),
            seconds_to_save=seconds_to_save,
            saves=-(-epochs // loop.save_every),
            checkpoint_mb=(folder / CHECKPOINT).stat().st_size / 1e6,
            memory_mb=_memory_mb(task.device.torch),
        )


def _trainer(
    folder: Path, task: RecipeTask, processes: Processes, workers: int, say: Callable[[str], None]
) -> Trainer:
    return Trainer(folder, task, processes=processes, workers=workers, log_every=1, say=say)


def _check_round_trip(trainer: Trainer, loaded: Trainer) -> None:
    """Make sure that what was saved is what is loaded."""
    weights = loaded.network.state_dict()
    same = all(torch.equal(value, weights[name]) for name, value in trainer.network.state_dict().items())
    if not same or loaded.step != trainer.step:
        raise RuntimeError("a checkpoint that was just written is loaded as something else")


def _seconds_a_validation(trainer: Trainer, task: RecipeTask, say: Callable[[str], None]) -> float:
    """Predict the first validation case, or the first training case where there is none; return the time of all."""
    case = (task.validation or task.training)[0]
    started = time.monotonic()
    scores = validation_scores(trainer.network, [case], task.recipe.stage, task.device, Progress())
    seconds = time.monotonic() - started
    say(f"{case.name} after two steps: " + ", ".join(f"{k} {v:.3f}" for k, v in scores.items()))
    return seconds * sum(other.labels.size for other in task.validation) / case.labels.size


def _memory_mb(device: torch.device) -> float:
    """Return the most memory that was in use, in MB; nan where the system does not report it."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    try:
        import resource
    except ImportError:  # Windows
        return float("nan")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 1e6 if sys.platform == "darwin" else most / 1e3
