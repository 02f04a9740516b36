"""The mouse pointer that asks for patience, for what takes a moment and cannot say how far it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import qt


@contextmanager
def waiting() -> Iterator[None]:
    """Show the waiting pointer meanwhile."""
    qt.QApplication.setOverrideCursor(qt.QCursor(qt.Qt.WaitCursor))
    try:
        yield
    finally:
        qt.QApplication.restoreOverrideCursor()
