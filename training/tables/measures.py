"""Metrics of a table from the scores: averaged over cases or pooled over voxels or lesions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from LiverTumorAttentionLib.errors import InputError
from training.evaluation.columns import Row
from training.tables.pooling import (
    OverFolds,
    Pooled,
    by_case,
    dice_of_all_voxels,
    mean_of_matched,
    mean_over_cases,
    over_folds,
    share_over_seeds,
)
from training.tables.published import UNITS, Metric
from training.tables.scores import number
from training.tables.select import shows

OF_OBJECTS = {
    **{name: name for name in ("dice", "jaccard", "voe", "rvd", "tpr", "tnr", "precision", "f1", "accuracy")},
    "assd": "assd_mm",
    "hd": "hd_mm",
    "hd95": "hd95_mm",
}
"""Measures that are a mean over cases, and their columns without "liver_" or "tumor_"."""
SHARES = {
    "lesion_recall": ("lesions_detected", "lesions_true"),
    "lesion_precision": ("findings_right", "lesions_found"),
    "lits_recall": ("lits_matched", "lits_lesions"),
    "lits_precision": ("lits_matched", "lits_findings"),
}
"""Measures that are a share of all lesions together: hits, and what they are a share of. Those of LiTS join lesions and
findings before they are matched, see `LiverTumorAttentionLib.metrics.lits`."""
OF_MATCHED = {
    "lits_rvd": "lits_rvd",
    "lits_assd": "lits_assd_mm",
    "lits_rmsd": "lits_rmsd_mm",
    "lits_msd": "lits_msd_mm",
}
"""LiTS's measures of the liver of each case, or of all matched lesions together, and their columns without "liver_"."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A metric of one row of a table, in its unit."""

    pooled: Pooled
    scores: Mapping[str, float] = field(default_factory=dict)
    """Of each case, the mean over its trainings; nothing where no case has a score of its own."""
    folds: OverFolds | None = None
    """As an average over folds; None where there is but one, or nothing that could be averaged."""


def measure(metric: Metric, rows: Sequence[Row], *, count_empty: bool = False) -> Measured | None:
    """Return a metric of the rows that it is to be taken of; None where it was not scored.

    A mean over cases leaves out those whose truth shows nothing of the object, where nothing found would count as 1,
    unless the metric or `count_empty` asks for them. F1 of slices follows from the means of precision and
    recall, as in the context network's Table 1; the mean F1 of slices would be their mean Dice.
    """
    kept = rows if count_empty or metric.count_empty else with_object(metric, rows)
    pooled = _pooled(metric, kept)
    if pooled is None:
        return None
    factor = UNITS[metric.unit]
    sd = None if pooled.sd is None else factor * pooled.sd
    return Measured(
        pooled=replace(pooled, mean=factor * pooled.mean, sd=sd),
        scores={case: factor * score for case, score in _scores_of_cases(metric, kept).items()},
        folds=_scaled(over_folds(kept, lambda fold: _pooled(metric, fold)), factor),
    )


def with_object(metric: Metric, rows: Sequence[Row]) -> Sequence[Row]:
    """Return the rows whose truth shows the object, where the metric is a mean over whole cases; else all of them."""
    if metric.slices is not None or metric.measure not in OF_OBJECTS:
        return rows
    return [row for row in rows if shows(row, metric.of)]


def _pooled(metric: Metric, rows: Sequence[Row]) -> Pooled | None:
    """Return the metric of these rows as a share or in mm."""
    if metric.measure.startswith("lits_"):
        column = "lits_matched" if metric.of == "tumor" else "liver_lits_rvd"
        if any(number(row, column) is None for row in rows):
            return None  # a row of an earlier version was not scored so
    if metric.measure == "dice_global":
        return dice_of_all_voxels(rows, f"{metric.of}_")
    if metric.measure in SHARES:
        return share_over_seeds(rows, *SHARES[metric.measure])
    if metric.measure in OF_MATCHED and metric.of == "tumor":
        return mean_of_matched(rows, OF_MATCHED[metric.measure])
    if metric.measure == "f1" and metric.slices is not None and metric.per == "slice":
        return _f1_of_means(metric, rows)
    return mean_over_cases(rows, _column(metric))


def _scores_of_cases(metric: Metric, rows: Sequence[Row]) -> dict[str, float]:
    """Return what can be tested: nothing of parameters, nor of slices of one case, which are not independent."""
    if metric.measure == "parameters" or metric.per == "slice" or metric.measure not in OF_OBJECTS:
        return {}
    return by_case(rows, _column(metric))


def _column(metric: Metric) -> str:
    if metric.measure == "parameters":
        return "parameters"
    if metric.slices is not None and metric.measure == "hd" and metric.per == "slice":
        return "hd_px"
    if metric.slices is not None and metric.measure in ("assd", "hd", "hd95"):
        raise InputError(
            f"metric {metric.name!r}: of slices, distances are known as `hd` per slice alone"
            ": correct the table's file"
        )
    return f"{metric.of}_{OF_OBJECTS.get(metric.measure) or OF_MATCHED[metric.measure]}"


def _f1_of_means(metric: Metric, rows: Sequence[Row]) -> Pooled | None:
    precision = mean_over_cases(rows, f"{metric.of}_precision")
    recall = mean_over_cases(rows, f"{metric.of}_tpr")
    if precision is None or recall is None:
        return None
    total = precision.mean + recall.mean
    return replace(recall, mean=2 * precision.mean * recall.mean / total if total else math.nan, sd=None)


def _scaled(folds: OverFolds | None, factor: float) -> OverFolds | None:
    if folds is None:
        return None
    sd = None if folds.sd is None else factor * folds.sd
    return replace(folds, mean=factor * folds.mean, sd=sd)
