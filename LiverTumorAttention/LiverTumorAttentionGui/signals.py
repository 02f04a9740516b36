"""Qt signals: connections to slots, programmatic updates of widgets, and debounced calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import qt

Slot = Callable[..., None]


class Connections:
    """Connections of widget signals to Python slots, disconnected together. Keeps the slots alive for PythonQt."""

    def __init__(self, *connections: tuple[Any, str, Slot]) -> None:
        """connections: (widget, signature of its signal, slot)."""
        self._connections = connections
        for widget, signal, slot in connections:
            widget.connect(signal, slot)

    def disconnect(self) -> None:
        """Disconnect all. Safe to call again."""
        connections, self._connections = self._connections, ()
        for widget, signal, slot in connections:
            widget.disconnect(signal, slot)


class ProgrammaticUpdate:
    """Marks changes that code makes to widgets, so that slots can tell them from changes by the user."""

    def __init__(self) -> None:
        self.active = False

    @contextmanager
    def running(self) -> Iterator[None]:
        """Set `active` within the block."""
        self.active = True
        try:
            yield
        finally:
            self.active = False


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
