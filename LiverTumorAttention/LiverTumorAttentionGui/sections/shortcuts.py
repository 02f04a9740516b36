"""Keyboard shortcuts of the section Correct.

All are Ctrl+Shift with an arrow key, Return or Backspace. Slicer's slice views use plain letters and arrow keys, its
main window Ctrl with a letter or a digit, and the Segment Editor plain letters, digits, signs, Space and Escape, Ctrl+Z
and the system's redo (Ctrl+Y or Ctrl+Shift+Z); Alt with a letter opens menus. Qt disables two shortcuts on one key.
Left and Right are undo and redo, Up and Down the previous and next tumor. The shortcuts act while the panel is visible,
whatever has the focus; Escape only while a tool is active, when the Segment Editor has no segmentation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt

KEYS = {
    "undoButton": "Ctrl+Shift+Left",
    "redoButton": "Ctrl+Shift+Right",
    "nextButton": "Ctrl+Shift+Down",
    "previousButton": "Ctrl+Shift+Up",
    "acceptButton": "Ctrl+Shift+Return",
    "rejectButton": "Ctrl+Shift+Backspace",
}
ESCAPE = "Escape"
LETTERS = {
    "addButton": "A",
    "includeButton": "I",
    "excludeButton": "E",
    "acceptButton": "Y",
    "rejectButton": "X",
}
"""One-letter keys, which act while the reading layout is on and the Segment Editor is closed."""
NEXT_DRAFT = "N"
NEXT_CASE = "U"
"""Acts while a worklist is open and the Segment Editor is closed; no view of Slicer has it."""


class Shortcuts:
    """A shortcut for each button of `KEYS`, which clicks it if it is enabled, and Escape.

    parent: widget of the panel; the shortcuts act while it is visible.
    """

    def __init__(self, parent: Any, ui: Any, on_escape: Callable[[], None]) -> None:
        self._shortcuts: list[tuple[Any, Callable[[], None]]] = []
        self._on_escape = on_escape
        for name, key in KEYS.items():
            self._add(parent, key, getattr(ui, name).click)
        self._escape = self._add(parent, ESCAPE, self._escaped)
        self._escape.setEnabled(False)

    def enable(self, on: bool, *, escape: bool) -> None:
        """Enable or disable all shortcuts; Escape only where `escape` holds, too."""
        for shortcut, _slot in self._shortcuts:
            shortcut.setEnabled(on)
        self._escape.setEnabled(on and escape)

    def disconnect(self) -> None:
        """Disable and disconnect the shortcuts."""
        for shortcut, slot in self._shortcuts:
            shortcut.setEnabled(False)
            shortcut.disconnect("activated()", slot)
        self._shortcuts = []

    def _add(self, parent: Any, key: str, slot: Callable[[], None]) -> Any:
        shortcut = qt.QShortcut(parent)
        shortcut.setKey(qt.QKeySequence(key))
        shortcut.setContext(qt.Qt.ApplicationShortcut)
        shortcut.setAutoRepeat(False)
        shortcut.connect("activated()", slot)
        self._shortcuts.append((shortcut, slot))
        return shortcut

    def _escaped(self) -> None:
        self._on_escape()


def with_key(tip: str, name: str) -> str:
    """Return a tooltip with the shortcut of a button."""
    return f"{tip} ({KEYS[name]})"
