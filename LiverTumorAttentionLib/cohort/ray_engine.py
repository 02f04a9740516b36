"""Cases as tasks of a Ray cluster (`pip install .[cluster]`), with memory and graphics cards as Ray's resources.

Every computer of the cluster has this software, and sees the input and the results by the same paths. Ray starts no
task again by itself: what becomes of a case whose worker or computer is gone is said in one place, `schedule`. Small
cases go out several at a time, so that the cluster's own time does not count; a worker that dies takes these along.
"""

from __future__ import annotations

import json
import os
import statistics
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib import __version__
from LiverTumorAttentionLib.cohort.engine import ANSWERED, DIED, LOST, UNFIT, Event
from LiverTumorAttentionLib.cohort.ray_cluster import GIB, RayCluster, connected
from LiverTumorAttentionLib.cohort.task import Task
from LiverTumorAttentionLib.errors import DeviceError, InputError
from LiverTumorAttentionLib.threads import ITK_THREADS

BATCH_S = 2.0
MOST_IN_A_BATCH = 32
MEASURED = 50
"""Cases over whose median time a batch is planned."""
AHEAD = 2
"""Cases in flight for each that the cluster can compute at once: the next one waits there already."""
AGAIN = 2.0
"""Times the memory that a case gets which died before."""
END_S = 10.0
"""How long the end of a worker is waited for, so that it writes nothing any more."""


class RayEngine:
    """Tasks of a cluster.

    address: as `ray.init` takes it; None starts Ray on this computer, which `close` ends. workers: cases in flight, at
    most. gpus: "all", "none" or "auto". memory_gib: reserved for a case. one_by_one: whether each goes out alone and
    when there is a place for it, for cases of several users, who cancel their own. Raises `InputError` without Ray, and
    where the cluster does not answer or has no computer with so much memory.
    """

    shares_memory = False

    def __init__(
        self,
        address: str | None,
        workers: int | None,
        gpus: str,
        memory_gib: float,
        *,
        one_by_one: bool = False,
    ) -> None:
        self._ray = connected(address)
        self._workers = workers
        self._memory_gib = memory_gib
        self._one_by_one = one_by_one
        self._cluster = RayCluster(self._ray, int(memory_gib * GIB), gpus)
        self._remote = self._ray.remote(run_batch)
        self._waiting: deque[tuple[Task, bool]] = deque()
        self._flying: dict[Any, list[Task]] = {}
        self._lost: list[Event] = []
        self._seconds: deque[float] = deque(maxlen=MEASURED)
        if self._cluster.slots() < 1:
            self.close()
            card = " and a graphics card" if self._cluster.cards else ""
            raise InputError(
                f"no computer of the Ray cluster has {memory_gib:g} GiB{card} for a case: give a smaller --memory-gib "
                "or --gpus none, or add a computer"
            )

    @property
    def most(self) -> int:
        """Cases in flight: what the cluster computes at once, and the next ones; computers may come and go."""
        most = max(1, self._cluster.slots()) * (1 if self._one_by_one else AHEAD * self._batch())
        return min(self._workers or most, most)

    def submit(self, task: Task, *, again: bool = False) -> None:
        """Note a task; `events` sends it."""
        self._waiting.append((task, again))

    def events(self, timeout_s: float) -> list[Event]:
        """Send what waits, and return what has ended."""
        self._send()
        lost, self._lost = self._lost, []
        if lost:
            return lost
        ready, _ = self._ray.wait(
            list(self._flying), num_returns=min(len(self._flying), 100), timeout=timeout_s, fetch_local=False
        )
        return [event for reference in ready for event in self._ended(reference)]

    def cancel(self, task: Task) -> None:
        """End the worker that has the task; others that went out with it begin anew, and count as lost."""
        self._waiting = deque(each for each in self._waiting if each[0] != task)
        for reference, batch in list(self._flying.items()):
            if task in batch:
                del self._flying[reference]
                self._end([reference])
                self._lost += [
                    Event(kind=LOST, task=other, message="shared a worker with a case that was cancelled")
                    for other in batch
                    if other != task
                ]

    def close(self) -> None:
        """Cancel all tasks, and end Ray where it was started here."""
        try:
            self._end(list(self._flying))
        finally:
            self._flying, self._waiting = {}, deque()
            self._ray.shutdown()

    def describe(self) -> dict[str, Any]:
        """Return what the manifest says of it."""
        return {
            "name": "ray",
            "version": self._ray.__version__,
            "computers": len(self._cluster.nodes()),
            "cores_a_case": self._cluster.cores,
            "cards_a_case": self._cluster.cards,
            "memory_gib_a_case": self._memory_gib,
        }

    def _send(self) -> None:
        size = self._batch()
        while self._waiting:
            again = self._waiting[0][1]
            batch: list[Task] = []
            while self._waiting and self._waiting[0][1] == again and len(batch) < (1 if again else size):
                batch.append(self._waiting.popleft()[0])
            options = self._cluster.reserved(AGAIN if again else 1.0)
            remote = self._remote.options(max_retries=0, **options)
            texts = [json.dumps(task.to_dict()) for task in batch]
            device = "auto" if self._cluster.cards else "cpu"
            self._flying[remote.remote(texts, self._cluster.cores, device)] = batch

    def _end(self, references: list[Any]) -> None:
        """End the workers of tasks, and wait until they are gone."""
        if not references:
            return
        for reference in references:
            self._ray.cancel(reference, force=True)
        self._ray.wait(references, num_returns=len(references), timeout=END_S, fetch_local=False)

    def _ended(self, reference: Any) -> list[Event]:
        batch = self._flying.pop(reference)
        errors = self._ray.exceptions
        try:
            answers = [json.loads(text) for text in self._ray.get(reference)]
        except errors.RayTaskError as error:  # `run_task` lets no error of a case through
            words = " ".join(str(error.cause or error).split())[-200:]
            return [Event(kind=UNFIT, task=task, message=words) for task in batch]
        except errors.LocalRayletDiedError as error:
            raise DeviceError(
                "Ray on this computer has ended, and no case can be sent any more: start it again, then this command"
            ) from error
        except errors.RayError as error:
            gone = self._cluster.has_lost_a_computer()
            kind = DIED if _is_death_of_a_worker(error, errors, gone) else LOST
            words = f"ended on the cluster ({type(error).__name__})"
            return [Event(kind=kind, task=task, message=words) for task in batch]
        self._seconds.extend(answer["seconds"] for answer in answers if "seconds" in answer)
        return [
            Event(kind=ANSWERED, task=task, answer=answer)
            for task, answer in zip(batch, answers, strict=True)
        ]

    def _batch(self) -> int:
        if self._one_by_one or not self._seconds:
            return 1
        return max(1, min(MOST_IN_A_BATCH, int(BATCH_S / max(1e-3, statistics.median(self._seconds)))))


def run_batch(texts: Sequence[str], threads: int, device: str) -> list[str]:
    """Run tasks, one after another, in a worker of the cluster. texts: JSON of each. device: of a `SegmentationJob`.

    Raises `RuntimeError` on a computer that cannot begin.
    """
    os.environ |= {ITK_THREADS: str(threads), "OMP_NUM_THREADS": str(threads)}
    from LiverTumorAttentionLib.cohort.task import run_task

    tasks = [json.loads(text) for text in texts]
    for values in tasks:
        _check_computer(values)
    return [json.dumps(run_task(values, device, lambda fraction, stage: None)) for values in tasks]


def _check_computer(values: Mapping[str, Any]) -> None:
    """Raise `RuntimeError` on a computer with another version of the software, or that does not see the folder."""
    if values["version"] != __version__:
        raise RuntimeError(f"its software is of version {__version__}, that of the run {values['version']}")
    folder = Path(values["folder"]).parent
    if not folder.is_dir():
        raise RuntimeError(f"it does not see the folder '{folder}'")


def _is_death_of_a_worker(error: Exception, errors: Any, computer_gone: bool) -> bool:
    """Return whether a task ended with its worker's process, by a crash or for want of memory."""
    if isinstance(error, errors.OutOfMemoryError):
        return True
    return isinstance(error, errors.WorkerCrashedError) and not computer_gone
