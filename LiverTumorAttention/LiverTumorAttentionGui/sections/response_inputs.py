"""What a person says of the response: viable diameters of the targets, smallest sums so far, the other lesions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import qt

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.sections.lesion_table import NOTHING, set_up_table, table_item
from LiverTumorAttentionGui.signals import Connections, ProgrammaticUpdate
from LiverTumorAttentionLib.wording import quantity

if TYPE_CHECKING:
    from LiverTumorAttentionGui.review.said import Said

HEADERS = (_("Target"), _("Longest\n(mm)"), _("Viable before\n(mm)"), _("Viable now\n(mm)"))
VIABLE = {2: "baseline", 3: "followup"}
"""Columns that a person may change, and their time points."""
PROPOSED = _("{length} proposed")
VIABLE_TIP = _(
    "The longest axial diameter of what enhances in the arterial phase, for mRECIST. Double-click to give your own "
    "measure; an empty cell takes the proposal again."
)
BY_HAND_TIP = _("Measured by hand. An empty cell takes the proposal again.")
LONGEST_MM = 500.0
_NUMBER = re.compile(r"\d{1,4}(?:[.,]\d+)?")


class ResponseInputs:
    """The table of targets, two fields and a box. change: is given what makes of what was said what is said now.

    say: shows a message.
    """

    def __init__(
        self, ui: Any, change: Callable[[Callable[[Said], Said]], None], say: Callable[..., None]
    ) -> None:
        self._ui, self._change, self._say = ui, change, say
        self._update = ProgrammaticUpdate()
        self._targets: list[Mapping[str, Any]] = []
        set_up_table(ui.targetsTable, HEADERS)
        ui.targetsTable.setEditTriggers(
            qt.QAbstractItemView.DoubleClicked | qt.QAbstractItemView.EditKeyPressed
        )
        ui.targetsTable.verticalHeader().setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        self._connections = Connections(
            (ui.targetsTable, "cellChanged(int,int)", self._cell_changed),
            (ui.nadirEdit, "editingFinished()", self._sums_entered),
            (ui.nadirViableEdit, "editingFinished()", self._sums_entered),
            (ui.nonTargetCheckBox, "clicked(bool)", self._progression_clicked),
        )

    def show(self, said: Said | None, targets: list[Mapping[str, Any]]) -> None:
        """Show what was said, and the targets as a comparison's response has them."""
        ui = self._ui
        with self._update.running():
            self._targets = targets
            ui.targetsTable.setRowCount(len(targets))
            for row, target in enumerate(targets):
                self._show_target(row, target)
            for edit, value in (
                (ui.nadirEdit, None if said is None else said.nadir_mm),
                (ui.nadirViableEdit, None if said is None else said.nadir_viable_mm),
            ):
                edit.text = "" if value is None else f"{value:g}"
            ui.nonTargetCheckBox.checked = said is not None and said.non_target_progression
            ui.responseInputs.visible = bool(targets)

    def disconnect(self) -> None:
        """Disconnect the widgets."""
        self._connections.disconnect()

    def _show_target(self, row: int, target: Mapping[str, Any]) -> None:
        sizes = " → ".join(_length(target[f"{visit}_mm"]) for visit in VIABLE.values())
        for column, text in enumerate((str(target["number"]), sizes)):
            item = table_item(text)
            item.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable)
            self._ui.targetsTable.setItem(row, column, item)
        for column, visit in VIABLE.items():
            length, by_hand = target[f"{visit}_viable_mm"], target[f"{visit}_viable_by_person"]
            text = _length(length)
            if length is not None and not by_hand:
                text = PROPOSED.format(length=text)
            self._ui.targetsTable.setItem(
                row, column, table_item(text, BY_HAND_TIP if by_hand else VIABLE_TIP)
            )

    def _cell_changed(self, row: int, column: int) -> None:
        if self._update.active or column not in VIABLE or row >= len(self._targets):
            return
        number, visit = int(self._targets[row]["number"]), VIABLE[column]
        text = self._ui.targetsTable.item(row, column).text()
        try:
            length = _entered(text, LONGEST_MM)
        except PanelError as error:
            self._say(str(error), error=True)
            with self._update.running():
                self._show_target(row, self._targets[row])
            return
        self._change(lambda said: said.with_viable(visit, number, length))

    def _sums_entered(self) -> None:
        if self._update.active:
            return
        try:
            sums = [
                _entered(edit.text, 10 * LONGEST_MM)
                for edit in (self._ui.nadirEdit, self._ui.nadirViableEdit)
            ]
        except PanelError as error:
            self._say(str(error), error=True)
            return
        self._change(lambda said: replace(said, nadir_mm=sums[0], nadir_viable_mm=sums[1]))

    def _progression_clicked(self, on: bool = False) -> None:
        self._change(lambda said: replace(said, non_target_progression=bool(on)))


def _length(mm: float | None) -> str:
    return NOTHING if mm is None else quantity(mm, "mm")


def _entered(text: str, most_mm: float) -> float | None:
    """Return a length that a person wrote; None for nothing. Raises `PanelError`."""
    text = text.strip()
    if text in ("", NOTHING):
        return None
    value = float(text.replace(",", ".")) if _NUMBER.fullmatch(text) else -1.0
    if not 0.0 <= value <= most_mm:
        raise PanelError(
            _(
                "The length {text} does not lie between 0 and {most:g} mm: give a number in mm, or nothing."
            ).format(text=text, most=most_mm)
        )
    return value
