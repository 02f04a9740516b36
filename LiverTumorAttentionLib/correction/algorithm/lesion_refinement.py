"""Correct a lesion where a user says that a voxel belongs to it, or does not.

Only a box around what was said is solved again. There a voxel's evidence is its strength against the lesion's own,
what the lesion was before (more so the farther from what was said), and what was said about voxels near it or like it.
The constants were chosen on phantoms with seeds 90000 to 90019.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from LiverTumorAttentionLib.correction.algorithm.appearance import Look
from LiverTumorAttentionLib.correction.algorithm.block_grid import Field, Mask, Window
from LiverTumorAttentionLib.correction.algorithm.click_segmentation import MOST_BLOCKS, Drawn
from LiverTumorAttentionLib.correction.algorithm.likelihood import (
    by_looks,
    by_probability,
    by_strength,
    inner_weights,
)
from LiverTumorAttentionLib.correction.algorithm.random_walker import walk
from LiverTumorAttentionLib.correction.algorithm.shapes import depth_mm, inner_depth_mm
from LiverTumorAttentionLib.correction.case import Voxel
from LiverTumorAttentionLib.correction.lesions import Lesion, LesionMap, Seed
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import box_start
from LiverTumorAttentionLib.voxels.morphology import fill_holes

FARTHEST_MM = 80.0
BOX_MM, BOX_REACHES = 10.0, 4.0
"""Half the side of the box: so much, and so many times the reach of what was said."""
BOX_RADII, BOX_MORE_MM, BOX_MOST_OF_LESION_MM = 1.6, 6.0, 40.0
SMALLEST_BOX_MM, LARGEST_BOX_MM = 15.0, 70.0
BALL_SHARE, BALL_MOST_MM = 0.5, 12.0
"""A ball of this share of the reach around what was said is as sure as what was said."""
NEAR_REACHES, NEAR_MM = 1.5, 2.0
"""So far from what was said the old outline is open: so many reaches and so many mm."""
OLD_ODDS = 2.0
"""For the old outline, far away; weaker than the evidence can be, so that the rest of a bad outline gets better too."""
BEYOND_ODDS = 2.0
"""Against what lies a radius beyond all that was lesion or was said to be."""
MOST_ODDS = 3.0
SAID_ODDS = 3.0
"""What was said must hold by these log-odds."""
FAR_RADII = 1.0
ALIKE_NOISE = 3.0
"""Voxels that look alike within so many deviations follow what was said, over so many radii of the lesion."""
UNLIKE_LIVER = 3.0
"""Not those that look like liver, within so many deviations."""
SILENCE = 0.3
"""The larger, the less is heard far away of what was said."""
ROUNDS = 2
CONTRAST, TRUST = 1.5 / 9, 0.6
PART_SHARE, KEPT_SHARE = 0.25, 0.3
"""A part that no seed holds stays when so much of it was lesion, and so much of the lesion is in it."""


def reach_of(lesions: LesionMap, number: int, voxel: Voxel) -> float:
    """Return how far a voxel lies from the lesion's outline, mm: to the nearest voxel of the other kind."""
    inside = lesions.labels[voxel] == lesions.labels.dtype.type(number + 1)
    for half in (8.0, 25.0, FARTHEST_MM):
        box = lesions.around([voxel], half)
        mask = lesions.mask(number, box)
        places = np.argwhere(~mask if inside else mask)
        if len(places):
            steps = (places + box_start(box) - voxel) * lesions.case.spacing_mm
            distance = float(np.sqrt((steps**2).sum(axis=1).min()))
            if distance <= half:
                return distance
    return FARTHEST_MM


def corrected(
    lesions: LesionMap, lesion: Lesion, said: Sequence[Seed], *, include: bool, progress: Progress
) -> Drawn:
    """Return the lesion in a box around what was said about it; beyond the box it stays.

    said: the voxels of one click or stroke; what was said before is in `lesion`. include: whether they belong to it.
    Raises `Cancelled`.
    """
    window = _window(lesions, lesion, said)
    look = Look(lesions, lesion.number, window)
    old = lesions.mask(lesion.number, window.box)
    share = window.averaged_box(old)
    wanted, unwanted = _seeds(look, lesion, said, include=include)
    before = share > 0.5
    radius = _radius_mm(lesions, lesion)
    dilated = ndimage.binary_dilation(before) | wanted
    look.compare(dilated)
    look.calm(before, dilated)
    prior = _prior(look, share, wanted, said, radius)
    mask = (before & ~unwanted & ~_surely_wrong(look, said, include=include)) | wanted
    voices = _voices(look, lesion, said, mask, include=include)
    mask = mask if mask.any() else before | wanted
    edge = window.open_faces(lesions.labels.shape)
    fixed = ~look.limit | wanted | unwanted | edge
    given = ((before & edge & look.limit) | wanted) & ~unwanted
    hint = by_probability(look, before | wanted)
    walked = share
    for _ in range(ROUNDS):
        weights = inner_weights(mask, look)
        weights = weights + wanted * max(float(weights.max()), 1e-3)
        looks = by_looks(look, mask + 3.0 * wanted)
        odds = np.clip(by_strength(look, weights, radius, looks), -MOST_ODDS, MOST_ODDS) + hint + prior
        odds = odds + _heard(look, odds, voices, radius)
        walked = walk(
            (1 / (1 + np.exp(-odds))).astype(np.float32),
            look.scaled,
            window.spacing_mm,
            fixed,
            given.astype(np.float32),
            contrast=CONTRAST,
            trust=TRUST,
            progress=progress,
        )
        mask = _parts(walked > 0.5, before, wanted, edge)
    return Drawn(window.box, _at_voxels(window, walked, fill_holes(mask), before, old))


def _window(lesions: LesionMap, lesion: Lesion, said: Sequence[Seed]) -> Window:
    reach = max(seed.reach_mm for seed in said)
    radius = _radius_mm(lesions, lesion)
    half = max(BOX_REACHES * reach + BOX_MM, min(BOX_RADII * radius + BOX_MORE_MM, BOX_MOST_OF_LESION_MM))
    half = float(np.clip(half, SMALLEST_BOX_MM, LARGEST_BOX_MM))
    box = lesions.around([seed.voxel for seed in said], half)
    return Window(box, lesions.case.spacing_mm, lesions.labels.shape, most_blocks=MOST_BLOCKS)


def _radius_mm(lesions: LesionMap, lesion: Lesion) -> float:
    """Return the radius of a ball as large as the lesion, 3 mm at least."""
    volume = np.count_nonzero(lesions.mask(lesion.number, lesion.box)) * lesions.case.voxel_mm3
    return max(3.0, float((3 * volume / (4 * np.pi)) ** (1 / 3)))


def _seeds(look: Look, lesion: Lesion, said: Sequence[Seed], *, include: bool) -> tuple[Mask, Mask]:
    """Return the blocks that surely belong to the lesion, and those that surely do not; the latest word counts."""
    window = look.window
    wanted, unwanted = (np.zeros(window.shape, dtype=bool) for _ in range(2))
    for blocks, seeds in ((wanted, lesion.include), (unwanted, lesion.exclude)):
        for seed in seeds:
            if window.holds(seed.voxel):
                blocks[window.block_of(seed.voxel)] = True
    latest = np.zeros(window.shape, dtype=bool)
    for seed in said:
        latest |= window.distance_mm(seed.voxel) <= BALL_SHARE * min(seed.reach_mm, BALL_MOST_MM)
    if include:
        latest &= look.limit
    for seed in said:
        latest[window.block_of(seed.voxel)] = True
    latest &= ~look.taken
    if include:
        return (wanted & ~unwanted) | latest, unwanted & ~latest
    return wanted & ~latest, unwanted | latest


def _voices(
    look: Look, lesion: Lesion, said: Sequence[Seed], mask: Mask, *, include: bool
) -> list[tuple[Seed, float]]:
    """Return what was said in the window, 1 for included and -1 for excluded voxels.

    When nothing was said to belong to it, the deepest place of what is left of the lesion speaks for it.
    """
    window = look.window
    spoken = [(seed, 1.0) for seed in (*lesion.include, *(said if include else ()))]
    spoken += [(seed, -1.0) for seed in (*lesion.exclude, *(() if include else said))]
    heard = [(seed, sign) for seed, sign in spoken if window.holds(seed.voxel)]
    if not any(sign > 0 for _, sign in heard) and mask.any():
        depth = inner_depth_mm(mask, window.spacing_mm)
        block = tuple(int(i) for i in np.unravel_index(int(depth.argmax()), depth.shape))
        heard.append((Seed(voxel=window.voxel_of(block), reach_mm=float(depth[block])), 1.0))
    return heard


def _surely_wrong(look: Look, said: Sequence[Seed], *, include: bool) -> Mask:
    """Return the balls around excluded voxels that reach to the old outline: no example of the lesion."""
    wrong = np.zeros(look.window.shape, dtype=bool)
    for seed in () if include else said:
        wrong |= look.window.distance_mm(seed.voxel) <= seed.reach_mm
    return wrong


def _prior(look: Look, share: Field, wanted: Mask, said: Sequence[Seed], radius: float) -> Field:
    """Return the log-odds by what the lesion was, and against what lies beyond it and beyond what was said."""
    window = look.window
    openness = np.zeros(window.shape, np.float32)
    lesion = (share > 0.5) | wanted
    for seed in said:
        reach = min(seed.reach_mm, max(radius, 3.0))
        distance = window.distance_mm(seed.voxel)
        np.maximum(openness, np.exp(-((distance / (NEAR_REACHES * reach + NEAR_MM)) ** 2)), out=openness)
        lesion |= distance <= NEAR_REACHES * reach
    beyond = depth_mm(~lesion, window.spacing_mm)
    return np.asarray(
        OLD_ODDS * (2 * share - 1) * (1 - openness) - BEYOND_ODDS * beyond / (0.5 * radius + 2.0)
    )


def _heard(look: Look, odds: Field, voices: Sequence[tuple[Seed, float]], radius: float) -> Field:
    """Return what the seeds add to the log-odds of voxels near them or like them, so that every seed holds."""
    window = look.window
    total = np.zeros(window.shape)
    weight = np.full(window.shape, SILENCE)
    for seed, sign in voices:
        block, distance = window.block_of(seed.voxel), window.distance_mm(seed.voxel)
        near = NEAR_REACHES * seed.reach_mm + NEAR_MM
        far = max(near, FAR_RADII * radius)
        alike = sum((s - s[block]) ** 2 for s in look.scaled)
        special = 1 - np.exp(-0.5 * (look.strength[block] / UNLIKE_LIVER) ** 2)
        heard = np.exp(-0.5 * (distance / near) ** 2)
        heard += special * np.exp(-0.5 * ((distance / far) ** 2 + alike / ALIKE_NOISE**2))
        total += heard * sign * max(0.0, SAID_ODDS - sign * float(odds[block]))
        weight += heard
    return np.asarray(total / weight)


def _parts(mask: Mask, before: Mask, wanted: Mask, edge: Mask) -> Mask:
    """Return the parts of a mask that a seed holds, that go on beyond the window, or that were much of the lesion."""
    labels, count = ndimage.label(mask)
    size = np.bincount(labels.ravel(), minlength=count + 1)
    old = np.bincount(labels[before & mask], minlength=count + 1)
    kept = np.zeros(count + 1, dtype=bool)
    kept[np.unique(labels[wanted])] = True
    was_lesion = old >= PART_SHARE * np.maximum(size, 1)
    kept[np.unique(labels[edge])] |= was_lesion[np.unique(labels[edge])]
    kept |= was_lesion & (old >= (KEPT_SHARE * np.count_nonzero(before) if wanted.any() else 0))
    kept[0] = False
    return np.asarray(kept[labels])


def _at_voxels(window: Window, walked: Field, mask: Mask, before: Mask, old: Mask) -> Mask:
    """Return the mask at voxels; where no block changed nearby, the old voxels stay as they are."""
    changed = window.voxels_of(ndimage.binary_dilation(mask != before))
    edge = mask | (ndimage.binary_dilation(mask) & (walked <= 0.5))
    soft = np.where(edge, np.maximum(walked, 0.51 * mask), 0).astype(np.float32)
    return np.asarray(np.where(changed, window.at_voxels(soft) > 0.5, old))
