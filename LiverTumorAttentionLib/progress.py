"""Progress reporting and cancellation of long operations.

A function that takes more than two seconds takes a `Progress`, calls `update()` at least once a second
with the fraction of *its own* work that is done, and passes a `part()` of it to each function that it calls.
The caller receives one rising fraction of the whole operation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from LiverTumorAttentionLib.errors import Cancelled


@dataclass(frozen=True, kw_only=True)
class ProgressEvent:
    """One step of progress.

    stage: name of the current stage, as a progress bar shows it, such as ``"liver"``.
    fraction: share of the whole operation that is done, 0 to 1, never falling.
    message: a detail of the stage, possibly empty.
    """

    stage: str
    fraction: float
    message: str = ""


class Progress:
    """Reports progress events and raises `Cancelled` once cancellation was requested.

    report: called with every `ProgressEvent`; None reports nothing.
    cancelled: called at every update; True ends the operation.
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
        """Report that `fraction` (0 to 1) of this task is done. Raises `Cancelled`."""
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

    def finish(self) -> None:
        """Report that this task is done. Never raises `Cancelled`: what the task wrote is there already."""
        if self._report is not None:
            self._report(ProgressEvent(stage=self._stage, fraction=self._end))

    def check(self) -> None:
        """Raise `Cancelled` if cancellation was requested; cheap enough for inner loops."""
        if self.cancelled:
            raise Cancelled()

    @property
    def cancelled(self) -> bool:
        """Whether cancellation was requested, for what ends that way as it should."""
        return self._cancelled is not None and self._cancelled()
