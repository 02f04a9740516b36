"""The table of tumors in the section Correct."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import qt

from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.library_words import shown
from LiverTumorAttentionGui.signals import Connections, ProgrammaticUpdate
from LiverTumorAttentionLib.tumor_columns import columns
from LiverTumorAttentionLib.wording import quantity

if TYPE_CHECKING:
    from LiverTumorAttentionGui.correction.lesion_rows import LesionRow

TUMOR, VOLUME, PORTAL, DIFFERENCE, LESION = columns(
    "tumor volume_ml portal_hu arterial_portal_difference_hu lesion_probability"
)
HEADERS = (
    shown(TUMOR.header),
    _("Status"),
    shown(VOLUME.narrow_header),
    shown(PORTAL.narrow_header),
    shown(DIFFERENCE.narrow_header),
    shown(LESION.narrow_header),
    _("Remarks"),
)
OPTIONAL = {HEADERS.index(shown(each.narrow_header)): each for each in (DIFFERENCE, LESION)}
"""Columns that are hidden where no tumor has a value, by their place."""
NOTHING = "\N{EN DASH}"
ROW_HEIGHT = 22
MAYBE_TWO = _("maybe two: split?")
MAYBE_TWO_TIP = _(
    "The tumor has a narrow neck, and may be two that touch: look at it, and split it "
    "before its diameter is believed. Accepting it as one takes the mark away."
)
_STATUS_TIPS = {
    "draft": _("A draft can be corrected."),
    "accepted": _("Accepted: nothing changes it until it is reopened."),
    "rejected": _("Rejected: a later run does not bring it back. Reopen makes it a draft again."),
}


class LesionTable:
    """A QTableWidget of `LesionRow`s; the selection is kept by tumor number.

    on_selected: called when the selection changes, by the user or by `step`; not by `select`.
    """

    def __init__(self, table: Any, on_selected: Callable[[], None]) -> None:
        self._table = table
        self._on_selected = on_selected
        self._rows: list[LesionRow] = []
        self._update = ProgrammaticUpdate()
        set_up_table(table, HEADERS)
        header = table.horizontalHeader()
        for column in range(len(HEADERS) - 1):
            header.setSectionResizeMode(column, qt.QHeaderView.ResizeToContents)
        for column, each in OPTIONAL.items():
            table.horizontalHeaderItem(column).setToolTip(each.meaning)
        table.setSelectionMode(qt.QAbstractItemView.ExtendedSelection)
        self._connections = Connections((table, "itemSelectionChanged()", self._selection_changed))

    def disconnect(self) -> None:
        """Disconnect the widget."""
        self._connections.disconnect()

    def show(self, rows: Sequence[LesionRow]) -> None:
        """Show these rows; selected tumors stay selected."""
        numbers = self.numbers
        with self._update.running():
            self._rows = list(rows)
            self._table.setRowCount(len(self._rows))
            for index, row in enumerate(self._rows):
                tip = _STATUS_TIPS.get(row.status, "")
                for column, text in enumerate((row.name, shown(row.status), *_numbers(row))):
                    self._table.setItem(index, column, table_item(text, tip))
                remarks = [
                    text for text, holds in ((MAYBE_TWO, row.may_be_two), (_("by hand"), row.edited)) if holds
                ]
                tip = MAYBE_TWO_TIP if row.may_be_two else tip
                self._table.setItem(index, len(HEADERS) - 1, table_item(", ".join(remarks), tip))
            for column, values in zip(OPTIONAL, zip(*map(_optional, self._rows), strict=True), strict=False):
                self._table.setColumnHidden(column, all(value is None for value in values))
            self._select(numbers)

    @property
    def rows(self) -> list[LesionRow]:
        """All rows, by number."""
        return self._rows

    @property
    def selected(self) -> list[LesionRow]:
        """The selected rows, by number."""
        indices = {index.row() for index in self._table.selectionModel().selectedRows()}
        return [row for index, row in enumerate(self._rows) if index in indices]

    @property
    def numbers(self) -> list[int]:
        """The numbers of the selected tumors."""
        return [row.number for row in self.selected]

    def select(self, number: int | None) -> None:
        """Select one tumor, or none, without a call of `on_selected`, so that the views stay where they are."""
        with self._update.running():
            self._select([] if number is None else [number])

    def step(self, direction: int) -> None:
        """Select the next tumor (1) or the previous one (-1), cyclically; rejected ones are skipped."""
        numbers = [row.number for row in self._rows if row.center_ras is not None]
        if not numbers:
            return
        chosen = self.numbers
        if chosen and direction > 0:
            beyond = [n for n in numbers if n > chosen[-1]]
        elif chosen:
            beyond = [n for n in numbers if n < chosen[0]][::-1]
        else:
            beyond = []
        self.select(beyond[0] if beyond else numbers[0 if direction > 0 else -1])
        self._on_selected()

    def step_to_draft(self) -> None:
        """Select the next tumor that is a draft, cyclically."""
        drafts = [row.number for row in self._rows if row.status == "draft"]
        if not drafts:
            return
        last = self.numbers[-1] if self.numbers else 0
        self.select(next((number for number in drafts if number > last), drafts[0]))
        self._on_selected()

    def _select(self, numbers: Sequence[int]) -> None:
        self._table.clearSelection()
        model, selection = self._table.model(), self._table.selectionModel()
        how = qt.QItemSelectionModel.Select | qt.QItemSelectionModel.Rows
        for index, row in enumerate(self._rows):
            if row.number in numbers:
                selection.select(model.index(index, 0), how)
                if row.number == numbers[0]:
                    self._table.scrollToItem(self._table.item(index, 0))

    def _selection_changed(self) -> None:
        if not self._update.active:
            self._on_selected()


def _optional(row: LesionRow) -> tuple[float | None, ...]:
    """Return the values of the columns `OPTIONAL`."""
    return (None, None) if row.size is None else (row.size.difference_hu, row.size.lesion_probability)


def _numbers(row: LesionRow) -> tuple[str, ...]:
    """Return the texts of the columns from the volume on to the remarks."""
    size = row.size
    if size is None:
        return (NOTHING,) * 4
    difference, lesion = _optional(row)
    return (
        quantity(size.volume_ml, VOLUME.unit),
        quantity(size.mean_hu_portal, PORTAL.unit),
        NOTHING if difference is None else quantity(difference, DIFFERENCE.unit, signed=True),
        NOTHING if lesion is None else quantity(lesion, digits=LESION.digits),
    )


def set_up_table(table: Any, titles: Sequence[str]) -> None:
    """Make a table read-only: selection of whole rows, no row numbers, columns of equal width."""
    table.setColumnCount(len(titles))
    table.setHorizontalHeaderLabels(list(titles))
    table.setEditTriggers(qt.QAbstractItemView.NoEditTriggers)
    table.setSelectionBehavior(qt.QAbstractItemView.SelectRows)
    table.verticalHeader().setVisible(False)
    table.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
    table.horizontalHeader().setSectionResizeMode(qt.QHeaderView.Stretch)


def table_item(text: str, tip: str = "") -> Any:
    """Return a cell."""
    item = qt.QTableWidgetItem(text)
    item.setToolTip(tip)
    return item
