"""Appearance of a case on a block grid: its local contrast with the parenchyma."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.config_parsing import shown
from LiverTumorAttentionLib.correction.algorithm.block_grid import BlockGrid, Field, Mask
from LiverTumorAttentionLib.correction.algorithm.parenchyma import Parenchyma, local_parenchyma
from LiverTumorAttentionLib.correction.algorithm.shapes import closed
from LiverTumorAttentionLib.correction.lesions import LesionMap
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.labels import OUTSIDE_HU

Phase = Literal["portal", "arterial"]
PHASES: tuple[Phase, ...] = get_args(Phase)
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


def phase_named(name: str | None) -> Phase | None:
    """Return the phase of a name, None for none. Raises `InputError` for another name."""
    for phase in PHASES:
        if name == phase:
            return phase
    if name is None:
        return None
    raise InputError(
        f"the phase must be 'portal' or 'arterial', got {shown(name)}: name one of them, or none for both"
    )


def arterial_covered(arterial: NDArray[Any]) -> Mask:
    """Return where the arterial volume has data; averaged blocks count only where all of their voxels have."""
    return np.asarray(arterial > OUTSIDE_HU + 124)


class LocalAppearance:
    """A case on a block grid, compared with the parenchyma there.

    grid: the blocks. kinds: the phases that count, portal and, where it can be used, arterial; or one alone. phases:
    their HU. probability: of tumor; None without one, and where one phase alone counts, since a model sees both.
    organ, others: blocks of the liver, and of other lesions. allowed: blocks that a lesion may occupy.
    Set by `measure`: contrast: HU above the parenchyma, a phase. noise: its deviation, HU, a phase. normalized:
    contrast over noise, a phase. strength: norm of `normalized` over the phases (Mahalanobis distance).
    """

    noise: NDArray[np.float64]
    contrast: list[Field]
    normalized: list[Field]
    strength: Field

    def __init__(
        self, lesions: LesionMap, number: int | None, grid: BlockGrid, phase: Phase | None = None
    ) -> None:
        """number: of the lesion to correct; None for one that is to be added. phase: the one that counts; None for all.

        Raises `InputError` for the arterial phase where it is not there or leaves out too much of the liver around.
        """
        case = lesions.case
        self.grid = grid
        whole = lesions.parenchyma
        self.organ: Mask = grid.box_means(lesions.organ(grid.box)) > 0.5
        self.others: Mask = grid.box_means(lesions.taken(number, grid.box)) >= 0.5
        hu = {"portal": grid.means(case.portal_hu)}
        if case.arterial_hu is not None and phase != "portal":
            arterial = grid.means(case.arterial_hu)
            covered = arterial_covered(arterial)
            if covered[self.organ].any() and covered[self.organ].mean() >= LEAST_COVERAGE:
                hu["arterial"] = np.where(covered, arterial, np.float32(whole.mean[1]))
        if phase == "arterial" and phase not in hu:
            raise InputError(
                "the arterial phase shows nothing of the liver here, or is not given: answer by the portal phase, or "
                "give the registered arterial volume"
            )
        self.kinds: tuple[Phase, ...] = tuple(each for each in PHASES if each in hu and phase in (None, each))
        self.phases = [hu[kind] for kind in self.kinds]
        places = [PHASES.index(kind) for kind in self.kinds]
        self._whole = Parenchyma(whole.mean[places], whole.noise[places])
        chances = case.tumor_probability if phase is None else None
        self.probability = None if chances is None else grid.means(chances)
        liver = closed(self.organ, grid.spacing_mm, SURFACE_RADIUS_MM)
        self.allowed: Mask = liver & (hu["portal"] > FAT_HU) & ~self.others

    def measure(self, lesion: Mask) -> None:
        """Compare with the parenchyma, which is the liver outside of `lesion` and of other lesions."""
        local = local_parenchyma(self.phases, self.organ & ~self.others & ~lesion, self._whole)
        self.noise = local.noise
        self.contrast = [(hu - np.float32(m)) for hu, m in zip(self.phases, local.mean, strict=True)]
        self.normalized = [c / np.float32(n) for c, n in zip(self.contrast, local.noise, strict=True)]
        self.strength = np.sqrt(sum(s**2 for s in self.normalized))

    def contrast_of(self, core: Mask) -> float:
        """Return how far blocks stand out from the parenchyma, in deviations of the noise, beyond what noise does."""
        if not core.any():
            return float(np.sqrt(0.1))
        square = float(np.mean(self.strength[core] ** 2)) - len(self.phases)
        return float(np.sqrt(max(square, 0.1)))

    def denoise(self, core: Mask, lesion: Mask) -> None:
        """Smooth the phases, more for a fainter `core`, and compare again with the liver outside of `lesion`."""
        excess = (CLEAR_CONTRAST - self.contrast_of(core)) / (CLEAR_CONTRAST - FAINT_CONTRAST)
        smoothing = MOST_SMOOTHING * float(np.clip(excess, 0.0, 1.0))
        if smoothing > LEAST_SMOOTHING:
            deviation = smoothing * self.grid.spacing_mm.min() / self.grid.spacing_mm
            self.phases = [ndimage.gaussian_filter(hu, deviation) for hu in self.phases]
            self.measure(lesion)
