"""Stop requests by SIGTERM, Ctrl-C and a closed terminal."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class StopSignals:
    """Listens, inside a `with`, to SIGTERM, Ctrl-C (SIGINT) and SIGHUP. `asked` says whether one has come.

    A second Ctrl-C ends the program at once. Outside of the main thread, which alone hears signals, nothing comes.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            for which in (signal.SIGTERM, signal.SIGINT, *self._hangup()):
                self._before[which] = signal.signal(which, self._ask)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for which, handler in self._before.items():
            signal.signal(which, handler)
        self._before.clear()

    @staticmethod
    def _hangup() -> list[signal.Signals]:
        """Return SIGHUP, except on Windows and where `nohup` has it ignored."""
        hangup = getattr(signal, "SIGHUP", None)
        return [] if hangup is None or signal.getsignal(hangup) is signal.SIG_IGN else [hangup]

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.default_int_handler)
