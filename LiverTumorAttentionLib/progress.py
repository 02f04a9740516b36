"""Progress of a long action, and the wish to cancel it.

A function that takes more than two seconds takes a `Progress`, calls `update()` at least once a second
with the fraction of *its own* work that is done, and hands `part()`s of it to what it calls. The one who
started the action sees one rising fraction; the one who does the work never needs to know its share.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from LiverTumorAttentionLib.errors import Cancelled


@dataclass(frozen=True, kw_only=True)
class ProgressEvent:
    """One step of progress.

    stage: what is being done, in words fit for a progress bar, such as ``"liver"``.
    fraction: share of the whole action that is done, 0 to 1, never falling.
    message: a detail for the curious, possibly empty.
    """

    stage: str
    fraction: float
    message: str = ""


class Progress:
    """Reports events and raises `Cancelled` when the user wants to stop.

    report: called with every `ProgressEvent`; None reports nothing.
    cancelled: asked at every update; True ends the action.
    """

    def __init__(
        self,
        report: Callable[[ProgressEvent], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
        *,
        stage: str = "",
        start: float = 0.0,
        end: float = 1.0,
    ) -> None:
        self._report = report
        self._cancelled = cancelled
        self._stage = stage
        self._start = start
        self._end = end

    def part(self, start: float, end: float, stage: str | None = None) -> Progress:
        """Return the progress of a sub-task that fills [start, end] of this one's range."""
        width = self._end - self._start
        return Progress(
            self._report,
            self._cancelled,
            stage=self._stage if stage is None else stage,
            start=self._start + start * width,
            end=self._start + end * width,
        )

    def update(self, fraction: float, message: str = "") -> None:
        """Say that `fraction` (0 to 1) of this task is done. Raises `Cancelled`."""
        self.check()
        if self._report is not None:
            inside = min(max(fraction, 0.0), 1.0)
            self._report(
                ProgressEvent(
                    stage=self._stage,
                    fraction=self._start + inside * (self._end - self._start),
                    message=message,
                )
            )

    def check(self) -> None:
        """Raise `Cancelled` when the user wants to stop; cheap enough for inner loops."""
        if self._cancelled is not None and self._cancelled():
            raise Cancelled()
