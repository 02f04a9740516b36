"""Many events in a row as one call: a plane that is dragged sends hundreds a second."""

from __future__ import annotations

from collections.abc import Callable

import qt


class Settle:
    """Calls a function from the event loop, some time after it was asked to.

    restart: a further request puts the call off, so that it comes when there is quiet; without it the call
    comes in time however many requests follow.
    """

    def __init__(self, action: Callable[[], None], milliseconds: int, *, restart: bool) -> None:
        self._action = action
        self._restart = restart
        self._due = False
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(milliseconds)
        self._timer.connect("timeout()", self._call)

    def request(self) -> None:
        """Ask for the call."""
        if self._restart or not self._due:
            self._due = True
            self._timer.start()

    def cancel(self) -> None:
        """Forget the request, if there is one."""
        self._due = False
        self._timer.stop()

    def _call(self) -> None:
        if self._due:
            self._due = False
            self._action()
