"""How well a network's probability tells tumor from liver at whatever threshold.

A training that draws nothing at a probability of one half may still have learned where tumors are: its AUC, and its
Dice at a lower threshold, tell the two apart.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.voxels.labels import LIVER, TUMOR

THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 20))
"""Of the probability, at which the Dice of all tumors is told."""


@dataclass(frozen=True, kw_only=True)
class Discrimination:
    """Of one case."""

    auc: float
    """Area under the ROC curve: the chance that a voxel of a tumor has a higher probability than one of the liver
    around it, ties counted half. Voxels of the true liver with its tumors; nan where it holds only one of both."""
    dice: tuple[float, ...]
    """Of all tumors of the case above each of THRESHOLDS; 1 where both sides are empty."""

    def to_columns(self) -> dict[str, Any]:
        """Return the values under their columns of the scores."""
        return {"tumor_auc": self.auc, "tumor_dice_at": json.dumps([round(each, 4) for each in self.dice])}


def discrimination(probability: sitk.Image, truth: sitk.Image) -> Discrimination:
    """Return what a probability of tumor is worth on a case.

    probability: of tumor, on the grid of the truth. truth: 0 background, 1 liver, 2 tumor.
    """
    found = sitk.GetArrayViewFromImage(probability)
    labels = sitk.GetArrayViewFromImage(truth)
    tumor = labels == TUMOR
    return Discrimination(
        auc=_auc(found[tumor], found[labels == LIVER]),
        dice=tuple(_dice(found > threshold, tumor) for threshold in THRESHOLDS),
    )


def best_threshold(curves: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Return the threshold at which the mean Dice over cases is highest, and that Dice; of equals the nearest to 0.5.

    curves: of each case, its Dice at THRESHOLDS. Chosen and told on the same cases, it is what a threshold could bring
    at most.
    """
    means = np.mean(np.asarray(curves, dtype=float), axis=0)
    best = min(np.flatnonzero(means == means.max()), key=lambda place: abs(THRESHOLDS[place] - 0.5))
    return THRESHOLDS[best], float(means[best])


def _auc(positive: NDArray[Any], negative: NDArray[Any]) -> float:
    from scipy.stats import rankdata

    if not positive.size or not negative.size:
        return math.nan
    ranks = rankdata(np.concatenate([positive, negative]))[: positive.size]
    least = positive.size * (positive.size + 1) / 2
    return float((ranks.sum() - least) / (positive.size * negative.size))


def _dice(found: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    total = int(np.count_nonzero(found)) + int(np.count_nonzero(true))
    return 2 * int(np.count_nonzero(found & true)) / total if total else 1.0
