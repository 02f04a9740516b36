"""The table of tumours: one row each, the selected ones known by their numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import qt

from LiverTumorAttentionLib.tumor_columns import columns

TUMOR, VOLUME = columns("tumor volume_ml")
HEADERS = (TUMOR.header, "Status", VOLUME.header, "By hand")
ROW_HEIGHT = 22
_STATUS_TIPS = {
    "draft": "A draft can be corrected.",
    "accepted": "Accepted: nothing changes it until it is revised.",
    "rejected": "Rejected: a later run does not bring it back. Revise makes it a draft again.",
}


class LesionTable:
    """A QTableWidget of `LesionRow`s.

    on_selected: called when the selection changes, by the user or by `step`; not by `select`.
    """

    def __init__(self, table: Any, on_selected: Callable[[], None]) -> None:
        self._table = table
        self._on_selected = on_selected
        self._rows: list[Any] = []
        self._filling = False
        set_up_table(table, HEADERS)
        table.setSelectionMode(qt.QAbstractItemView.ExtendedSelection)
        table.connect("itemSelectionChanged()", self._selection_changed)

    def disconnect(self) -> None:
        """Let go of the widget."""
        self._table.disconnect("itemSelectionChanged()", self._selection_changed)

    def show(self, rows: Sequence[Any]) -> None:
        """Show these rows; the tumours that were selected stay so."""
        numbers = self.numbers
        self._filling = True
        try:
            self._rows = list(rows)
            self._table.setRowCount(len(self._rows))
            for index, row in enumerate(self._rows):
                volume = VOLUME.text(row) if row.center_ras is not None else "–"
                texts = (row.name, row.status, volume, "yes" if row.edited else "")
                for column, text in enumerate(texts):
                    self._table.setItem(index, column, table_item(text, _STATUS_TIPS.get(row.status, "")))
            self._mark(numbers)
        finally:
            self._filling = False

    @property
    def rows(self) -> list[Any]:
        """All rows, by number."""
        return self._rows

    @property
    def selected(self) -> list[Any]:
        """The rows that are selected, by number."""
        indices = {index.row() for index in self._table.selectionModel().selectedRows()}
        return [row for index, row in enumerate(self._rows) if index in indices]

    @property
    def numbers(self) -> list[int]:
        """The numbers of the selected tumours."""
        return [row.number for row in self.selected]

    def select(self, number: int | None) -> None:
        """Select one tumour without telling anybody: it was changed where the user looks already."""
        self._filling = True
        try:
            self._mark([] if number is None else [number])
        finally:
            self._filling = False

    def step(self, direction: int) -> None:
        """Select the next tumour (step 1) or the previous one (-1), past rejected ones, round the end."""
        alive = [row.number for row in self._rows if row.center_ras is not None]
        if not alive:
            return
        chosen = self.numbers
        if chosen:
            beyond = (
                [n for n in alive if n > chosen[-1]]
                if direction > 0
                else [n for n in alive if n < chosen[0]][::-1]
            )
            target = beyond[0] if beyond else alive[0 if direction > 0 else -1]
        else:
            target = alive[0 if direction > 0 else -1]
        self.select(target)
        self._on_selected()

    def _mark(self, numbers: Sequence[int]) -> None:
        self._table.clearSelection()
        model, selection = self._table.model(), self._table.selectionModel()
        how = qt.QItemSelectionModel.Select | qt.QItemSelectionModel.Rows
        for index, row in enumerate(self._rows):
            if row.number in numbers:
                selection.select(model.index(index, 0), how)
                if row.number == numbers[0]:
                    self._table.scrollToItem(self._table.item(index, 0))

    def _selection_changed(self) -> None:
        if not self._filling:
            self._on_selected()


def set_up_table(table: Any, titles: Sequence[str]) -> None:
    """Make a table that is read and not written: whole rows, no row numbers, columns that share the width."""
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
