"""The button Reading layout and keys: phases side by side, window presets and tools on single keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt

from LiverTumorAttentionGui.correction.active_case import ActiveCase
from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.scene.reading_layout import PRESETS, Preset, ReadingLayout
from LiverTumorAttentionGui.sections.shortcuts import LETTERS, NEXT_DRAFT
from LiverTumorAttentionGui.signals import Connections, ProgrammaticUpdate

TIP = _(
    "Show the portal venous phase, the other registered ones and the arterial − portal "
    "difference side by side, in linked views. Keys meanwhile: {add} add, {include} "
    "include, {exclude} exclude, {next_draft} next draft, {accept} accept, {reject} "
    "reject; {windows}. They rest while the brush is open."
).format(
    add=LETTERS["addButton"],
    include=LETTERS["includeButton"],
    exclude=LETTERS["excludeButton"],
    next_draft=NEXT_DRAFT,
    accept=LETTERS["acceptButton"],
    reject=LETTERS["rejectButton"],
    windows=", ".join(
        _("{key} {name} window").format(key=preset.key, name=preset.name) for preset in PRESETS
    ),
)


class ReadingEnvironment:
    """The layout and the single keys of the active case, while the button is checked.

    parent: widget of the panel. next_draft: selects the next tumor that is a draft. say: shows a message.
    """

    def __init__(
        self,
        ui: Any,
        parent: Any,
        active_case: ActiveCase,
        *,
        next_draft: Callable[[], None],
        say: Callable[..., None],
    ) -> None:
        self._button = ui.readingButton
        self._button.toolTip = TIP
        self._active_case = active_case
        self._say = say
        self._layout: ReadingLayout | None = None
        self._update = ProgrammaticUpdate()
        slots: list[tuple[str, Callable[[], None]]] = [
            (key, getattr(ui, name).click) for name, key in LETTERS.items()
        ]
        slots.append((NEXT_DRAFT, next_draft))
        slots += [(preset.key, self._window(preset)) for preset in PRESETS]
        self._shortcuts = [_shortcut(parent, key, slot) for key, slot in slots]
        self._connections = Connections((self._button, "toggled(bool)", self._toggled))
        self.rest(False)

    @property
    def on(self) -> bool:
        """Whether the layout is shown."""
        return self._layout is not None

    def update(self) -> None:
        """Follow the active case: the layout of another one is not left standing."""
        if self._layout is not None:
            self.leave()

    def rest(self, resting: bool) -> None:
        """Let the single keys rest, as while the Segment Editor has them."""
        for shortcut, _slot in self._shortcuts:
            shortcut.setEnabled(self.on and not resting)

    def leave(self) -> None:
        """Show the layout of before, and let go of the keys."""
        layout, self._layout = self._layout, None
        if layout is not None:
            layout.hide()
        with self._update.running():
            self._button.checked = False
        self.rest(True)

    def disconnect(self) -> None:
        """Leave the layout, and disconnect button and keys."""
        self.leave()
        for shortcut, slot in self._shortcuts:
            shortcut.disconnect("activated()", slot)
        self._shortcuts = []
        self._connections.disconnect()

    def _toggled(self, on: bool) -> None:
        if self._update.active:
            return
        study = self._active_case.study
        if not on or study is None:
            self.leave()
            return
        layout = ReadingLayout(study)
        try:
            layout.show()
        except PanelError as error:
            self._say(str(error), error=True)
            self.leave()
            return
        self._layout = layout
        self.rest(False)

    def _window(self, preset: Preset) -> Callable[[], None]:
        def pressed() -> None:
            if self._layout is not None:
                self._layout.window(preset)

        return pressed


def _shortcut(parent: Any, key: str, slot: Callable[[], None]) -> tuple[Any, Callable[[], None]]:
    shortcut = qt.QShortcut(parent)
    shortcut.setKey(qt.QKeySequence(key))
    shortcut.setContext(qt.Qt.ApplicationShortcut)
    shortcut.setAutoRepeat(False)
    shortcut.connect("activated()", slot)
    return shortcut, slot
