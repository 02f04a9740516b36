"""Segmentation of a lesion from one click.

A search in coarse blocks estimates how far the lesion extends, then a delineation in small blocks finds its border;
both are random walks on log-odds of appearance. The parenchyma is measured around the lesion, which may be darker or
brighter than it in either phase, and need not be homogeneous.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.correction.algorithm.appearance import LocalAppearance, Phase
from LiverTumorAttentionLib.correction.algorithm.block_grid import BlockGrid, Field, Mask
from LiverTumorAttentionLib.correction.algorithm.likelihood import (
    appearance_log_odds,
    border_log_odds,
    depth_weights,
    probability_log_odds,
)
from LiverTumorAttentionLib.correction.algorithm.random_walker import random_walk
from LiverTumorAttentionLib.correction.algorithm.settings import ClickSettings
from LiverTumorAttentionLib.correction.algorithm.shapes import cavities_of, connected_to, without_necks
from LiverTumorAttentionLib.correction.case import Voxel
from LiverTumorAttentionLib.correction.lesions import LesionMap
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import Box
from LiverTumorAttentionLib.voxels.morphology import fill_holes

DEFAULT = ClickSettings()


@dataclass(frozen=True)
class SegmentedLesion:
    """A mask (z, y, x) in a box of the volume."""

    box: Box
    mask: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What an answer has to go by, beside the click.

    number: of the lesion that is segmented anew; None for one that is to be added. phase: the one whose appearance
    counts; None for all. include, exclude: further voxels (z, y, x) that belong to the lesion, or do not.
    """

    number: int | None = None
    phase: Phase | None = None
    include: tuple[Voxel, ...] = ()
    exclude: tuple[Voxel, ...] = ()


NO_TERMS = Terms()


def segment_at(
    lesions: LesionMap,
    voxel: Voxel,
    progress: Progress,
    settings: ClickSettings = DEFAULT,
    terms: Terms = NO_TERMS,
) -> SegmentedLesion:
    """Segment the lesion at a clicked voxel (z, y, x), which the mask contains. Raises `Cancelled`, `InputError`."""
    around = lesions.around([voxel], settings.search_half_side_mm)
    spacing, shape = lesions.case.spacing_mm, lesions.labels.shape
    coarse = BlockGrid(
        around,
        spacing,
        shape,
        most_blocks=settings.most_blocks,
        smallest_block_mm=settings.search_block_mm,
    )
    wide = LocalAppearance(lesions, terms.number, coarse, terms.phase)
    extent = _search(wide, voxel, shape, settings, terms, progress)
    radius = settings.radius_factor * max(settings.least_radius_mm, _radius_mm(extent, coarse))
    box = coarse.box_of(extent, max(settings.margin_mm, settings.margin_share * radius), shape)
    fine = BlockGrid(box, spacing, shape, most_blocks=settings.most_blocks)
    appearance = LocalAppearance(lesions, terms.number, fine, terms.phase)
    found = fine.resampled(coarse, extent)
    walked, mask = _delineate(appearance, found, voxel, radius, settings, terms, progress)
    # Outside of the mask, the walker's probability only locates the border between two blocks.
    border = mask | (ndimage.binary_dilation(mask) & (walked <= 0.5))
    voxels = fine.interpolated(np.where(border, walked, 0).astype(np.float32)) > 0.5
    voxels[tuple(i - part.start for i, part in zip(voxel, fine.box, strict=True))] = True
    voxels = fill_holes(voxels)
    for marked, value in ((terms.include, True), (terms.exclude, False)):
        for each in marked:
            if fine.contains(each):
                voxels[tuple(i - part.start for i, part in zip(each, fine.box, strict=True))] = value
    return SegmentedLesion(fine.box, voxels)


def _search(
    appearance: LocalAppearance,
    voxel: Voxel,
    shape: tuple[int, ...],
    settings: ClickSettings,
    terms: Terms,
    progress: Progress,
) -> Mask:
    """Return the lesion's extent in coarse blocks. shape: of the volume."""
    grid = appearance.grid
    distance = grid.distance_mm(voxel)
    seed, background = _seeds(grid, voxel, terms)
    appearance.measure(distance <= settings.excluded_radius_mm)
    core = seed | (distance <= max(settings.core_radius_mm, 0.75 * grid.spacing_mm.max()))
    odds = appearance_log_odds(appearance, core.astype(np.float32))
    odds = odds + probability_log_odds(appearance, core, settings.probability_ramp)
    radius = reach_mm(odds, appearance.organ & ~appearance.others, distance, settings)
    far = grid.inner_faces(shape) & (distance > 0.8 * settings.search_half_side_mm)
    walked = random_walk(
        _evidence(odds, appearance, distance, radius, settings),
        appearance.normalized,
        grid.spacing_mm,
        ~appearance.allowed | far | seed | background,
        seed.astype(np.float32),
        contrast=settings.contrast,
        trust=settings.trust,
        progress=progress,
    )
    return without_necks(connected_to(walked > 0.5, seed), seed, distance, grid.spacing_mm)


def _delineate(
    appearance: LocalAppearance,
    extent: Mask,
    voxel: Voxel,
    radius: float,
    settings: ClickSettings,
    terms: Terms,
    progress: Progress,
) -> tuple[Field, Mask]:
    """Return the walker's probability and the lesion in small blocks, from its approximate extent and radius."""
    grid = appearance.grid
    distance = grid.distance_mm(voxel)
    seed, background = _seeds(grid, voxel, terms)
    mask = extent | seed
    excluded = ndimage.binary_dilation(extent) | (distance <= radius)
    appearance.measure(excluded)
    appearance.denoise(mask, excluded)
    nearness = np.exp(-0.5 * (distance / (1.2 * radius)) ** 2)
    walked = mask.astype(np.float32)
    by_probability = probability_log_odds(
        appearance, seed | (distance <= settings.core_radius_mm), settings.probability_ramp
    )
    for _ in range(settings.delineation_rounds):
        by_appearance = appearance_log_odds(appearance, mask * nearness)
        odds = border_log_odds(appearance, depth_weights(mask, appearance), radius, by_appearance)
        walked = random_walk(
            _evidence(odds + by_probability, appearance, distance, radius, settings),
            appearance.normalized,
            grid.spacing_mm,
            ~appearance.allowed | seed | background,
            seed.astype(np.float32),
            contrast=settings.contrast,
            trust=settings.trust,
            progress=progress,
        )
        mask = without_necks(connected_to(walked > 0.5, seed), seed, distance, grid.spacing_mm)
    return walked, mask


def _evidence(
    odds: Field, appearance: LocalAppearance, distance: Field, radius: float, settings: ClickSettings
) -> Field:
    """Return the probability of lesion at a voxel by its log-odds, its distance from the click and cavities."""
    odds = odds - settings.size_penalty * np.clip(distance / radius - 1, 0, 3)
    inside = cavities_of((odds > 0) & appearance.allowed) & (distance < 1.5 * radius + 5)
    return np.asarray(1 / (1 + np.exp(-np.where(inside, np.maximum(odds, settings.cavity_log_odds), odds))))


def _seeds(grid: BlockGrid, voxel: Voxel, terms: Terms) -> tuple[Mask, Mask]:
    """Return the blocks that belong to the lesion, the clicked one among them, and those that do not."""
    seed, background = (np.zeros(grid.shape, dtype=bool) for _ in range(2))
    for each in terms.exclude:
        if grid.contains(each):
            background[grid.block_of(each)] = True
    for each in (voxel, *terms.include):
        if grid.contains(each):
            seed[grid.block_of(each)] = True
    return seed, background & ~seed


def _radius_mm(mask: Mask, grid: BlockGrid) -> float:
    """Return the radius of the ball of a mask's volume."""
    volume = np.count_nonzero(mask) * float(np.prod(grid.spacing_mm))
    return float((3 * volume / (4 * np.pi)) ** (1 / 3))


def reach_mm(odds: Field, organ: Mask, distance: Field, settings: ClickSettings = DEFAULT) -> float:
    """Return how far the lesion extends from the click, 3 mm at least, by its share of shells around the click.

    odds: log-odds of lesion. organ: where a lesion may lie. distance: from the click, mm.
    """
    edges = np.arange(0.0, settings.most_reach_mm, settings.shell_mm)
    shell = np.digitize(distance, edges).ravel()
    lesion = np.where(organ, 1 / (1 + np.exp(-odds)), 0)
    found = np.bincount(shell, weights=lesion.ravel(), minlength=len(edges) + 2)
    voxels = np.bincount(shell, minlength=len(edges) + 2).astype(float)
    share = ndimage.gaussian_filter1d(found, 0.7) / np.maximum(ndimage.gaussian_filter1d(voxels, 0.7), 1e-6)
    reach, started = 3.0, False
    for middle, value in zip(edges + settings.shell_mm / 2, share[1:], strict=False):
        if not started:
            started = value >= (0.5 if middle < 4 else settings.rim_share)
            if started:
                reach = max(float(middle), 3.0)
            elif middle > settings.deepest_core_mm:
                break
        elif value < settings.shell_share:
            break
        else:
            reach = float(middle)
    return reach
