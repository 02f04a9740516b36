"""What runs the tasks of a cohort: the interface that processes of this computer and a Ray cluster share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from LiverTumorAttentionLib.cohort.task import Task

PROGRESS, ANSWERED, DIED, LOST, UNFIT = "progress", "answered", "died", "lost", "unfit"
"""Kinds of events: a fraction of a case; its end; its worker ended without an answer; its computer is gone, or cannot
begin with any case."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """What happened to a task.

    kind: one of the above. message: how the worker ended, or what the computer lacks, in a sentence part.
    """

    kind: str
    task: Task
    fraction: float = 0.0
    answer: Mapping[str, Any] = field(default_factory=dict)
    message: str = ""


class Engine(Protocol):
    """Runs tasks. It never runs more of them than `most` at a time."""

    @property
    def most(self) -> int:
        """How many tasks may be in flight now, at least one."""

    @property
    def shares_memory(self) -> bool:
        """Whether tasks take memory from each other, so that one that died is tried again alone."""

    def submit(self, task: Task, *, again: bool = False) -> None:
        """Begin with a task. again: whether it died before and is given more memory, where that can be asked for."""

    def events(self, timeout_s: float) -> Sequence[Event]:
        """Return what has happened since, after at most so many seconds. Raises `DeviceError` where it cannot go on."""

    def cancel(self, task: Task) -> None:
        """End a task that was submitted, and wait until its worker has ended; no event tells of it afterwards."""

    def close(self) -> None:
        """End all that still runs."""

    def describe(self) -> dict[str, Any]:
        """Return what the manifest says of it."""
