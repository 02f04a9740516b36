"""Segmentation of a lesion of which a part is known: what an outline in a slice or the middle of a box holds.

As for a click, a random walk on log-odds of appearance finds the border, here of a lesion that holds what is known to
belong to it, nothing of what is known not to, and is about as large as the known part lets expect.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from scipy import ndimage

from LiverTumorAttentionLib.correction.algorithm.appearance import FAT_HU, LocalAppearance, Phase
from LiverTumorAttentionLib.correction.algorithm.block_grid import BlockGrid, Field, Mask
from LiverTumorAttentionLib.correction.algorithm.click_segmentation import DEFAULT, SegmentedLesion
from LiverTumorAttentionLib.correction.algorithm.likelihood import (
    appearance_log_odds,
    border_log_odds,
    depth_weights,
    probability_log_odds,
)
from LiverTumorAttentionLib.correction.algorithm.random_walker import random_walk
from LiverTumorAttentionLib.correction.algorithm.settings import ClickSettings
from LiverTumorAttentionLib.correction.algorithm.shapes import (
    cavities_of,
    connected_to,
    depth_mm,
    without_necks,
)
from LiverTumorAttentionLib.correction.lesions import LesionMap
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import Box
from LiverTumorAttentionLib.voxels.morphology import fill_holes

FREE_EXCESS = 0.1
"""A lesion may be larger than expected by this share of the radius without anything against it."""
CORE_WEIGHT = 1.0
"""Weight of what is known to be lesion among the samples of its appearance, beside that by depth, mm to the power of
`likelihood.DEPTH_POWER`."""
PREVIOUS_LOG_ODDS = 2.0
"""For the lesion as it stands, far from the prompt; as for clicks that refine."""


class KnownPart(Protocol):
    """What a prompt says of a lesion. box: holds all that the lesion may be. radius_mm: that is expected."""

    @property
    def box(self) -> Box: ...

    @property
    def radius_mm(self) -> float: ...

    def voxels(self, box: Box) -> tuple[Mask, Mask]:
        """Return the voxels of a box that belong to the lesion, and those that do not."""
        ...

    def excess(self, grid: BlockGrid) -> Field:
        """Return how far blocks lie beyond the shape that is expected, in radii; at most 0 within."""
        ...

    def near(self, grid: BlockGrid) -> Field:
        """Return how near blocks lie to the prompt, 0 to 1: where it is low, a lesion stays as it stands."""
        ...


@dataclass(frozen=True, kw_only=True)
class PartAnswer:
    """A lesion that holds a known part.

    found: the lesion. lesion, outside: what is known, in its box; the first without what is not possible. possible:
    voxels of the box where a lesion may lie: the liver, closed over its surface but for fat, without other lesions.
    """

    found: SegmentedLesion
    lesion: Mask
    outside: Mask
    possible: Mask

    def held(self, mask: Mask) -> Mask:
        """Return a mask of the box with all that is known: its parts (6-connected) that hold some of the known part."""
        free = self.possible & ~self.outside
        return np.asarray(fill_holes(connected_to((mask & free) | self.lesion, self.lesion)) & free)


def segment_around(
    lesions: LesionMap,
    number: int | None,
    part: KnownPart,
    phase: Phase | None,
    progress: Progress,
    settings: ClickSettings = DEFAULT,
) -> PartAnswer:
    """Segment the lesion that holds a known part.

    number: of a lesion that is segmented anew; None for one that is to be added. phase: as for `LocalAppearance`.
    Raises `Cancelled`, and `InputError` as `LocalAppearance` does.
    """
    shape = lesions.labels.shape
    grid = BlockGrid(part.box, lesions.case.spacing_mm, shape, most_blocks=settings.most_blocks)
    appearance = LocalAppearance(lesions, number, grid, phase)
    fat = np.asarray(lesions.case.portal_hu[grid.box]) <= FAT_HU
    possible = lesions.organ(grid.box) | (grid.voxels_in(appearance.allowed) & ~fat)
    possible &= ~lesions.taken(number, grid.box)
    lesion, outside = part.voxels(grid.box)
    lesion &= possible
    before = None if number is None else lesions.mask(number, grid.box)
    walked, mask = _walked(appearance, part, lesion, outside, before, settings, progress)
    border = mask | (ndimage.binary_dilation(mask) & (walked <= 0.5))
    voxels = grid.interpolated(np.where(border, walked, 0).astype(np.float32)) > 0.5
    answer = PartAnswer(
        found=SegmentedLesion(grid.box, voxels), lesion=lesion, outside=outside, possible=possible
    )
    return replace(answer, found=SegmentedLesion(grid.box, answer.held(fill_holes(voxels))))


def _walked(
    appearance: LocalAppearance,
    part: KnownPart,
    lesion: Mask,
    outside: Mask,
    previous: Mask | None,
    settings: ClickSettings,
    progress: Progress,
) -> tuple[Field, Mask]:
    """Return the walker's probability and the lesion in blocks. previous: the lesion as it stands, if there is one."""
    grid = appearance.grid
    inner, outer = grid.box_means(lesion), grid.box_means(outside)
    foreground = (inner > 0) & (inner >= outer)
    background = (outer > 0) & ~foreground
    excess = part.excess(grid)
    before = np.zeros(grid.shape, bool)
    prior: Field | float = 0.0
    if previous is not None:
        share = grid.box_means(previous)
        before = (share > 0.5) & ~background
        far = 1 - part.near(grid)
        prior = np.asarray(PREVIOUS_LOG_ODDS * (2 * share - 1) * far, np.float32)
        excess = np.where(before & (far > 0.5), np.minimum(excess, 0), excess)
    expected = foreground | ((excess <= 0) & ~background)
    excluded = ndimage.binary_dilation(expected | before)
    appearance.measure(excluded)
    core = foreground if foreground.any() else expected
    appearance.denoise(core, excluded)
    by_probability = probability_log_odds(appearance, core, settings.probability_ramp)
    from_known = depth_mm(~core, grid.spacing_mm)
    samples = (core * (1 + depth_weights(core, appearance))).astype(np.float32)
    walked, mask = core.astype(np.float32), core
    for _ in range(settings.delineation_rounds):
        by_appearance = appearance_log_odds(appearance, samples)
        border = border_log_odds(appearance, samples, part.radius_mm, by_appearance)
        odds = border + by_probability + prior - settings.size_penalty * np.clip(excess - FREE_EXCESS, 0, 3)
        hollow = cavities_of((odds > 0) & appearance.allowed) & (excess < 0.5)
        odds = np.where(hollow, np.maximum(odds, settings.cavity_log_odds), odds)
        walked = random_walk(
            np.asarray(1 / (1 + np.exp(-odds)), np.float32),
            appearance.normalized,
            grid.spacing_mm,
            ~appearance.allowed | foreground | background,
            foreground.astype(np.float32),
            contrast=settings.contrast,
            trust=settings.trust,
            progress=progress,
        )
        mask = without_necks(connected_to(walked > 0.5, core), core, from_known, grid.spacing_mm) | core
        samples = depth_weights(mask, appearance) + core * np.float32(CORE_WEIGHT)
    return walked, mask
