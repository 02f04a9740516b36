"""Batches of numbered samples, prefetched by worker processes."""

from __future__ import annotations

import atexit
import itertools
import signal
import time
import traceback
import weakref
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from LiverTumorAttentionLib.errors import DeviceError, InputError, LiverTumorAttentionError
from training.sampling import Sample


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Samples side by side."""

    inputs: tuple[torch.Tensor, ...]
    """One a phase, (B, channels, *size) float32."""
    truth: torch.Tensor
    """(B, *size) uint8 class numbers; (B, slices, Y, X) for the 3D BE-loss."""
    cases: tuple[str, ...]
    """Name of the case of each sample."""

    def pin_memory(self) -> Batch:
        """Return the batch in memory from which CUDA copies while it computes; the loader calls this by its name."""
        return Batch(
            inputs=tuple(phase.pin_memory() for phase in self.inputs),
            truth=self.truth.pin_memory(),
            cases=self.cases,
        )

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device; a copy from pinned memory is not waited for."""
        return Batch(
            inputs=tuple(phase.to(device, non_blocking=True) for phase in self.inputs),
            truth=self.truth.to(device, non_blocking=True),
            cases=self.cases,
        )


class SampleOfNumber(Protocol):
    """Gives the sample of a number, whatever was asked before; other processes are sent a copy."""

    def __call__(self, number: int) -> Sample:
        """Return a sample."""


class Batches:
    """Iterates without end over the batches of one process, from any step on.

    The sample in place i of step s has the number s * batch + i. Of `world` processes, each takes an equal share
    of the places, in the order of their `rank`. So the samples of a step are the same for any number of
    processes and workers, and for a training that was stopped in between.
    batch: samples a step, over all processes. workers: processes that make samples ahead of time, each with one
    thread; 0 makes them here, when they are asked for. Close it, or use it in `with`, to end them.

    Raises `InputError` when the batch cannot be shared out, or, from `next`, when a sample cannot be made because of
    its case; `DeviceError` when a worker was ended from outside.
    """

    def __init__(
        self,
        sampler: SampleOfNumber,
        *,
        batch: int,
        first_step: int = 0,
        rank: int = 0,
        world: int = 1,
        workers: int = 0,
    ) -> None:
        if batch % world:
            raise InputError(
                f"a batch of {batch} cannot be shared out evenly to {world} processes: choose a multiple of {world}"
            )
        self._loader: Iterable[Batch | _Failure] | None = DataLoader(
            _Samples(sampler),
            batch_sampler=_Numbers(batch, first_step, rank, world),
            num_workers=workers,
            collate_fn=_together,
            pin_memory=torch.cuda.is_available(),
            worker_init_fn=_leave_signals_to_the_trainer,
            generator=torch.Generator(),  # else seeds for the workers would be taken from torch's global one
        )
        self._iterator: Iterator[Batch | _Failure] | None = None
        self._begun: float | None = None
        self._waited = 0.0
        _OPEN.add(self)

    def __iter__(self) -> Batches:
        return self

    def __next__(self) -> Batch:
        """Return the batch of the next step."""
        if self._loader is None:
            raise StopIteration
        asked = time.perf_counter()
        self._begun = asked if self._begun is None else self._begun
        if self._iterator is None:
            self._iterator = iter(self._loader)
        try:
            batch = next(self._iterator)
        except (RuntimeError, OSError, EOFError) as error:  # no sampler's: those come as a `_Failure`
            if isinstance(error, RuntimeError) and "DataLoader worker" not in str(error):
                raise
            raise DeviceError(
                "a process that makes training samples was ended from outside, most likely because memory ran out: "
                "go on with fewer workers"
            ) from error
        self._waited += time.perf_counter() - asked
        if isinstance(batch, _Failure):
            raise InputError(batch.message) if batch.by_the_case else RuntimeError(batch.message)
        return batch

    @property
    def waiting_share(self) -> float:
        """Share of the time since the first step began, 0 to 1, that steps waited for their samples."""
        return 0.0 if self._begun is None else self._waited / (time.perf_counter() - self._begun)

    def close(self) -> None:
        """End the workers; there are no more batches."""
        # torch ends them with the last reference to its iterator, but a traceback may hold one for long
        iterator = self._iterator
        self._loader = self._iterator = None
        end = getattr(iterator, "_shutdown_workers", None)
        if end is None:
            return
        try:
            end()
        except (
            RuntimeError
        ) as error:  # torch's signal handler tells of a worker that was killed, whatever runs
            if "DataLoader worker" not in str(error):
                raise
            for worker in getattr(iterator, "_workers", ()):
                worker.kill()
                worker.join()

    def __enter__(self) -> Batches:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_OPEN: weakref.WeakSet[Batches] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """End what a program that fails leaves open: its workers do not heed the signal that would end them."""
    for batches in list(_OPEN):
        batches.close()


@dataclass(frozen=True, kw_only=True)
class _Failure:
    """Why a sample could not be made, in words that survive the way from a worker."""

    message: str
    by_the_case: bool
    """Whether the user can cure it; otherwise it is a fault of the program, and the message has its traceback."""


class _Samples(Dataset[Sample | _Failure]):
    """Samples by number; what goes wrong is handed on, for the loader would bury its message."""

    def __init__(self, sampler: SampleOfNumber) -> None:
        self._sampler = sampler

    def __getitem__(self, number: int) -> Sample | _Failure:
        try:
            return self._sampler(number)
        except LiverTumorAttentionError as error:
            return _Failure(message=str(error), by_the_case=True)
        except Exception:
            return _Failure(message=f"sample {number}:\n{traceback.format_exc()}", by_the_case=False)


@dataclass(frozen=True)
class _Numbers:
    """The numbers of one process's samples, step by step."""

    batch: int
    first_step: int
    rank: int
    world: int

    def __iter__(self) -> Iterator[list[int]]:
        share = self.batch // self.world
        for step in itertools.count(self.first_step):
            first = step * self.batch + self.rank * share
            yield list(range(first, first + share))


def _together(samples: Sequence[Sample | _Failure]) -> Batch | _Failure:
    """Return samples as a batch, or the first failure among them."""
    made: list[Sample] = []
    for sample in samples:
        if isinstance(sample, _Failure):
            return sample
        made.append(sample)
    phases = zip(*(sample.inputs for sample in made), strict=True)
    return Batch(
        inputs=tuple(torch.from_numpy(np.stack(phase)) for phase in phases),
        truth=torch.from_numpy(np.stack([sample.truth for sample in made])),
        cases=tuple(sample.case for sample in made),
    )


def _leave_signals_to_the_trainer(worker: int) -> None:
    """Let a worker live through Ctrl-C and SIGTERM, which reach all processes of a group.

    The trainer finishes its step and then ends its workers; a worker whose trainer is gone ends by itself.
    """
    for which in (signal.SIGINT, signal.SIGTERM):
        signal.signal(which, signal.SIG_IGN)
