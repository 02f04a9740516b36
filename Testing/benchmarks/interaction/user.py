"""The simulated user: looks for the largest part that is wrong and clicks in its middle."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from Testing.benchmarks.interaction.task import Click, Mask, Tool, Voxel

ENOUGH = 0.9
MOST_CLICKS = 10


@dataclass(frozen=True)
class Spent:
    """What a lesion took. dice: before the first click, then after each. seconds: of each click."""

    dice: list[float]
    seconds: list[float]


def segment(tool: Tool, truth: Mask, spacing_mm: tuple[float, ...]) -> Spent:
    """Click until the mask is good enough, the clicks are spent, or a click cannot be done."""
    dice, possible = [overlap(tool.mask, truth)], True
    seconds: list[float] = []
    while dice[-1] < ENOUGH and len(seconds) < MOST_CLICKS and possible:
        click = next_click(tool.mask, truth, spacing_mm)
        start = time.perf_counter()
        possible = tool.click(click)
        seconds.append(time.perf_counter() - start)
        dice.append(overlap(tool.mask, truth))
    return Spent(dice, seconds)


def next_click(mask: Mask, truth: Mask, spacing_mm: tuple[float, ...]) -> Click:
    """Return a click on the deepest voxel of the largest part (6-connected) that is wrong.

    Of equally large parts, the missing one.
    """
    box = ndimage.find_objects((mask | truth).astype(np.uint8))[0]
    mask, truth = mask[box], truth[box]
    missing, too_much = largest(truth & ~mask), largest(mask & ~truth)
    include = np.count_nonzero(missing) >= np.count_nonzero(too_much)
    place, depth_mm = middle(missing if include else too_much, spacing_mm)
    z, y, x = (i + side.start for i, side in zip(place, box, strict=True))
    return Click(voxel=(z, y, x), include=bool(include), depth_mm=depth_mm)


def middle(part: Mask, spacing_mm: tuple[float, ...]) -> tuple[Voxel, float]:
    """Return the deepest voxel of a part, and its distance to the nearest voxel outside of the part, mm.

    Of equally deep voxels, the one nearest to their centre, then the first in array order.
    """
    depth = ndimage.distance_transform_edt(np.pad(part, 1), sampling=spacing_mm)[1:-1, 1:-1, 1:-1]
    places = np.argwhere(depth > depth.max() - 1e-6)
    steps = (places - places.mean(axis=0)) * spacing_mm
    z, y, x = (int(i) for i in places[int((steps**2).sum(axis=1).argmin())])
    return (z, y, x), float(depth[z, y, x])


def largest(mask: Mask) -> Mask:
    """Return the largest part (6-connected) of a mask, of equally large ones the first."""
    labels, count = ndimage.label(mask)
    if count < 2:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(labels == sizes.argmax())


def overlap(mask: Mask, truth: Mask) -> float:
    """Return the Dice overlap."""
    return 2 * np.count_nonzero(mask & truth) / max(1, np.count_nonzero(mask) + np.count_nonzero(truth))
