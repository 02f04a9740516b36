"""Requests to stop a training."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType

from LiverTumorAttentionLib.ending import ending_signals


class StopSignals:
    """Listens, inside a `with`, to the signals that end a program. `asked` says whether one has come.

    A second signal ends the program at once. Outside of the main thread, which alone hears signals, nothing comes.
    """

    def __init__(self) -> None:
        self._asked_by_signal = lambda: False
        self._stack = ExitStack()

    @property
    def asked(self) -> bool:
        """Whether a signal has come."""
        return self._asked_by_signal()

    def __enter__(self) -> StopSignals:
        self._asked_by_signal = self._stack.enter_context(ending_signals())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
