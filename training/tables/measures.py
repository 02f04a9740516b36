"""Metrics of a table from the scores: averaged over cases or pooled over voxels or lesions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from LiverTumorAttentionLib.errors import InputError
from training.evaluation.columns import Row
from training.tables.pooling import Pooled, by_case, dice_of_all_voxels, mean_over_cases, share_over_seeds
from training.tables.published import UNITS, Metric

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
}
"""Measures that are a share of all lesions together, as LiTS counts: hits, and what they are a share of."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A metric of one row of a table, in its unit."""

    pooled: Pooled
    scores: Mapping[str, float] = field(default_factory=dict)
    """Of each case, the mean over its trainings; nothing where no case has a score of its own."""


def measure(metric: Metric, rows: Sequence[Row]) -> Measured | None:
    """Return a metric of the rows that it is to be taken of; None where it was not scored.

    F1 of slices follows from the means of precision and recall, as in the context network's Table 1; the mean F1 of
    slices would be their mean Dice.
    """
    factor = UNITS[metric.unit]
    if metric.measure == "dice_global":
        return _scaled(dice_of_all_voxels(rows, f"{metric.of}_"), factor)
    if metric.measure in SHARES:
        return _scaled(share_over_seeds(rows, *SHARES[metric.measure]), factor)
    if metric.measure == "f1" and metric.slices is not None and metric.per == "slice":
        return _scaled(_f1_of_means(metric, rows), factor)
    column = _column(metric)
    pooled = mean_over_cases(rows, column)
    if pooled is None:
        return None
    scores = {case: factor * score for case, score in by_case(rows, column).items()}
    if metric.measure == "parameters" or metric.per == "slice":
        scores = {}  # nothing to test: not scores of cases, or slices of one case, which are not independent
    scaled = _scaled(pooled, factor)
    return None if scaled is None else replace(scaled, scores=scores)


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
    return f"{metric.of}_{OF_OBJECTS[metric.measure]}"


def _f1_of_means(metric: Metric, rows: Sequence[Row]) -> Pooled | None:
    precision = mean_over_cases(rows, f"{metric.of}_precision")
    recall = mean_over_cases(rows, f"{metric.of}_tpr")
    if precision is None or recall is None:
        return None
    total = precision.mean + recall.mean
    return replace(recall, mean=2 * precision.mean * recall.mean / total if total else math.nan, sd=None)


def _scaled(pooled: Pooled | None, factor: float) -> Measured | None:
    if pooled is None:
        return None
    sd = None if pooled.sd is None else factor * pooled.sd
    return Measured(pooled=replace(pooled, mean=factor * pooled.mean, sd=sd))
