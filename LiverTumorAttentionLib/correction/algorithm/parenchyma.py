"""What plain liver looks like in a case, and what it looks like near a click."""

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
from LiverTumorAttentionLib.voxels.labels import OUTSIDE_HU

SAMPLED_VOXELS = 400_000
"""The volume is looked at through a lattice of about so many voxels."""
FEWEST_VOXELS = 50
HISTOGRAM_HU = (-150.0, 300.0, 2.0)
"""From, to and step of the histogram whose peak is the liver."""
PEAK_HU = 15.0
"""The arterial phase is looked at where the portal one lies so near to its peak."""
NORMAL = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""


@dataclass(frozen=True)
class Parenchyma:
    """Mean and standard deviation of plain liver, HU, one number a phase: portal, then arterial if there is one."""

    mean: NDArray[np.float64]
    noise: NDArray[np.float64]


def of_case(case: CorrectionCase) -> Parenchyma:
    """Return what most of the liver looks like, from a lattice of its voxels.

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
        # What lies within two deviations has a deviation that is smaller by 1.14.
        kept = _all(np.abs(hu - m) < 2 * s for hu, m, s in zip(phases, mean, noise, strict=True))
        if np.count_nonzero(kept) < FEWEST_VOXELS:
            break
        mean = np.array([np.median(hu[kept]) for hu in phases])
        noise = np.clip([1.14 * hu[kept].std() for hu in phases], 5.0, 40.0)
    return Parenchyma(mean, noise)


def near_click(phases: Sequence[Field], plain: Mask, whole: Parenchyma) -> Parenchyma:
    """Return what plain liver looks like in a window: its robust mean and deviation there.

    phases: HU in blocks, whose noise is lower than that of voxels. plain: blocks that may be plain liver.
    """
    mean = whole.mean.copy()
    noise = np.full(len(mean), 8.0)
    reach = np.clip(whole.noise, 10.0, 18.0)
    for _ in range(3):
        kept = plain & _all(np.abs(hu - m) < r for hu, m, r in zip(phases, mean, reach, strict=True))
        if np.count_nonzero(kept) < FEWEST_VOXELS:
            break
        mean = np.array([np.median(hu[kept]) for hu in phases])
        spread = [NORMAL * np.median(np.abs(hu[kept] - m)) for hu, m in zip(phases, mean, strict=True)]
        noise = np.clip(spread, 2.5, 15.0)
        reach = np.clip(3 * noise, 8.0, 25.0)
    return Parenchyma(mean, noise)


def arterial_seen(arterial: NDArray[Any]) -> Mask:
    """Tell where the arterial volume saw something; averaged blocks count only where all of them was seen."""
    return np.asarray(arterial > OUTSIDE_HU + 124)


def _all(masks: Any) -> Mask:
    return np.logical_and.reduce(list(masks))
