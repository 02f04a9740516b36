"""Debounce: many requests in a row become one call, such as the hundreds of events a second of a dragged plane."""

from __future__ import annotations

from collections.abc import Callable

import qt


class Debounce:
    """Calls a function from the event loop, a delay after it was requested.

    restart: a further request restarts the delay, so that the call comes after the last one; without it the call
    comes a delay after the first request, however many follow.
    """

    def __init__(self, action: Callable[[], None], delay_ms: int, *, restart: bool) -> None:
        self._action = action
        self._restart = restart
        self._pending = False
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(delay_ms)
        self._timer.connect("timeout()", self._call)

    @property
    def pending(self) -> bool:
        """Whether a requested call has not come yet."""
        return self._pending

    def request(self) -> None:
        """Request the call."""
        if self._restart or not self._pending:
            self._pending = True
            self._timer.start()

    def cancel(self) -> None:
        """Cancel a pending call."""
        self._pending = False
        self._timer.stop()

    def _call(self) -> None:
        if self._pending:
            self._pending = False
            self._action()
