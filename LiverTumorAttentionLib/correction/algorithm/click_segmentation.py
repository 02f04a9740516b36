"""From one click to a lesion: what the click means, found in a box around it.

First a wide look in coarse blocks tells how far the lesion reaches, then a close one draws its border. What plain liver
looks like is measured around; the lesion may be darker or brighter than it, in either phase, and need not be even.
The constants were chosen on phantoms with seeds 90000 to 90019.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.correction.algorithm.appearance import Look
from LiverTumorAttentionLib.correction.algorithm.block_grid import Field, Mask, Window
from LiverTumorAttentionLib.correction.algorithm.likelihood import (
    by_looks,
    by_probability,
    by_strength,
    inner_weights,
)
from LiverTumorAttentionLib.correction.algorithm.random_walker import walk
from LiverTumorAttentionLib.correction.algorithm.shapes import enclosed, hanging_together, without_necks
from LiverTumorAttentionLib.correction.case import Voxel
from LiverTumorAttentionLib.correction.lesions import LesionMap
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import Box
from LiverTumorAttentionLib.voxels.morphology import fill_holes

WIDE_MM = 52.0
"""Half the side of the first box: room for a lesion of 80 mm."""
MOST_BLOCKS = 60_000
WIDE_BLOCK_MM = 1.2
CLICKED_MM = 2.0
"""Radius of the ball around the click that is taken for lesion."""
BESIDE_MM = 6.0
"""Liver nearer to the click than this is not taken for plain at first."""
SIZE_PENALTY = 3.0
"""Log-odds against a voxel that lies twice as far from the click as the lesion seems to reach."""
HOLE_ODDS = 0.5
"""For a cavity, such as a scar that looks like liver."""
GROWTH = 1.1
"""The second look allows for a radius larger by this factor."""
MARGIN_MM, MARGIN_SHARE = 8.0, 0.4
DRAWINGS = 3
"""How often the border is drawn, each time with the contrast of what was drawn before."""
WIDE_CONTRAST, WIDE_TRUST = 1.5 / 9, 1.0
CLOSE_CONTRAST, CLOSE_TRUST = 1.5 / 9, 1.0
"""Settings of the random walker."""


@dataclass(frozen=True)
class Drawn:
    """A mask (z, y, x) in a box of the volume."""

    box: Box
    mask: NDArray[np.bool_]


def lesion_at(lesions: LesionMap, voxel: Voxel, progress: Progress) -> Drawn:
    """Return the lesion that a click at `voxel` means, as a mask that holds the voxel. Raises `Cancelled`."""
    around = lesions.around([voxel], WIDE_MM)
    spacing, shape = lesions.case.spacing_mm, lesions.labels.shape
    wide = Window(around, spacing, shape, most_blocks=MOST_BLOCKS, smallest_block_mm=WIDE_BLOCK_MM)
    rough = _rough(Look(lesions, None, wide), voxel, shape, progress)
    radius = GROWTH * max(2.5, _radius_mm(rough, wide))
    box = wide.box_of(rough, max(MARGIN_MM, MARGIN_SHARE * radius), shape)
    close = Window(box, spacing, shape, most_blocks=MOST_BLOCKS)
    look = Look(lesions, None, close)
    walked, mask = _drawn(look, close.taken_from(wide, rough), voxel, radius, progress)
    # Beyond the mask, the walker's probability decides only where the border lies between blocks.
    edge = mask | (ndimage.binary_dilation(mask) & (walked <= 0.5))
    fine = close.at_voxels(np.where(edge, walked, 0).astype(np.float32)) > 0.5
    fine[tuple(i - part.start for i, part in zip(voxel, close.box, strict=True))] = True
    return Drawn(close.box, fill_holes(fine))


def _rough(look: Look, voxel: Voxel, shape: tuple[int, ...], progress: Progress) -> Mask:
    """Return the lesion as the wide look shows it."""
    window = look.window
    distance, seed = window.distance_mm(voxel), _seed(window, voxel)
    look.compare(distance <= BESIDE_MM)
    clicked = seed | (distance <= max(CLICKED_MM, 0.75 * window.spacing_mm.max()))
    odds = by_looks(look, clicked.astype(np.float32))
    odds = odds + by_probability(look, clicked)
    radius = reach_mm(odds, look.organ & ~look.taken, distance)
    evidence = _evidence(odds, look, distance, radius)
    far = window.open_faces(shape) & (distance > 0.8 * WIDE_MM)
    walked = walk(
        evidence,
        look.scaled,
        window.spacing_mm,
        ~look.limit | far | seed,
        seed.astype(np.float32),
        contrast=WIDE_CONTRAST,
        trust=WIDE_TRUST,
        progress=progress,
    )
    return without_necks(hanging_together(walked > 0.5, seed), seed, distance, window.spacing_mm)


def _drawn(look: Look, rough: Mask, voxel: Voxel, radius: float, progress: Progress) -> tuple[Field, Mask]:
    """Return the walker's probability in the close look, and the lesion."""
    window = look.window
    distance, seed = window.distance_mm(voxel), _seed(window, voxel)
    mask = rough | seed
    lesion = ndimage.binary_dilation(rough) | (distance <= radius)
    look.compare(lesion)
    look.calm(mask, lesion)
    nearness = np.exp(-0.5 * (distance / (1.2 * radius)) ** 2)
    walked = mask.astype(np.float32)
    hint = by_probability(look, seed | (distance <= CLICKED_MM))
    for _ in range(DRAWINGS):
        looks = by_looks(look, mask * nearness)
        odds = by_strength(look, inner_weights(mask, look), radius, looks) + hint
        walked = walk(
            _evidence(odds, look, distance, radius),
            look.scaled,
            window.spacing_mm,
            ~look.limit | seed,
            seed.astype(np.float32),
            contrast=CLOSE_CONTRAST,
            trust=CLOSE_TRUST,
            progress=progress,
        )
        mask = without_necks(hanging_together(walked > 0.5, seed), seed, distance, window.spacing_mm)
    return walked, mask


def _evidence(odds: Field, look: Look, distance: Field, radius: float) -> Field:
    """Return the probability of lesion by a voxel's own evidence: its looks, its distance, what encloses it."""
    odds = odds - SIZE_PENALTY * np.clip(distance / radius - 1, 0, 3)
    inside = enclosed((odds > 0) & look.limit) & (distance < 1.5 * radius + 5)
    return np.asarray(1 / (1 + np.exp(-np.where(inside, np.maximum(odds, HOLE_ODDS), odds))))


def _seed(window: Window, voxel: Voxel) -> Mask:
    seed = np.zeros(window.shape, dtype=bool)
    seed[window.block_of(voxel)] = True
    return seed


def _radius_mm(mask: Mask, window: Window) -> float:
    """Return the radius of a ball as large as a mask."""
    volume = np.count_nonzero(mask) * float(np.prod(window.spacing_mm))
    return float((3 * volume / (4 * np.pi)) ** (1 / 3))


SHELL_MM = 1.5
FARTHEST_MM = 50.0
SHELL_SHARE = 0.6
"""A lesion goes on as long as so much of a shell around the click looks like it."""
RIM_SHARE = 0.62
DEEPEST_CORE_MM = 14.0
"""A core that looks like liver, as a scar can, is passed over when so much of a shell around it looks like lesion."""


def reach_mm(odds: Field, organ: Mask, distance: Field) -> float:
    """Return how far the lesion reaches from the click, by the share of lesion in shells around it; 3 mm at least."""
    edges = np.arange(0.0, FARTHEST_MM, SHELL_MM)
    shell = np.digitize(distance, edges).ravel()
    lesion = np.where(organ, 1 / (1 + np.exp(-odds)), 0)
    found = np.bincount(shell, weights=lesion.ravel(), minlength=len(edges) + 2)
    voxels = np.bincount(shell, minlength=len(edges) + 2).astype(float)
    share = ndimage.gaussian_filter1d(found, 0.7) / np.maximum(ndimage.gaussian_filter1d(voxels, 0.7), 1e-6)
    reach, started = 3.0, False
    for middle, value in zip(edges + SHELL_MM / 2, share[1:], strict=False):
        if not started:
            started = value >= (0.5 if middle < 4 else RIM_SHARE)
            if started:
                reach = max(float(middle), 3.0)
            elif middle > DEEPEST_CORE_MM:
                break
        elif value < SHELL_SHARE:
            break
        else:
            reach = float(middle)
    return reach
