"""Appearance of the parenchyma: HU of liver without lesions or vessels, in a whole case and in a grid of blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.correction.algorithm.block_grid import Field, Mask
from LiverTumorAttentionLib.correction.case import CorrectionCase
from LiverTumorAttentionLib.errors import InputError

SAMPLED_VOXELS = 400_000
"""Voxels of the lattice from which the parenchyma is estimated, about."""
FEWEST_VOXELS = 50
"""Fewer voxels give no estimate."""
HISTOGRAM_HU = (-150.0, 300.0, 2.0)
"""Start, stop and step of the histogram whose mode is the liver."""
PEAK_HU = 15.0
"""The arterial phase is sampled where the portal phase lies this near to its mode."""
NORMAL = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""


@dataclass(frozen=True)
class Parenchyma:
    """Mean and standard deviation of liver without lesions or vessels, HU, one number a phase: portal, arterial."""

    mean: NDArray[np.float64]
    noise: NDArray[np.float64]


def parenchyma_of(case: CorrectionCase) -> Parenchyma:
    """Estimate the parenchyma of a whole case from a lattice of the voxels of its liver.

    Raises `InputError` when the segmentation holds next to no liver.
    """
    every = max(1, int(np.ceil((case.start.size / SAMPLED_VOXELS) ** (1 / 3))))
    lattice = (slice(None, None, every),) * 3
    liver = case.start[lattice] > 0
    phases = [hu[lattice][liver].astype(float) for hu in (case.portal_hu, case.arterial_hu) if hu is not None]
    if phases[0].size < FEWEST_VOXELS:
        raise InputError(
            "the segmentation holds no liver, or next to none, so nothing tells what a lesion looks like in it: "
            "segment the liver first"
        )
    start, stop, step = HISTOGRAM_HU
    counts, edges = np.histogram(phases[0], bins=np.arange(start, stop + 1, step))
    peak = edges[int(ndimage.gaussian_filter1d(counts.astype(float), 4.0).argmax())] + step / 2
    near = np.abs(phases[0] - peak) < PEAK_HU
    mean = np.array([peak, *(np.median(other[near] if near.any() else other) for other in phases[1:])])
    noise = np.array([20.0, 25.0])[: len(phases)]
    for _ in range(6):
        # A normal distribution cut off at two deviations has a deviation that is smaller by 1.14.
        inliers = _all(np.abs(hu - m) < 2 * s for hu, m, s in zip(phases, mean, noise, strict=True))
        if np.count_nonzero(inliers) < FEWEST_VOXELS:
            break
        mean = np.array([np.median(hu[inliers]) for hu in phases])
        noise = np.clip([1.14 * hu[inliers].std() for hu in phases], 5.0, 40.0)
    return Parenchyma(mean, noise)


def local_parenchyma(phases: Sequence[Field], liver: Mask, whole: Parenchyma) -> Parenchyma:
    """Estimate the parenchyma of a grid by median and median absolute deviation, from that of the whole case.

    phases: HU in blocks, whose noise is lower than that of voxels. liver: blocks that may be parenchyma.
    """
    mean = whole.mean.copy()
    noise = np.full(len(mean), 8.0)
    tolerance = np.clip(whole.noise, 10.0, 18.0)
    for _ in range(3):
        inliers = liver & _all(np.abs(hu - m) < r for hu, m, r in zip(phases, mean, tolerance, strict=True))
        if np.count_nonzero(inliers) < FEWEST_VOXELS:
            break
        mean = np.array([np.median(hu[inliers]) for hu in phases])
        spread = [NORMAL * np.median(np.abs(hu[inliers] - m)) for hu, m in zip(phases, mean, strict=True)]
        noise = np.clip(spread, 2.5, 15.0)
        tolerance = np.clip(3 * noise, 8.0, 25.0)
    return Parenchyma(mean, noise)


def _all(masks: Any) -> Mask:
    return np.logical_and.reduce(list(masks))
