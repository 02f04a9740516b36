"""Keys for what is done often, and why these keys.

Ctrl+Shift with an arrow or a key beside it. Slicer's slice views use plain letters and arrows, its windows Ctrl with a
letter or a digit, and the Segment Editor plain letters, digits, signs, Space and Escape, Ctrl+Z and the system's redo,
which is Ctrl+Y or Ctrl+Shift+Z: two shortcuts on one key would both be dead. Alt with a letter opens menus. Left and
right go back and forth in time, up and down among the tumours. Keys act while the panel can be seen, wherever the mouse
is; Escape only while a tool is on, and the Segment Editor has no study then.
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


class Shortcuts:
    """Presses a button for its key while the button is enabled; Escape acts while a tool is on.

    parent: the panel's widget: its keys act while it is shown.
    """

    def __init__(self, parent: Any, ui: Any, on_escape: Callable[[], None]) -> None:
        self._shortcuts: list[tuple[Any, Callable[[], None]]] = []
        self._on_escape = on_escape
        for name, key in KEYS.items():
            self._add(parent, key, getattr(ui, name).click)
        self._escape = self._add(parent, ESCAPE, self._escaped)
        self._escape.setEnabled(False)

    def use(self, on: bool, *, escape: bool) -> None:
        """Let the keys act, and Escape too."""
        for shortcut, _slot in self._shortcuts:
            shortcut.setEnabled(on)
        self._escape.setEnabled(on and escape)

    def disconnect(self) -> None:
        """Let go of the keys."""
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
    """Return a tooltip with the key of a button."""
    return f"{tip} ({KEYS[name]})"
