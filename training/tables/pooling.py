"""From scores of cases to one number: first over the trainings of a case, then over the cases.

A case that several trainings have scored (other seeds, or repeats of a hold-out in which it was drawn more than once)
counts once, with the mean of its scores: trainings are no new patients. Mean and standard deviation (n - 1) are over
cases. An undefined score (a distance where nothing was found) is left out of the mean, counted, and reported.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from LiverTumorAttentionLib.metrics import Confusion
from training.evaluation.columns import COUNTS, Row
from training.tables.scores import number


@dataclass(frozen=True, kw_only=True)
class Pooled:
    """One number of a table."""

    mean: float
    """nan when no case has a defined score."""
    sd: float | None
    """Over the cases of a mean, over the seeds of a pooled Dice; None for fewer than two."""
    cases: int
    """Cases with a defined score."""
    scores: int
    """Scores that were taken: one a case and training."""
    undefined: int
    """Those of them that are undefined."""


def by_case(rows: Iterable[Row], column: str) -> dict[str, float]:
    """Return each case's score, the mean over its trainings; nan where all are undefined."""
    values: dict[str, list[float]] = {}
    for row in rows:
        score = number(row, column)
        if score is not None:
            values.setdefault(row["case"], []).append(score)
    return {case: mean_of_defined(scores) for case, scores in values.items()}


def mean_over_cases(rows: Sequence[Row], column: str) -> Pooled | None:
    """Return the mean of a score over cases; None where it was not taken."""
    taken = [score for row in rows if (score := number(row, column)) is not None]
    if not taken:
        return None
    defined = [score for score in by_case(rows, column).values() if not math.isnan(score)]
    return Pooled(
        mean=mean_of_defined(defined),
        sd=_sd(defined),
        cases=len(defined),
        scores=len(taken),
        undefined=sum(math.isnan(score) for score in taken),
    )


def dice_of_all_voxels(rows: Sequence[Row], prefix: str) -> Pooled | None:
    """Return DG: the Dice of the voxels of all cases together, of each seed; then the mean over seeds.

    prefix: "tumor_" or "liver_". None where it was not taken. All parts of a split stand together in one pool.
    """
    seeds: dict[str, Confusion] = {}
    for row in rows:
        counts = counts_of(row, prefix)
        if counts is not None:
            seeds[row["seed"]] = seeds[row["seed"]] + counts if row["seed"] in seeds else counts
    if not seeds:
        return None
    values = [counts.dice for counts in seeds.values()]
    return Pooled(
        mean=float(np.mean(values)),
        sd=_sd(values),
        cases=len({row["case"] for row in rows}),
        scores=len(rows),
        undefined=0,
    )


def share_over_seeds(rows: Sequence[Row], hits: str, of: str) -> Pooled | None:
    """Return the share of all lesions of all cases together, of each seed; then the mean over seeds.

    hits, of: columns of numbers, such as "lesions_detected" and "lesions_true". None where they were not taken.
    """
    seeds: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        hit, whole = number(row, hits), number(row, of)
        if hit is not None and whole is not None:
            seeds.setdefault(row["seed"], []).append((hit, whole))
    if not seeds:
        return None
    shares = [_share(pairs) for pairs in seeds.values()]
    defined = [share for share in shares if not math.isnan(share)]
    return Pooled(
        mean=mean_of_defined(shares),
        sd=_sd(defined),
        cases=len({row["case"] for row in rows}),
        scores=len(shares),
        undefined=len(shares) - len(defined),
    )


def mean_of_matched(rows: Sequence[Row], column: str) -> Pooled | None:
    """Return the mean of LiTS's lesion score over all matched pairs of all cases, of each seed; then over the seeds.

    column: of the cases' own means, which count as often as a case has matched pairs. None where a row has none.
    """
    seeds: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        matched, score = number(row, "lits_matched"), number(row, column)
        if matched is None or score is None:
            return None
        seeds.setdefault(row["seed"], []).append((matched * score if matched else 0.0, matched))
    if not seeds:
        return None
    means = [_share(pairs) for pairs in seeds.values()]
    defined = [mean for mean in means if not math.isnan(mean)]
    return Pooled(
        mean=mean_of_defined(means),
        sd=_sd(defined),
        cases=len({row["case"] for row in rows}),
        scores=len(means),
        undefined=len(means) - len(defined),
    )


@dataclass(frozen=True, kw_only=True)
class OverFolds:
    """A number of a table as an average over the folds (or repeats) of a split, each of which is pooled by itself."""

    mean: float
    """nan when no fold has a defined score."""
    sd: float | None
    """Over the folds (n - 1); None for fewer than two."""
    folds: int
    """Folds with a defined score."""


def over_folds(rows: Sequence[Row], pool: Callable[[Sequence[Row]], Pooled | None]) -> OverFolds | None:
    """Return the average over folds of what `pool` makes of each; None with fewer than two, or without scores."""
    parts: dict[str, list[Row]] = {}
    for row in rows:
        parts.setdefault(row["part"], []).append(row)
    each = [pooled.mean for some in parts.values() if (pooled := pool(some)) is not None]
    if len(parts) < 2 or not each:
        return None
    defined = [value for value in each if not math.isnan(value)]
    return OverFolds(mean=mean_of_defined(defined), sd=_sd(defined), folds=len(defined))


def _share(pairs: Sequence[tuple[float, float]]) -> float:
    whole = sum(whole for _, whole in pairs)
    return sum(hit for hit, _ in pairs) / whole if whole else math.nan


def counts_of(row: Row, prefix: str = "") -> Confusion | None:
    """Return the voxel counts of a row; None where there are none."""
    values = [number(row, prefix + name) for name in COUNTS]
    if any(value is None for value in values):
        return None
    tp, fp, fn, tn = (int(value) for value in values if value is not None)
    return Confusion(true_positive=tp, false_positive=fp, false_negative=fn, true_negative=tn)


def mean_of_defined(values: Iterable[float]) -> float:
    """Return the mean of what is not nan; nan when nothing is left."""
    defined = [value for value in values if not math.isnan(value)]
    return float(np.mean(defined)) if defined else math.nan


def _sd(values: Sequence[float]) -> float | None:
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def common(first: Mapping[str, float], second: Mapping[str, float]) -> list[str]:
    """Return the cases that have a defined score in both, by name."""
    return sorted(
        case
        for case in first.keys() & second.keys()
        if not (math.isnan(first[case]) or math.isnan(second[case]))
    )
