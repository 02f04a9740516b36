"""Appearance of the liver and of lesions: the parenchyma of a case, and the local contrast with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.correction.algorithm.block_grid import BlockGrid, Field, Mask
from LiverTumorAttentionLib.correction.algorithm.shapes import closed
from LiverTumorAttentionLib.correction.case import CorrectionCase
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.labels import OUTSIDE_HU

if TYPE_CHECKING:
    from LiverTumorAttentionLib.correction.lesions import LesionMap

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
SURFACE_RADIUS_MM = 12.0
"""Radius of the closing of the liver: a coarse liver mask often misses lesions at its surface."""
FAT_HU = -15.0
"""Upper bound of the fat around the liver, portal phase; no lesion lies below it."""
LEAST_COVERAGE = 0.9
"""Share of the liver in the grid that the arterial volume must cover to be used."""
CLEAR_CONTRAST, FAINT_CONTRAST = 8.0, 1.0
"""Contrast in deviations of the noise at which nothing is smoothed, and at which smoothing is strongest."""
MOST_SMOOTHING, LEAST_SMOOTHING = 1.2, 0.25
"""Deviation of the Gaussian in shortest sides of a block: the largest, and the one below which none is used."""


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


def arterial_covered(arterial: NDArray[Any]) -> Mask:
    """Return where the arterial volume has data; averaged blocks count only where all of their voxels have."""
    return np.asarray(arterial > OUTSIDE_HU + 124)


class LocalAppearance:
    """A case on a block grid, compared with the parenchyma there.

    grid: the blocks. phases: HU, portal and, where it can be used, arterial. probability: of tumor, None without one.
    organ, others: blocks of the liver, and of other lesions. allowed: blocks that a lesion may occupy.
    Set by `measure`: contrast: HU above the parenchyma, a phase. noise: its deviation, HU, a phase. normalized:
    contrast over noise, a phase. strength: norm of `normalized` over the phases (Mahalanobis distance).
    """

    noise: NDArray[np.float64]
    contrast: list[Field]
    normalized: list[Field]
    strength: Field

    def __init__(self, lesions: LesionMap, number: int | None, grid: BlockGrid) -> None:
        """number: of the lesion to correct; None for one that is to be added."""
        case = lesions.case
        self.grid = grid
        whole = self._whole = lesions.parenchyma
        self.organ: Mask = grid.box_means(lesions.organ(grid.box)) > 0.5
        self.others: Mask = grid.box_means(lesions.taken(number, grid.box)) >= 0.5
        self.phases = [grid.means(case.portal_hu)]
        if case.arterial_hu is not None:
            arterial = grid.means(case.arterial_hu)
            covered = arterial_covered(arterial)
            if covered[self.organ].any() and covered[self.organ].mean() >= LEAST_COVERAGE:
                self.phases.append(np.where(covered, arterial, np.float32(whole.mean[1])))
        self.probability = None if case.tumor_probability is None else grid.means(case.tumor_probability)
        liver = closed(self.organ, grid.spacing_mm, SURFACE_RADIUS_MM)
        self.allowed: Mask = liver & (self.phases[0] > FAT_HU) & ~self.others

    def measure(self, lesion: Mask) -> None:
        """Compare with the parenchyma, which is the liver outside of `lesion` and of other lesions."""
        whole = Parenchyma(self._whole.mean[: len(self.phases)], self._whole.noise[: len(self.phases)])
        local = local_parenchyma(self.phases, self.organ & ~self.others & ~lesion, whole)
        self.noise = local.noise
        self.contrast = [(hu - np.float32(m)) for hu, m in zip(self.phases, local.mean, strict=True)]
        self.normalized = [c / np.float32(n) for c, n in zip(self.contrast, local.noise, strict=True)]
        self.strength = np.sqrt(sum(s**2 for s in self.normalized))

    def denoise(self, core: Mask, lesion: Mask) -> None:
        """Smooth the phases, more for a fainter `core`, and compare again with the liver outside of `lesion`."""
        square = float(np.mean(self.strength[core] ** 2)) - len(self.phases) if core.any() else 0.0
        excess = (CLEAR_CONTRAST - np.sqrt(max(square, 0.1))) / (CLEAR_CONTRAST - FAINT_CONTRAST)
        smoothing = MOST_SMOOTHING * float(np.clip(excess, 0.0, 1.0))
        if smoothing > LEAST_SMOOTHING:
            deviation = smoothing * self.grid.spacing_mm.min() / self.grid.spacing_mm
            self.phases = [ndimage.gaussian_filter(hu, deviation) for hu in self.phases]
            self.measure(lesion)


def _all(masks: Any) -> Mask:
    return np.logical_and.reduce(list(masks))
