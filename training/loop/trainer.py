"""The one training loop: numbered samples, checkpoints that resume bit for bit, validation on whole cases.

A run is a folder; `training/runs/run_folder.py` describes it. Stopped by a signal, it finishes its step, saves and
returns; killed, it resumes from its last checkpoint. Either way it ends, on the CPU with the same number of
threads, bit for bit where an unbroken run ends. On CUDA some operations add in no fixed order, and runs agree up to
rounding.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn

from LiverTumorAttentionLib.errors import Cancelled, InputError
from LiverTumorAttentionLib.progress import Progress
from training.loop.attention_log import SAMPLES, attention_figures, has_attention
from training.loop.distributed import Processes
from training.loop.gradients import add_gradients, on_device, seed_step
from training.loop.loading import Batch, Batches
from training.loop.logs import Logs, Report
from training.loop.optimization import Optimization, RunningAverage
from training.loop.schedule import Schedule
from training.loop.stopping import StopSignals
from training.loop.task import Task
from training.runs.checkpoint import (
    BEST,
    CHECKPOINT,
    read_checkpoint,
    remove_leftovers,
    write_checkpoint,
    write_weights,
)
from training.runs.run_folder import alone_in, check_folder_fits, record_start


@dataclass(kw_only=True)
class Position:
    """How far a run has come."""

    step: int = 0
    """Steps made."""
    epoch_loss: float = 0.0
    """Sum of the losses of this epoch's steps."""
    validated: int = 0
    """Step of the last validation."""
    best_score: float | None = None
    """The highest "dice" of all validations."""


class Trainer:
    """Trains a task in a folder; where the folder holds a run of the same task, it resumes it.

    processes: this process among those that train together. workers: processes that make samples.
    Raises `InputError` when the folder holds something else, or the batch cannot be divided.
    """

    def __init__(
        self,
        folder: Path,
        task: Task,
        *,
        processes: Processes | None = None,
        workers: int = 0,
        log_every: int = 50,
        say: Callable[[str], None] = print,
    ) -> None:
        self.folder, self.task = folder, task
        self.processes = processes or Processes()
        self._workers, self._log_every = workers, log_every
        self._say = say if self.processes.writes else lambda line: None
        self.processes.check_batch(task.loop.batch, task.loop.accumulate)
        check_folder_fits(folder, task.settings())
        self.steps_an_epoch = math.ceil(task.sampler.samples_an_epoch / task.loop.batch)
        self.schedule = Schedule(task.schedule, task.optimizer.learning_rate, self.steps_an_epoch)
        self.network = self.processes.normalized_together(self._built())
        self._together = self.processes.together(self.network)
        self.optimization = Optimization(
            self.network, task.optimizer, task.loop.precision, self.processes.device
        )
        decay = task.loop.average_decay
        self.average = None if decay is None else RunningAverage(self.network, decay)
        self._averaged: nn.Module | None = None
        self.position = Position()
        if (folder / CHECKPOINT).exists():
            self._resume()
        self._signals, self._report = StopSignals(), Report(say=self._say)

    @property
    def step(self) -> int:
        """Steps made."""
        return self.position.step

    @property
    def epoch(self) -> int:
        """Whole epochs made."""
        return self.step // self.steps_an_epoch

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return self._at_end() and not self._validation_is_due()

    def run(self, *, stop_at: int | None = None) -> bool:
        """Train to the end, or up to a step; return whether the end was reached. A signal may come before it."""
        if self.processes.agree(float(self.step), False)[0] != self.step:
            raise InputError(
                f"the processes do not find the same run in {self.folder}: put it where all can read it"
            )
        if self.finished:
            self._say(f"the run is finished, at step {self.step}")
            return True
        last = min(self.schedule.steps, stop_at or self.schedule.steps)
        with alone_in(self.folder) if self.processes.writes else nullcontext():
            self._start()
            try:
                with self._signals, _deterministic(), self._batches() as batches:
                    stopped = self._validate_if_due()
                    while not stopped and self.step < last and not self._at_end():
                        stopped = self._one_step(batches)
                        if self.step % self.steps_an_epoch == 0:
                            stopped = self._end_epoch(stopped)
                    self._report.write()
                    self.save()
            finally:
                self._report.close()
        if not self.finished and self.step < last:
            self._say(f"stopped at step {self.step}, saved; the same command resumes from here")
        return self.finished

    def _one_step(self, batches: Iterator[Batch]) -> bool:
        """Make a step; return whether a process was asked to stop. Raises `InputError` for what is not finite."""
        started = time.monotonic()
        batch = next(batches)
        waited = time.monotonic() - started
        seed_step(self.task.seed, self.step, self.processes.rank)
        loss = add_gradients(self._together, batch, self.task, self.optimization, self.processes)
        loss, stopped = self.processes.agree(loss, self._signals.asked)
        norm = self.optimization.gradient_norm()
        if not (math.isfinite(loss) and self.optimization.is_sound(norm)):
            raise InputError(self._not_finite(loss))
        rate = self.schedule.rate(self.step)
        self.optimization.step(rate)
        self.position.step += 1
        self.position.epoch_loss += loss
        if self.average is not None:
            self.average.update(self.network, self.step)
        self._report.add(self.step, loss, rate, seconds=time.monotonic() - started, waiting=waited)
        return stopped or (self.processes.world == 1 and self._signals.asked)

    def _end_epoch(self, stopped: bool) -> bool:
        """Update the schedule, validate and save where that is due; return whether to stop."""
        self.schedule.end_epoch(self.position.epoch_loss / self.steps_an_epoch, self.step)
        self.position.epoch_loss = 0.0
        if self.schedule.ended is not None:
            self._say(f"training ends after epoch {self.epoch}: {self.schedule.ended}")
        stopped = stopped or self._validate_if_due()
        if not (stopped or self._at_end()) and self.epoch % self.task.loop.save_every == 0:
            self.save()
        return stopped

    def _at_end(self) -> bool:
        return self.step >= self.schedule.steps or self.schedule.ended is not None

    def _validation_is_due(self) -> bool:
        if self.step % self.steps_an_epoch or self.position.validated == self.step:
            return False
        return self._at_end() or self.epoch % self.task.loop.validate_every == 0

    def _validate_if_due(self) -> bool:
        """Validate and keep the best weights; return whether a process was asked to stop meanwhile."""
        if not self._validation_is_due():
            return False
        try:
            if self.processes.writes:
                progress = Progress(cancelled=lambda: self._signals.asked)
                self._keep_scores(self.task.validate(self._network_to_keep(), progress))
                self._log_attention()
        except Cancelled:
            pass  # it is still due, and done first when the run resumes
        else:
            self.position.validated = self.step
        return self.processes.agree(0.0, self._signals.asked)[1]

    def _keep_scores(self, scores: dict[str, float]) -> None:
        """Record scores, and the weights when they are the best so far."""
        if not scores:
            return
        self._report.add_scores(self.step, scores)
        best, score = self.position.best_score, scores["dice"]
        if math.isfinite(score) and (best is None or score > best):
            self.position.best_score = score
            self._write_weights(score)

    def _log_attention(self) -> None:
        """Record what the network's attention weighs, on the same samples each time."""
        network = self._network_to_keep()
        if has_attention(network):
            with Batches(self.task.sampler, batch=1) as batches:
                samples = (batch.inputs for batch in itertools.islice(batches, SAMPLES))
                figures = attention_figures(network, samples, self.processes.device)
            self._report.add_attention(self.step, figures)

    def _built(self) -> nn.Module:
        return on_device(self.task.build(), self.processes.device)

    def _network_to_keep(self) -> nn.Module:
        """Return the network that is validated and kept: with the averaged weights, where there are any."""
        if self.average is None:
            return self.network
        self._averaged = self._averaged or self._built()
        self._averaged.load_state_dict(self.average.weights)
        return self._averaged

    def _batches(self) -> Batches:
        return Batches(
            self.task.sampler,
            batch=self.task.loop.batch,
            first_step=self.step,
            rank=self.processes.rank,
            world=self.processes.world,
            workers=self._workers,
        )

    def _start(self) -> None:
        """Record the start or the resumption of the run."""
        if not self.processes.writes:
            return
        remove_leftovers(self.folder)
        start = {
            "step": self.step,
            "device": str(self.processes.device),
            "processes": self.processes.world,
            "threads": torch.get_num_threads(),
        }
        record_start(self.folder, self.task.settings(), start)
        self._report = Report(
            Logs(self.folder, self.step, self._say),
            steps=self.schedule.steps,
            steps_an_epoch=self.steps_an_epoch,
            every=self._log_every,
            say=self._say,
        )

    def save(self) -> None:
        """Write the checkpoint, and the weights where no validation chooses them."""
        if not self.processes.writes:
            return
        groups = {"network": self.network.state_dict(), "optimizer": self.optimization.tensors()}
        if self.average is not None:
            groups["average"] = self.average.weights
        state = {
            "position": asdict(self.position),
            "schedule": self.schedule.state(),
            "optimization": self.optimization.state(),
        }
        if self.position.best_score is None:
            self._write_weights(None)
        write_checkpoint(self.folder / CHECKPOINT, groups, state)

    def _write_weights(self, score: float | None) -> None:
        weights = self.network.state_dict() if self.average is None else self.average.weights
        about = {"step": self.step, "epoch": self.epoch, "dice": score}
        write_weights(self.folder / BEST, weights, about)

    def _resume(self) -> None:
        groups, state = read_checkpoint(self.folder / CHECKPOINT)
        try:
            self.network.load_state_dict(groups["network"])
            self.optimization.restore(groups.get("optimizer", {}), state["optimization"])
            if self.average is not None:
                self.average.restore(groups["average"])
            self.schedule.restore(state["schedule"])
            self.position = Position(**state["position"])
        except (KeyError, TypeError, RuntimeError) as error:
            raise InputError(
                f"{self.folder / CHECKPOINT} does not fit this version of the network or of the training ({error}): "
                "go on with the version that wrote it (run.json names it), or start in a new folder"
            ) from error

    def _not_finite(self, loss: float) -> str:
        batch = self.task.loop.batch
        numbers = range(self.step * batch, (self.step + 1) * batch)
        cases = ", ".join(dict.fromkeys(self.task.sampler(number).case for number in numbers))
        saved = (self.folder / CHECKPOINT).exists()
        what = "the gradients are not finite" if math.isfinite(loss) else f"the loss is {loss}"
        return (
            f"{what} at step {self.step}, on samples of {cases} "
            f"({'the checkpoint is that of before' if saved else 'nothing was saved yet'}): look at these cases, "
            "lower optimizer.learning_rate, clip with optimizer.clip_norm, or use precision float32"
        )


def _deterministic() -> AbstractContextManager[None]:
    """Return the context in which cuDNN chooses algorithms that give the same result twice."""
    flags: AbstractContextManager[None] = torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True
    )
    return flags
