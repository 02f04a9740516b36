"""Refinement of a lesion by foreground and background seeds.

A random walk is solved in a box around the new seeds. The log-odds of a voxel x there are

    border(x) + probability(x) + outline(x) + psi(x)

with the evidence of `likelihood`, the previous outline, which counts more the farther it lies from the new seeds, and
the potential of the seeds k (label s_k = 1 foreground, -1 background, at x_k), a kernel-weighted mean with a prior:

    psi(x) = sum_k s_k max(0, m - s_k o(x_k)) K_k(x) / (lambda + sum_k K_k(x))
    K_k(x) = exp(-d_k(x)^2 / (2 a_k^2)) + u_k exp(-d_k(x)^2 / (2 b_k^2) - |f(x) - f(x_k)|^2 / (2 c^2))
    u_k = 1 - exp(-|f(x_k)|^2 / (2 l^2))

o: the log-odds without psi, f: normalized intensities, whose norm is the strength against liver, d_k: distance to x_k.
So psi raises each seed's log-odds towards the margin m for its label, also at voxels near the seed (a_k, from its
reach) and at similar ones within the lesion's radius (b_k, c), unless the seed is similar to liver (l). lambda is the
weight of the prior psi = 0. The symbols' values are in `RefinementSettings`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from LiverTumorAttentionLib.correction.algorithm.appearance import LocalAppearance, Phase
from LiverTumorAttentionLib.correction.algorithm.block_grid import BlockGrid, Field, Mask
from LiverTumorAttentionLib.correction.algorithm.click_segmentation import SegmentedLesion
from LiverTumorAttentionLib.correction.algorithm.likelihood import (
    appearance_log_odds,
    border_log_odds,
    depth_weights,
    probability_log_odds,
)
from LiverTumorAttentionLib.correction.algorithm.random_walker import random_walk
from LiverTumorAttentionLib.correction.algorithm.settings import RefinementSettings
from LiverTumorAttentionLib.correction.algorithm.shapes import depth_mm, inner_depth_mm
from LiverTumorAttentionLib.correction.case import Voxel
from LiverTumorAttentionLib.correction.lesions import Lesion, LesionMap, Seed
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import box_start
from LiverTumorAttentionLib.voxels.morphology import fill_holes

DEFAULT = RefinementSettings()


def distance_to_outline_mm(
    lesions: LesionMap, number: int, voxel: Voxel, settings: RefinementSettings = DEFAULT
) -> float:
    """Return the distance from a voxel to a lesion's outline: to the nearest voxel in it, or not in it."""
    inside = lesions.labels[voxel] == lesions.labels.dtype.type(number + 1)
    for half in (8.0, 25.0, settings.most_reach_mm):
        box = lesions.around([voxel], half)
        mask = lesions.mask(number, box)
        places = np.argwhere(~mask if inside else mask)
        if len(places):
            steps = (places + box_start(box) - voxel) * lesions.case.spacing_mm
            distance = float(np.sqrt((steps**2).sum(axis=1).min()))
            if distance <= half:
                return distance
    return settings.most_reach_mm


def refine(
    lesions: LesionMap,
    lesion: Lesion,
    seeds: Sequence[Seed],
    *,
    include: bool,
    progress: Progress,
    settings: RefinementSettings = DEFAULT,
    phase: Phase | None = None,
) -> SegmentedLesion:
    """Return the lesion in a box around new seeds; outside of the box it is unchanged.

    seeds: the voxels of one click or stroke; earlier seeds are those of `lesion`. include: whether they are
    foreground. phase: as for `LocalAppearance`. Raises `Cancelled`, and `InputError` as that does.
    """
    grid = _grid(lesions, lesion, seeds, settings)
    appearance = LocalAppearance(lesions, lesion.number, grid, phase)
    old = lesions.mask(lesion.number, grid.box)
    share = grid.box_means(old)
    foreground, background = _seed_blocks(appearance, lesion, seeds, settings, include=include)
    before = share > 0.5
    radius = _radius_mm(lesions, lesion)
    excluded = ndimage.binary_dilation(before) | foreground
    appearance.measure(excluded)
    appearance.denoise(before, excluded)
    outline = _outline_log_odds(grid, share, foreground, seeds, radius, settings)
    mask = (before & ~background & ~_excluded_balls(grid, seeds, include=include)) | foreground
    signed = _signed_seeds(grid, lesion, seeds, mask, include=include)
    mask = mask if mask.any() else before | foreground
    faces = grid.inner_faces(lesions.labels.shape)
    fixed = ~appearance.allowed | foreground | background | faces
    fixed_values = ((before & faces & appearance.allowed) | foreground) & ~background
    by_probability = probability_log_odds(appearance, before | foreground, settings.probability_ramp)
    limit = settings.evidence_limit
    walked = share
    for _ in range(settings.rounds):
        weights = depth_weights(mask, appearance)
        weights = weights + foreground * max(float(weights.max()), 1e-3)
        by_appearance = appearance_log_odds(appearance, mask + settings.seed_weight * foreground)
        border = border_log_odds(appearance, weights, radius, by_appearance)
        odds = np.clip(border, -limit, limit) + by_probability + outline
        odds = odds + seed_potential(appearance, odds, signed, radius, settings)
        walked = random_walk(
            (1 / (1 + np.exp(-odds))).astype(np.float32),
            appearance.normalized,
            grid.spacing_mm,
            fixed,
            fixed_values.astype(np.float32),
            contrast=settings.contrast,
            trust=settings.trust,
            progress=progress,
        )
        mask = _retained(walked > 0.5, before, foreground, faces, settings)
    return SegmentedLesion(grid.box, _at_voxels(grid, walked, fill_holes(mask), before, old))


def seed_potential(
    appearance: LocalAppearance,
    odds: Field,
    signed: Sequence[tuple[Seed, float]],
    radius: float,
    settings: RefinementSettings = DEFAULT,
) -> Field:
    """Return psi of the module's docstring. odds: o. signed: seeds with their labels s_k. radius: of the lesion, mm."""
    grid = appearance.grid
    total = np.zeros(grid.shape)
    weight = np.full(grid.shape, settings.prior_weight)
    for seed, sign in signed:
        block, distance = grid.block_of(seed.voxel), grid.distance_mm(seed.voxel)
        near = settings.near_reaches * seed.reach_mm + settings.near_mm
        far = max(near, settings.similar_radii * radius)
        difference = sum((s - s[block]) ** 2 for s in appearance.normalized)
        unlike_liver = 1 - np.exp(-0.5 * (appearance.strength[block] / settings.liver_deviations) ** 2)
        kernel = np.exp(-0.5 * (distance / near) ** 2)
        kernel += unlike_liver * np.exp(
            -0.5 * ((distance / far) ** 2 + difference / settings.similar_deviations**2)
        )
        total += kernel * sign * max(0.0, settings.seed_margin - sign * float(odds[block]))
        weight += kernel
    return np.asarray(total / weight)


def _grid(
    lesions: LesionMap, lesion: Lesion, seeds: Sequence[Seed], settings: RefinementSettings
) -> BlockGrid:
    reach = max(seed.reach_mm for seed in seeds)
    radius = _radius_mm(lesions, lesion)
    of_lesion = min(settings.box_radii * radius + settings.box_more_mm, settings.box_lesion_mm)
    half = max(settings.box_reaches * reach + settings.box_mm, of_lesion)
    half = float(np.clip(half, settings.least_box_mm, settings.largest_box_mm))
    box = lesions.around([seed.voxel for seed in seeds], half)
    return BlockGrid(box, lesions.case.spacing_mm, lesions.labels.shape, most_blocks=settings.most_blocks)


def _radius_mm(lesions: LesionMap, lesion: Lesion) -> float:
    """Return the radius of the ball of the lesion's volume, 3 mm at least."""
    volume = np.count_nonzero(lesions.mask(lesion.number, lesion.box)) * lesions.case.voxel_mm3
    return max(3.0, float((3 * volume / (4 * np.pi)) ** (1 / 3)))


def _seed_blocks(
    appearance: LocalAppearance,
    lesion: Lesion,
    seeds: Sequence[Seed],
    settings: RefinementSettings,
    *,
    include: bool,
) -> tuple[Mask, Mask]:
    """Return the blocks fixed as foreground and as background; new seeds override earlier ones."""
    grid = appearance.grid
    foreground, background = (np.zeros(grid.shape, dtype=bool) for _ in range(2))
    for blocks, earlier in ((foreground, lesion.include), (background, lesion.exclude)):
        for seed in earlier:
            if grid.contains(seed.voxel):
                blocks[grid.block_of(seed.voxel)] = True
    new = np.zeros(grid.shape, dtype=bool)
    for seed in seeds:
        radius = settings.ball_share * min(seed.reach_mm, settings.ball_reach_mm)
        new |= grid.distance_mm(seed.voxel) <= radius
    if include:
        new &= appearance.allowed
    for seed in seeds:
        new[grid.block_of(seed.voxel)] = True
    new &= ~appearance.others
    if include:
        return (foreground & ~background) | new, background & ~new
    return foreground & ~new, background | new


def _signed_seeds(
    grid: BlockGrid, lesion: Lesion, seeds: Sequence[Seed], mask: Mask, *, include: bool
) -> list[tuple[Seed, float]]:
    """Return the seeds in the grid with their labels, 1 foreground and -1 background.

    Without a foreground seed, the deepest block of the lesion's mask is one.
    """
    every = [(seed, 1.0) for seed in (*lesion.include, *(seeds if include else ()))]
    every += [(seed, -1.0) for seed in (*lesion.exclude, *(() if include else seeds))]
    signed = [(seed, sign) for seed, sign in every if grid.contains(seed.voxel)]
    if not any(sign > 0 for _, sign in signed) and mask.any():
        depth = inner_depth_mm(mask, grid.spacing_mm)
        block = tuple(int(i) for i in np.unravel_index(int(depth.argmax()), depth.shape))
        signed.append((Seed(voxel=grid.voxel_of(block), reach_mm=float(depth[block])), 1.0))
    return signed


def _excluded_balls(grid: BlockGrid, seeds: Sequence[Seed], *, include: bool) -> Mask:
    """Return the balls around new background seeds that reach to the outline: no samples of the lesion."""
    balls = np.zeros(grid.shape, dtype=bool)
    for seed in () if include else seeds:
        balls |= grid.distance_mm(seed.voxel) <= seed.reach_mm
    return balls


def _outline_log_odds(
    grid: BlockGrid,
    share: Field,
    foreground: Mask,
    seeds: Sequence[Seed],
    radius: float,
    settings: RefinementSettings,
) -> Field:
    """Return the log-odds by the previous outline, and against what lies beyond it and beyond the new seeds.

    share: of each block that the lesion filled.
    """
    openness = np.zeros(grid.shape, np.float32)
    lesion = (share > 0.5) | foreground
    for seed in seeds:
        reach = min(seed.reach_mm, max(radius, 3.0))
        distance = grid.distance_mm(seed.voxel)
        near = settings.near_reaches * reach + settings.near_mm
        np.maximum(openness, np.exp(-((distance / near) ** 2)), out=openness)
        lesion |= distance <= settings.near_reaches * reach
    beyond = depth_mm(~lesion, grid.spacing_mm)
    return np.asarray(
        settings.outline_log_odds * (2 * share - 1) * (1 - openness)
        - settings.beyond_log_odds * beyond / (0.5 * radius + 2.0)
    )


def _retained(mask: Mask, before: Mask, foreground: Mask, faces: Mask, settings: RefinementSettings) -> Mask:
    """Return the components of a mask with a seed, and those that were lesion: at the box's faces, or much of it."""
    labels, count = ndimage.label(mask)
    size = np.bincount(labels.ravel(), minlength=count + 1)
    old = np.bincount(labels[before & mask], minlength=count + 1)
    retained = np.zeros(count + 1, dtype=bool)
    retained[np.unique(labels[foreground])] = True
    was_lesion = old >= settings.part_share * np.maximum(size, 1)
    retained[np.unique(labels[faces])] |= was_lesion[np.unique(labels[faces])]
    least = settings.lesion_share * np.count_nonzero(before) if foreground.any() else 0
    retained |= was_lesion & (old >= least)
    retained[0] = False
    return np.asarray(retained[labels])


def _at_voxels(grid: BlockGrid, walked: Field, mask: Mask, before: Mask, old: Mask) -> Mask:
    """Return the mask at voxels; where no block changed nearby, the old voxels."""
    changed = grid.voxels_in(ndimage.binary_dilation(mask != before))
    border = mask | (ndimage.binary_dilation(mask) & (walked <= 0.5))
    soft = np.where(border, np.maximum(walked, 0.51 * mask), 0).astype(np.float32)
    return np.asarray(np.where(changed, grid.interpolated(soft) > 0.5, old))
