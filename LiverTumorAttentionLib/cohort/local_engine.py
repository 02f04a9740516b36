"""Cases in processes of this computer. One that ends, by a crash or by the system, does not end the run."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from LiverTumorAttentionLib.cohort.engine import ANSWERED, DIED, PROGRESS, Event
from LiverTumorAttentionLib.cohort.task import Task
from LiverTumorAttentionLib.cohort.worker import work
from LiverTumorAttentionLib.memory import left_bytes
from LiverTumorAttentionLib.threads import usable_cores

CASES_A_PROCESS = 25
"""A process is replaced after so many cases: what libraries keep does not add up."""
THREADS_A_WORKER = 2
"""Planned for each worker where nothing else is asked for: half of a case's time is spent in one thread."""
END_S = 5.0
GIB = 2**30


@dataclass(kw_only=True)
class _Worker:
    """A process, the pipe to it, the task that it has, and how many cases it has run."""

    process: Any
    pipe: Connection
    device: str
    task: Task | None = None
    cases: int = 0


class LocalEngine:
    """A pool of processes.

    workers: how many; None takes what cores, cards and memory allow. devices: of a `SegmentationJob`, in turn.
    memory_gib: that a case may need. cases_a_process: after so many a process is replaced.
    """

    shares_memory = True

    def __init__(
        self,
        workers: int | None,
        devices: Sequence[str],
        memory_gib: float,
        *,
        cases_a_process: int = CASES_A_PROCESS,
    ) -> None:
        cores = usable_cores()
        self._devices = list(devices)
        count = workers or planned_workers(
            cores, len(devices) if devices[0].startswith("cuda") else 0, memory_gib
        )
        self._cases_a_process = cases_a_process
        self._threads = max(1, cores // count)
        self.most = count
        self._context = multiprocessing.get_context("spawn")
        self._workers: list[_Worker] = []

    def submit(self, task: Task, *, again: bool = False) -> None:
        """Give the task to a free process; one is started where none is free."""
        worker = next((each for each in self._workers if each.task is None), None) or self._start()
        worker.task = task
        with contextlib.suppress(OSError):  # it has ended, which `events` finds
            worker.pipe.send_bytes(json.dumps(task.to_dict()).encode())

    def events(self, timeout_s: float) -> list[Event]:
        """Return what has happened."""
        busy = [(worker, worker.task) for worker in self._workers if worker.task is not None]
        ready = set(wait([worker.pipe for worker, _ in busy], timeout_s))
        return [self._heard(worker, task) for worker, task in busy if worker.pipe in ready]

    def cancel(self, task: Task) -> None:
        """End the process that has the task."""
        for worker in [worker for worker in self._workers if worker.task == task]:
            self._remove(worker)

    def close(self) -> None:
        """End all processes: at their pipes' end, or by force where they do not notice."""
        for worker in self._workers:
            worker.process.terminate()
        limit = time.monotonic() + END_S
        for worker in self._workers:
            worker.process.join(max(0.0, limit - time.monotonic()))
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.pipe.close()
        self._workers = []

    def describe(self) -> dict[str, Any]:
        """Return what the manifest says of it."""
        return {"name": "local", "workers": self.most, "threads": self._threads, "devices": self._devices}

    def _start(self) -> _Worker:
        used = [worker.device for worker in self._workers]
        device = min(self._devices, key=used.count)
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=work, args=(theirs, self._threads, device, os.getpid()), daemon=True
        )
        process.start()
        theirs.close()
        worker = _Worker(process=process, pipe=ours, device=device)
        self._workers.append(worker)
        return worker

    def _heard(self, worker: _Worker, task: Task) -> Event:
        try:
            said = json.loads(worker.pipe.recv_bytes())
        except (EOFError, OSError):
            worker.process.join()
            self._remove(worker)
            return Event(kind=DIED, task=task, message=ending(worker.process.exitcode))
        if "answer" not in said:
            return Event(kind=PROGRESS, task=task, fraction=said["fraction"], message=said["stage"])
        worker.task = None
        worker.cases += 1
        if worker.cases >= self._cases_a_process:
            self._remove(worker)
        return Event(kind=ANSWERED, task=task, answer=said["answer"])

    def _remove(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.process.kill()  # it has nothing to do, or is gone already
        worker.process.join()
        worker.pipe.close()


def planned_workers(cores: int, cards: int, memory_gib: float) -> int:
    """Return how many cases at a time cores, graphics cards and the free memory allow; at least one."""
    left = left_bytes()
    by_memory = cores if left is None else int(left / (memory_gib * GIB))
    return max(1, min(cards or max(1, cores // THREADS_A_WORKER), by_memory))


def ending(code: int | None) -> str:
    """Return how a process ended, as part of a sentence."""
    if code is None or code >= 0:
        return f"ended by itself with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = str(-code)
    by = ", as the system does where memory runs out" if name == "SIGKILL" else ""
    return f"was ended by the signal {name}{by}"
