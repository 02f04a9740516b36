"""What `RayEngine` uses of Ray, in this process: for tests of the engine's own decisions, which need no cluster.

Each task that is sent waits until it is asked for. What becomes of it is set beforehand, by the name of its first case:
an answer by default, "crash", "memory", "node", "own" or "import".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any


class RayError(Exception):
    """Base, as in Ray."""


class WorkerCrashedError(RayError):
    """A worker's process ended."""


class OutOfMemoryError(RayError):
    """The memory monitor ended a worker."""


class NodeDiedError(RayError):
    """A computer is gone."""


class LocalRayletDiedError(RayError):
    """Ray has ended on the computer that drives."""


class RayTaskError(RayError):
    """An exception in a task."""

    cause: Exception | None = None


class FakeRay:
    """A cluster. nodes_: resources by computer. sent: options and names of the cases of each task."""

    __version__ = "fake"
    exceptions = SimpleNamespace(
        RayError=RayError,
        WorkerCrashedError=WorkerCrashedError,
        OutOfMemoryError=OutOfMemoryError,
        NodeDiedError=NodeDiedError,
        LocalRayletDiedError=LocalRayletDiedError,
        RayTaskError=RayTaskError,
    )

    def __init__(self, nodes: Sequence[dict[str, float]], seconds: float = 10.0) -> None:
        self.alive = [{"Alive": True, "Resources": dict(each)} for each in nodes]
        self.sent: list[tuple[dict[str, Any], list[str]]] = []
        self.fates: dict[str, list[str]] = {}
        self.cancelled: list[int] = []
        self.ended = False
        self._seconds = seconds
        self._tasks: dict[int, list[str]] = {}

    def remote(self, function: Callable[..., Any]) -> Any:
        def options(**options: Any) -> Any:
            def send(texts: Sequence[str], threads: int, device: str) -> int:
                self.sent.append((options, [json.loads(text)["name"] for text in texts]))
                self._tasks[len(self.sent)] = list(texts)
                return len(self.sent)

            return SimpleNamespace(remote=send)

        return SimpleNamespace(options=options)

    def wait(self, references: list[int], *, num_returns: int, timeout: float, fetch_local: bool) -> Any:
        assert 0 < num_returns <= len(references)
        ended = [reference for reference in references if reference in self.cancelled]
        ready = ended or references[:1]
        return ready, [reference for reference in references if reference not in ready]

    def get(self, reference: int) -> list[str]:
        texts = self._tasks.pop(reference)
        fates = self.fates.get(json.loads(texts[0])["name"], [])
        fate = fates.pop(0) if fates else "answer"
        if fate == "crash":
            raise WorkerCrashedError
        if fate == "memory":
            raise OutOfMemoryError
        if fate == "node":
            self.alive.pop()
            raise NodeDiedError
        if fate == "own":
            raise LocalRayletDiedError
        if fate == "import":
            raise RayTaskError("No module named 'LiverTumorAttentionLib'")
        return [json.dumps({"state": "done", "seconds": self._seconds}) for _ in texts]

    def nodes(self) -> list[dict[str, Any]]:
        return list(self.alive)

    def cancel(self, reference: int, *, force: bool) -> None:
        assert force
        self.cancelled.append(reference)

    def shutdown(self) -> None:
        self.ended = True
