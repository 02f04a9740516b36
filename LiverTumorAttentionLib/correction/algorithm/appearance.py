"""Appearance of a case on a block grid: its local contrast with the parenchyma."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.correction.algorithm.block_grid import BlockGrid, Field, Mask
from LiverTumorAttentionLib.correction.algorithm.parenchyma import Parenchyma, local_parenchyma
from LiverTumorAttentionLib.correction.algorithm.shapes import closed
from LiverTumorAttentionLib.correction.lesions import LesionMap
from LiverTumorAttentionLib.voxels.labels import OUTSIDE_HU

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
