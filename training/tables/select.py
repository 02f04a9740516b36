"""Selection of the rows that a metric is taken of: by recipe, facts of cases, whole volumes or slices."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.metrics import Confusion
from training.evaluation.columns import Row, cell, overlap_values
from training.tables.pooling import counts_of
from training.tables.published import Metric
from training.tables.scores import Scores, number

SIZES = ("small", "middle", "large")


@dataclass(frozen=True)
class SizeLimits:
    """Where SFAN's groups of tumor size end, mm, by the longest edge of the box around a case's longest tumor.

    Departs: the paper prints 5 and 10 mm. They are read as centimetres, since the groups are to be "related to the
        tumor staging", which counts in these; nothing else in the paper speaks for it.
    """

    small_mm: float = 50.0
    """Below it a tumor is small."""
    large_mm: float = 100.0
    """Above it a tumor is large."""

    def __post_init__(self) -> None:
        if not 0 < self.small_mm < self.large_mm:
            raise InputError(
                f"sizes must be positive and rise, got {self.small_mm:g} and {self.large_mm:g} mm"
                ": give the smaller one first"
            )

    def group(self, extent_mm: float | None) -> str:
        """Return "small", "middle" or "large"; nothing for a case without tumor."""
        if not extent_mm or extent_mm != extent_mm:
            return ""
        if extent_mm < self.small_mm:
            return SIZES[0]
        return SIZES[2] if extent_mm > self.large_mm else SIZES[1]


def rows_of(scores: Scores, recipe: str, metric: Metric, sizes: SizeLimits) -> list[Row]:
    """Return the rows of a recipe that a metric is taken of, with the columns of cases.

    Of slices, a row is a slice, called "case/number", or the chosen slices of a case scored together.
    """
    cases = [row for row in scores.cases if row["recipe"] == recipe and _has(row, metric.only, sizes)]
    if metric.slices is None:
        return cases
    wanted = {(row["run"], row["case"]) for row in cases}
    slices = [
        row
        for row in scores.slices
        if (row["run"], row["case"]) in wanted and metric.slices in ("shown", row["position"])
    ]
    return [_as_case(row) for row in slices] if metric.per == "slice" else _together(slices)


def shows(row: Row, of: str) -> bool:
    """Return whether the truth of a case holds the object, "tumor" or "liver"; where that is not known it does."""
    column = f"{of}_true_ml"
    volume = number(row, column) if column in row else None
    return volume is None or volume > 0


def fact(row: Row, name: str, sizes: SizeLimits) -> str:
    """Return a fact of a case; nothing where it is not known."""
    if name == "tumor_size":
        return sizes.group(number(row, "largest_lesion_mm"))
    if name in row:
        return row[name]
    return str(json.loads(row["facts"] or "{}").get(name, ""))


def _has(row: Row, only: Mapping[str, str], sizes: SizeLimits) -> bool:
    return all(fact(row, name, sizes).lower() == value.lower() for name, value in only.items())


def _as_case(row: Row) -> Row:
    """Return a slice under the columns of a case."""
    same = {name: row[name] for name in ("run", "recipe", "part", "seed", "hd_px")}
    scores = {f"tumor_{name}": value for name, value in row.items()}
    return {**scores, **same, "case": f"{row['case']}/{row['slice']}"}


def _together(slices: Sequence[Row]) -> list[Row]:
    """Return one row a case and run, of the voxels of its slices together."""
    pooled: dict[tuple[str, str], tuple[Row, Confusion]] = {}
    for row, counts in _counted(slices):
        key = row["run"], row["case"]
        pooled[key] = (row, pooled[key][1] + counts if key in pooled else counts)
    return [
        {
            **{name: row[name] for name in ("run", "recipe", "part", "seed", "case")},
            **{f"tumor_{name}": cell(value) for name, value in overlap_values(counts).items()},
        }
        for row, counts in pooled.values()
    ]


def _counted(slices: Iterable[Row]) -> Iterable[tuple[Row, Confusion]]:
    for row in slices:
        counts = counts_of(row)
        if counts is not None:
            yield row, counts
