"""The table of pairs of lesions over time, and the response in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import qt

from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.library_words import shown
from LiverTumorAttentionGui.sections.lesion_table import NOTHING, set_up_table, table_item
from LiverTumorAttentionGui.signals import Connections, ProgrammaticUpdate
from LiverTumorAttentionLib.wording import quantity

HEADERS = (
    _("Baseline"),
    _("Follow-up"),
    _("Status"),
    _("Volume\n(mL)"),
    _("Diameter\n(mm)"),
    _("Doubling\n(days)"),
)
UNCERTAIN = _("{status}?")
TARGET = _("{number} target")

PairValues = Mapping[str, Any]
"""A pair as `compare` writes it into its JSON file."""


class ComparisonTable:
    """A QTableWidget with a row a pair. on_selected: called when the user selects another row."""

    def __init__(self, table: Any, on_selected: Callable[[], None]) -> None:
        self._table = table
        self._on_selected = on_selected
        self._pairs: list[PairValues] = []
        self._update = ProgrammaticUpdate()
        set_up_table(table, HEADERS)
        for column in range(len(HEADERS) - 1):
            table.horizontalHeader().setSectionResizeMode(column, qt.QHeaderView.ResizeToContents)
        table.verticalHeader().setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        self._connections = Connections((table, "itemSelectionChanged()", self._selection_changed))

    def show(self, pairs: Sequence[PairValues], targets: Sequence[int]) -> None:
        """Show these pairs; the selected row stays selected. targets: numbers of the baseline."""
        row = self._row()
        with self._update.running():
            self._pairs = list(pairs)
            self._table.setRowCount(len(self._pairs))
            for index, pair in enumerate(self._pairs):
                tip = "\n".join(pair["reasons"])
                for column, text in enumerate(cells(pair, targets)):
                    self._table.setItem(index, column, table_item(text, tip))
            self._table.clearSelection()
            if row is not None and row < len(self._pairs):
                self._table.selectRow(row)

    @property
    def selected(self) -> PairValues | None:
        """The selected pair; None for none."""
        row = self._row()
        return None if row is None or row >= len(self._pairs) else self._pairs[row]

    def disconnect(self) -> None:
        """Disconnect the widget."""
        self._connections.disconnect()

    def _row(self) -> int | None:
        rows = [index.row() for index in self._table.selectionModel().selectedRows()]
        return rows[0] if rows else None

    def _selection_changed(self) -> None:
        if not self._update.active:
            self._on_selected()


def cells(pair: PairValues, targets: Sequence[int]) -> tuple[str, ...]:
    """Return the texts of a pair's row."""
    before, after = pair["baseline"], pair["followup"]
    status = shown(pair["status"])
    changes, volumes, lengths = pair["changes"], pair["volumes"], pair["diameters"]
    days = changes["doubling_time_days"]
    return (
        NOTHING if before is None else TARGET.format(number=before) if before in targets else str(before),
        NOTHING if after is None else str(after),
        UNCERTAIN.format(status=status) if pair["uncertain"] else status,
        _change(volumes["baseline_ml"], volumes["followup_ml"], changes["volume_percent"], "mL"),
        _change(lengths["baseline_mm"], lengths["followup_mm"], changes["diameter_percent"], "mm"),
        NOTHING if days is None else f"{days:.0f}",
    )


def _change(before: float | None, after: float | None, percent: float | None, unit: str) -> str:
    """Return a size at both times, and below it its change: "1.20 → 2.40", "+100 %"."""
    sizes = " → ".join(NOTHING if size is None else quantity(size, unit) for size in (before, after))
    return sizes if percent is None or before is None or after is None else f"{sizes}\n{percent:+.0f} %"


def response_text(response: Mapping[str, Any]) -> str:
    """Return the response of the targets; without targets, which lesions qualify and that a person chooses."""
    recist, mrecist = response["recist"], response["mrecist"]
    if recist is None:
        may = [str(each["number"]) for each in response["candidates"] if not each["reasons"]]
        return _("No response: no target was chosen. Lesions that qualify: {numbers}").format(
            numbers=", ".join(may) or NOTHING
        )
    lines = [_sum_text(_("RECIST 1.1 in the liver"), response["recist_overall"], recist)]
    if mrecist is not None:
        lines.append(_sum_text(_("mRECIST in the liver"), response["mrecist_overall"], mrecist))
    if response["volume_percent"] is not None:
        lines.append(_("Volume of the targets: {percent:+.0f} %").format(percent=response["volume_percent"]))
    lines.extend(_("Open: {question}").format(question=question) for question in response["open"])
    return "\n".join(lines)


def _sum_text(name: str, overall: str | None, sums: Mapping[str, Any]) -> str:
    after = sums["followup_mm"]
    return _("{name}: {overall} (targets {response}; sum {before} → {after} mm)").format(
        name=name,
        overall=overall or NOTHING,
        response=sums["response"],
        before=quantity(sums["baseline_mm"], "mm"),
        after=NOTHING if after is None else quantity(after, "mm"),
    )
