"""Tables of tumors as rows of text and as CSV files that a spreadsheet opens without running anything."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from LiverTumorAttentionLib.tumor_columns import REVIEW_COLUMNS, RUN_COLUMNS

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""What the text of a spreadsheet's cell must not begin with."""


def tumor_rows(measurements: Sequence[object]) -> list[dict[str, str]]:
    """Return one row a `TumorMeasurement` under `RUN_COLUMNS`, as text; what was not measured is empty."""
    return [{c.run_name or c.name: c.csv_text(tumor) for c in RUN_COLUMNS} for tumor in measurements]


def tumor_csv(measurements: Sequence[object]) -> str:
    """Return the table of a run as CSV text; without a tumor the heading alone."""
    return csv_text([column.run_name or column.name for column in RUN_COLUMNS], tumor_rows(measurements))


def review_rows(tumors: Sequence[object]) -> list[dict[str, str]]:
    """Return one row a `TumorReview` under `REVIEW_COLUMNS`, as text; what was not measured is empty."""
    return [{column.name: column.csv_text(tumor) for column in REVIEW_COLUMNS} for tumor in tumors]


def review_csv(tumors: Sequence[object]) -> str:
    """Return the table of a review as CSV text; without a tumor the heading alone."""
    return csv_text([column.name for column in REVIEW_COLUMNS], review_rows(tumors))


def csv_text(columns: Sequence[str], rows: Sequence[dict[str, str]], *, heading: bool = True) -> str:
    """Return rows as CSV text, in which no cell starts a formula. heading: whether the columns' names come first."""
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, columns, lineterminator="\n")
    if heading:
        writer.writeheader()
    writer.writerows({name: _defused(cell) for name, cell in row.items()} for row in rows)
    return stream.getvalue()


def _defused(cell: str) -> str:
    """Return a cell that a spreadsheet takes for text: one that would start a formula gets an apostrophe before it.

    Numbers stay numbers. Names of vessels come from files, and a spreadsheet runs what begins like a formula.
    """
    if not cell.startswith(FORMULA_STARTS):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell
