"""Files and folders that are dropped onto a widget."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt


class FileDrop(qt.QObject):
    """Calls a function with what is dropped onto a widget: one file or folder of this computer.

    It filters the widget's events while it lives; `stop` ends that.
    """

    def __init__(self, widget: Any, on_drop: Callable[[Path], None]) -> None:
        super().__init__()
        self._widget = widget
        self._on_drop = on_drop
        widget.setAcceptDrops(True)
        widget.installEventFilter(self)

    def stop(self) -> None:
        """Take no more drops."""
        self._widget.removeEventFilter(self)

    def eventFilter(self, _watched: Any, event: Any) -> bool:
        """Take a drag that carries one local file or folder, and its drop."""
        kind = event.type()
        if kind not in (qt.QEvent.DragEnter, qt.QEvent.Drop):
            return False
        path = dropped_path(event.mimeData())
        if path is None:
            return False
        event.acceptProposedAction()
        if kind == qt.QEvent.Drop:
            self._on_drop(path)
        return True


def dropped_path(data: Any) -> Path | None:
    """Return the one local file or folder that is carried; None for anything else."""
    urls = list(data.urls()) if data.hasUrls() else []
    local = str(urls[0].toLocalFile()) if len(urls) == 1 else ""
    return Path(local) if local else None
