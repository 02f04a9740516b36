"""Overlap metrics of two binary masks.

With TP, FP, FN, TN the numbers of voxels of the whole volume in both, in the prediction alone, in the truth
alone, and in neither. Undefined values are nan, never dropped and never replaced by another value:

| | both empty | prediction empty | truth empty |
| --- | --- | --- | --- |
| Dice, F1, Jaccard | 1 | 0 | 0 |
| VOE | 0 | 1 | 1 |
| RVD | 0 | -1 | nan |
| TPR | 1 | 0 | nan |
| precision | 1 | nan | 0 |
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """Voxel counts of a prediction against the truth, and what follows from them.

    Source of the names: DSC and ACC as in PA-ResSeg, VOE and RVD as in the SLIVER07 and LiTS challenges.
    """

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int

    def __add__(self, other: Confusion) -> Confusion:
        return Confusion(
            true_positive=self.true_positive + other.true_positive,
            false_positive=self.false_positive + other.false_positive,
            false_negative=self.false_negative + other.false_negative,
            true_negative=self.true_negative + other.true_negative,
        )

    @property
    def predicted(self) -> int:
        """Voxels of the prediction."""
        return self.true_positive + self.false_positive

    @property
    def true(self) -> int:
        """Voxels of the truth."""
        return self.true_positive + self.false_negative

    @property
    def dice(self) -> float:
        """2 TP / (2 TP + FP + FN), the DSC."""
        return _ratio(2 * self.true_positive, self.predicted + self.true, both_zero=1.0)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and TPR, which for voxels is the same number as Dice."""
        return self.dice

    @property
    def jaccard(self) -> float:
        """TP / (TP + FP + FN), the intersection over union."""
        union = self.true_positive + self.false_positive + self.false_negative
        return _ratio(self.true_positive, union, both_zero=1.0)

    @property
    def voe(self) -> float:
        """Volumetric overlap error, 1 - Jaccard."""
        return 1.0 - self.jaccard

    @property
    def rvd(self) -> float:
        """Relative volume difference, (|prediction| - |truth|) / |truth|: positive for too much."""
        undefined = 0.0 if self.predicted == 0 else math.nan
        return _ratio(self.predicted - self.true, self.true, both_zero=undefined)

    @property
    def tpr(self) -> float:
        """True positive rate (sensitivity, recall), TP / (TP + FN)."""
        return _ratio(self.true_positive, self.true, both_zero=1.0 if self.predicted == 0 else math.nan)

    @property
    def tnr(self) -> float:
        """True negative rate (specificity), TN / (TN + FP), over the whole volume."""
        negatives = self.true_negative + self.false_positive
        return _ratio(self.true_negative, negatives, both_zero=math.nan)

    @property
    def precision(self) -> float:
        """Share of the prediction that is right, TP / (TP + FP)."""
        return _ratio(self.true_positive, self.predicted, both_zero=1.0 if self.true == 0 else math.nan)

    @property
    def accuracy(self) -> float:
        """ACC as in PA-ResSeg: the mean of the two class accuracies, (TPR + TNR) / 2."""
        return (self.tpr + self.tnr) / 2.0


def confusion(prediction: NDArray[Any], truth: NDArray[Any], *, total_voxels: int | None = None) -> Confusion:
    """Count a prediction against the truth.

    prediction, truth: of the same shape, not zero where the object is.
    total_voxels: size of the whole volume when the arrays are a part of it outside of which both are empty.
    """
    predicted, true = np.asarray(prediction, bool), np.asarray(truth, bool)
    if predicted.shape != true.shape:
        raise ValueError(f"the prediction has the shape {predicted.shape}, the truth {true.shape}")
    both = int(np.count_nonzero(predicted & true))
    false_positive = int(np.count_nonzero(predicted)) - both
    false_negative = int(np.count_nonzero(true)) - both
    total = predicted.size if total_voxels is None else total_voxels
    return Confusion(
        true_positive=both,
        false_positive=false_positive,
        false_negative=false_negative,
        true_negative=total - both - false_positive - false_negative,
    )


def dice_per_case(cases: Iterable[Confusion]) -> float:
    """DPC: the mean of the cases' Dice; nan without a case."""
    scores = [case.dice for case in cases]
    return float(np.mean(scores)) if scores else math.nan


def dice_global(cases: Iterable[Confusion]) -> float:
    """DG: the Dice of all voxels of all cases pooled; nan without a case."""
    pooled: Confusion | None = None
    for case in cases:
        pooled = case if pooled is None else pooled + case
    return math.nan if pooled is None else pooled.dice


def _ratio(numerator: int, denominator: int, *, both_zero: float) -> float:
    """Return the quotient, or `both_zero` where there is nothing to divide by."""
    return numerator / denominator if denominator else both_zero
