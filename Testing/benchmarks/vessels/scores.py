"""Recall and precision of the centerlines of vessels, and their confidence intervals over cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from LiverTumorAttentionLib.analysis.vasculature.vessel_tree import VesselTree, vessel_tree
from LiverTumorAttentionLib.voxels.geometry import ImageAxes

LEAST_DIAMETER_MM = 4.0
"""Of branches that count."""
TOLERANCE_MM = 2.5
"""So far apart, or as far as the true vessel's wall from its middle, two centerlines are of the same vessel."""
RESAMPLES = 2000


@dataclass(frozen=True, kw_only=True)
class CenterlineScore:
    """Lengths of centerlines, mm: of true and of found branches, each in all and as far as the other has them."""

    true_mm: float
    true_found_mm: float
    found_mm: float
    found_true_mm: float

    @property
    def recall(self) -> float | None:
        """Share of the true centerlines that was found; None without any."""
        return self.true_found_mm / self.true_mm if self.true_mm else None

    @property
    def precision(self) -> float | None:
        """Share of the found centerlines that is true; None without any."""
        return self.found_true_mm / self.found_mm if self.found_mm else None


def score_centerlines(
    found: NDArray[np.bool_], truth: NDArray[np.bool_], axes: ImageAxes, least_mm: float = LEAST_DIAMETER_MM
) -> CenterlineScore:
    """Compare two masks (z, y, x) on cubes. A branch counts by its own diameter; the other's may be thinner."""
    if not found.any() or not truth.any():
        trees = [vessel_tree(mask, axes) if mask.any() else None for mask in (found, truth)]
        lengths = [0.0 if tree is None else float(_weights(tree, least_mm).sum()) for tree in trees]
        return CenterlineScore(true_mm=lengths[1], true_found_mm=0.0, found_mm=lengths[0], found_true_mm=0.0)
    mine, real = vessel_tree(found, axes), vessel_tree(truth, axes)
    to_mine = cKDTree(mine.points_mm).query(real.points_mm)[0]
    to_real, nearest = cKDTree(real.points_mm).query(mine.points_mm)
    true_weights, found_weights = _weights(real, least_mm), _weights(mine, least_mm)
    return CenterlineScore(
        true_mm=float(true_weights.sum()),
        true_found_mm=float(true_weights[to_mine <= np.maximum(TOLERANCE_MM, real.radius_mm)].sum()),
        found_mm=float(found_weights.sum()),
        found_true_mm=float(
            found_weights[to_real <= np.maximum(TOLERANCE_MM, real.radius_mm[nearest])].sum()
        ),
    )


def _weights(tree: VesselTree, least_mm: float) -> NDArray[np.float64]:
    return np.asarray(tree.step_mm * (2 * tree.radius_mm >= least_mm))


def pooled(parts: Sequence[float], wholes: Sequence[float], seed: int = 0) -> tuple[float, float, float]:
    """Return the share of all cases together, and its 95 % interval by drawing cases with replacement."""
    part, whole = np.asarray(parts, float), np.asarray(wholes, float)
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(part), (RESAMPLES, len(part)))
    shares = part[drawn].sum(axis=1) / np.maximum(whole[drawn].sum(axis=1), 1e-9)
    low, high = np.quantile(shares, [0.025, 0.975])
    return float(part.sum() / whole.sum()), float(low), float(high)
