"""Tables of tumors as CSV: those of a run, and those of a review."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from LiverTumorAttentionLib.analysis.review import CaseReview
from LiverTumorAttentionLib.analysis.tumors import TumorMeasurement
from LiverTumorAttentionLib.tumor_columns import REVIEW_COLUMNS, RUN_COLUMNS


def tumor_rows(measurements: Sequence[TumorMeasurement]) -> list[dict[str, str]]:
    """Return one row a tumor under `RUN_COLUMNS`, as text; what was not measured is empty."""
    return [{c.run_name or c.name: c.csv_text(tumor) for c in RUN_COLUMNS} for tumor in measurements]


def tumor_csv(measurements: Sequence[TumorMeasurement]) -> str:
    """Return the table of a run as CSV text; without a tumor the heading alone."""
    return _csv_text([column.run_name or column.name for column in RUN_COLUMNS], tumor_rows(measurements))


def review_rows(review: CaseReview) -> list[dict[str, str]]:
    """Return one row a tumor under `REVIEW_COLUMNS`, as text; what was not measured is empty."""
    return [{column.name: column.csv_text(tumor) for column in REVIEW_COLUMNS} for tumor in review.tumors]


def review_csv(review: CaseReview) -> str:
    """Return the table of a review as CSV text; without a tumor the heading alone."""
    return _csv_text([column.name for column in REVIEW_COLUMNS], review_rows(review))


def _csv_text(heading: Sequence[str], rows: Sequence[dict[str, str]]) -> str:
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, heading, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()
