"""Cases as tasks of a Ray cluster (`pip install .[cluster]`), with memory and graphics cards as Ray's resources.

Every computer of the cluster has this software, and sees the input and the results by the same paths. Ray starts no
task again by itself: what becomes of a case whose worker or computer is gone is said in one place, `schedule`. Small
cases go out several at a time, so that the cluster's own time does not count; a worker that dies takes these along.
"""

from __future__ import annotations

import json
import logging
import math
import os
import statistics
from collections import deque
from collections.abc import Sequence
from typing import Any

from LiverTumorAttentionLib.cohort.engine import ANSWERED, DIED, LOST, Event
from LiverTumorAttentionLib.cohort.task import Task
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.threads import ITK_THREADS, usable_cores

BATCH_S = 2.0
MOST_IN_A_BATCH = 32
MEASURED = 50
"""Cases over whose median time a batch is planned."""
AHEAD = 2
"""Cases in flight for each that the cluster can compute at once: the next one waits there already."""
THREADS = 2
GIB = 2**30
AGAIN = 2.0
"""Times the memory that a case gets which died before."""


class RayEngine:
    """Tasks of a cluster.

    address: as `ray.init` takes it; None starts Ray on this computer, which `close` ends. workers: cases in flight, at
    most. gpus: "all", "none" or "auto". memory_gib: reserved for a case. Raises `InputError` without Ray, and where the
    cluster does not answer or has no computer with so much memory.
    """

    shares_memory = False

    def __init__(self, address: str | None, workers: int | None, gpus: str, memory_gib: float) -> None:
        self._ray = _started(address)
        self._workers = workers
        self._memory = int(memory_gib * GIB)
        self._cards = 1 if gpus == "all" or (gpus == "auto" and self._resource("GPU") > 0) else 0
        self._cores = min(THREADS, max(1, int(max((n["CPU"] for n in self._nodes()), default=1))))
        self._alive = len(self._nodes())
        self._remote = self._ray.remote(run_batch)
        self._waiting: deque[tuple[Task, bool]] = deque()
        self._flying: dict[Any, list[Task]] = {}
        self._lost: list[Event] = []
        self._seconds: deque[float] = deque(maxlen=MEASURED)
        if self._slots() < 1:
            self.close()
            raise InputError(
                f"no computer of the Ray cluster has {memory_gib:g} GiB{' and a graphics card' if self._cards else ''} "
                "for a case: give a smaller --memory-gib or --gpus none, or add a computer"
            )

    @property
    def most(self) -> int:
        """Cases in flight: what the cluster computes at once, and the next ones; computers may come and go."""
        most = max(1, self._slots()) * AHEAD * self._batch()
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
                self._ray.cancel(reference, force=True)
                self._lost += [
                    Event(kind=LOST, task=other, message="shared a worker with a case that was cancelled")
                    for other in batch
                    if other != task
                ]

    def close(self) -> None:
        """Cancel all tasks, and end Ray where it was started here."""
        for reference in self._flying:
            self._ray.cancel(reference, force=True)
        self._flying, self._waiting = {}, deque()
        self._ray.shutdown()

    def describe(self) -> dict[str, Any]:
        """Return what the manifest says of it."""
        return {
            "name": "ray",
            "version": self._ray.__version__,
            "computers": len(self._nodes()),
            "cores_a_case": self._cores,
            "cards_a_case": self._cards,
            "memory_gib_a_case": self._memory / GIB,
        }

    def _send(self) -> None:
        size = self._batch()
        while self._waiting:
            again = self._waiting[0][1]
            batch: list[Task] = []
            while self._waiting and self._waiting[0][1] == again and len(batch) < (1 if again else size):
                batch.append(self._waiting.popleft()[0])
            memory = int(self._memory * (AGAIN if again else 1.0))
            options = {
                "num_cpus": self._cores,
                "num_gpus": self._cards,
                "memory": min(memory, self._largest()),
            }
            remote = self._remote.options(max_retries=0, **options)
            texts = [json.dumps(task.to_dict()) for task in batch]
            self._flying[remote.remote(texts, self._cores)] = batch

    def _ended(self, reference: Any) -> list[Event]:
        batch = self._flying.pop(reference)
        errors = self._ray.exceptions
        try:
            answers = [json.loads(text) for text in self._ray.get(reference)]
        except errors.RayTaskError as error:  # `run_task` lets no error of a case through
            words = " ".join(str(error.cause or error).split())[-200:]
            raise InputError(
                f"a worker of the Ray cluster could not begin ({words}): install this version of the software, and its "
                "models, on every computer of the cluster"
            ) from error
        except errors.RayError as error:
            kind = DIED if _is_death_of_a_worker(error, errors, self._has_lost_a_computer()) else LOST
            words = f"ended on the cluster ({type(error).__name__})"
            return [Event(kind=kind, task=task, message=words) for task in batch]
        self._seconds.extend(answer["seconds"] for answer in answers if "seconds" in answer)
        return [
            Event(kind=ANSWERED, task=task, answer=answer)
            for task, answer in zip(batch, answers, strict=True)
        ]

    def _has_lost_a_computer(self) -> bool:
        """Whether a computer of the cluster has gone since this was last asked."""
        before, self._alive = self._alive, len(self._nodes())
        return self._alive < before

    def _batch(self) -> int:
        if not self._seconds:
            return 1
        return max(1, min(MOST_IN_A_BATCH, int(BATCH_S / max(1e-3, statistics.median(self._seconds)))))

    def _nodes(self) -> list[dict[str, float]]:
        """Return the resources of each computer that is alive."""
        found = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        return [{name: float(each.get(name, 0)) for name in ("CPU", "GPU", "memory")} for each in found]

    def _resource(self, name: str) -> float:
        return sum(node[name] for node in self._nodes())

    def _largest(self) -> int:
        return int(max((node["memory"] for node in self._nodes()), default=self._memory))

    def _slots(self) -> int:
        """Return how many cases the cluster can compute at once."""
        total = 0
        for node in self._nodes():
            bounds = [node["CPU"] / self._cores, node["memory"] / self._memory]
            bounds += [node["GPU"] / self._cards] if self._cards else []
            total += math.floor(min(bounds))
        return total


def run_batch(texts: Sequence[str], threads: int) -> list[str]:
    """Run tasks, one after another, in a worker of the cluster. texts: JSON of each."""
    os.environ |= {ITK_THREADS: str(threads), "OMP_NUM_THREADS": str(threads)}
    from LiverTumorAttentionLib.cohort.task import run_task

    return [json.dumps(run_task(json.loads(text), "auto", lambda fraction, stage: None)) for text in texts]


def _is_death_of_a_worker(error: Exception, errors: Any, computer_gone: bool) -> bool:
    """Return whether a task ended with its worker's process, by a crash or for want of memory."""
    if isinstance(error, errors.OutOfMemoryError):
        return True
    return isinstance(error, errors.WorkerCrashedError) and not computer_gone


def _started(address: str | None) -> Any:
    """Return Ray, connected. Raises `InputError`."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise InputError(
            "the engine ray needs Ray, which is not installed: install it with pip install '.[cluster]', or give "
            "--engine local"
        ) from error
    own: dict[str, Any] = {"num_cpus": usable_cores(), "include_dashboard": False} if address is None else {}
    try:
        ray.init(address=address or "local", log_to_driver=False, logging_level=logging.ERROR, **own)
    except (ConnectionError, RuntimeError, ValueError, OSError, TimeoutError) as error:
        raise InputError(
            f"the Ray cluster at {address or 'this computer'} does not answer ({' '.join(str(error).split())[:200]}): "
            "check the address, and that it runs Ray of this version"
        ) from error
    return ray
