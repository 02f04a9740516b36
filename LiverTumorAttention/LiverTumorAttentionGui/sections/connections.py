"""Signal-slot connections and programmatic updates of widgets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

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
