"""Axis-aligned boxes of arrays (z, y, x): bounding boxes of masks and labels, margins, crops.

Measurements work on boxes so that they cost what the organ costs and not the volume.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

Box = tuple[slice, ...]
"""One slice an array axis, with its start and stop."""


def bounding_box(mask: NDArray[Any], margin: Sequence[int] | None = None) -> Box | None:
    """Return the smallest box around what is not 0, of an array of any dimension; None when all is 0.

    margin: voxels by which the box grows on both sides of each axis, within the array.

    Projections onto the axes, each within what the ones before left over: on a whole CT twenty times as fast
    as `ndimage.find_objects`, which is for the boxes of many labels (`label_boxes`).
    """
    sides: list[slice] = []
    rest = mask
    for axis in range(mask.ndim):
        used = np.flatnonzero(np.any(rest, axis=tuple(other for other in range(mask.ndim) if other != axis)))
        if used.size == 0:
            return None
        side = slice(int(used[0]), int(used[-1]) + 1)
        sides.append(side)
        rest = rest[(slice(None),) * axis + (side,)]
    return tuple(sides) if margin is None else expanded_box(tuple(sides), margin, mask.shape)


def label_boxes(labels: NDArray[Any]) -> dict[int, Box]:
    """Return the bounding box of every value above 0 that a label map holds, by value in rising order.

    Values must be whole numbers; arrays of another type than integers are converted.
    """
    if labels.size == 0:
        return {}
    whole = labels if labels.dtype.kind in "iu" else labels.astype(np.int64)
    from scipy import (
        ndimage,  # here: Slicer loads the panel, which imports this file, before scipy is installed
    )

    boxes = ndimage.find_objects(whole)
    return {value: box for value, box in enumerate(boxes, start=1) if box is not None}


def full_box(shape: Sequence[int]) -> Box:
    """Return the box that is all of an array of `shape`."""
    return tuple(slice(0, int(length)) for length in shape)


def expanded_box(box: Box, voxels: Sequence[int], shape: Sequence[int]) -> Box:
    """Return a box grown by `voxels` (one number an axis) on both sides, within an array of `shape`."""
    return tuple(
        slice(max(0, side.start - margin), min(length, side.stop + margin))
        for side, margin, length in zip(box, voxels, shape, strict=True)
    )


def margin_voxels(distance_mm: float, spacing_zyx_mm: Sequence[float]) -> tuple[int, ...]:
    """Return how many voxels along each axis cover a distance."""
    return tuple(int(np.ceil(distance_mm / step)) for step in spacing_zyx_mm)


def enclosing_box(boxes: Iterable[Box]) -> Box:
    """Return the smallest box that holds all of at least one box."""
    return tuple(
        slice(min(side.start for side in sides), max(side.stop for side in sides))
        for sides in zip(*boxes, strict=True)
    )


def relative_box(box: Box, outer: Box) -> Box:
    """Return a box of the array as a box of its part `outer`, cut off where it reaches beyond."""
    return tuple(
        slice(max(side.start, part.start) - part.start, min(side.stop, part.stop) - part.start)
        for side, part in zip(box, outer, strict=True)
    )


def box_start(box: Box) -> NDArray[np.intp]:
    """Return the index of the first voxel of a box."""
    return np.array([side.start for side in box], dtype=np.intp)


def box_corners(boxes: Iterable[Box]) -> NDArray[np.float64]:
    """Return the first and the last voxel of each box, (n, 3) in (z, y, x)."""
    corners = [[[s.start for s in box], [s.stop - 1 for s in box]] for box in boxes]
    return np.asarray(corners, float).reshape(-1, 3)


def mask_box(mask: sitk.Image, *, margin_mm: float = 0.0) -> Box | None:
    """Return the bounding box (z, y, x) of an image's non-zero voxels with a margin; None when all is 0."""
    margin = margin_voxels(margin_mm, mask.GetSpacing()[::-1])
    return bounding_box(sitk.GetArrayViewFromImage(mask), margin)


def crop_image(image: sitk.Image, box: Box) -> sitk.Image:
    """Return the part of an image in a box (z, y, x) of its array; its voxels keep their positions.

    The box of the whole image returns the image itself.
    """
    size = [side.stop - side.start for side in box[::-1]]
    if size == list(image.GetSize()):
        return image
    return sitk.RegionOfInterest(image, size, [side.start for side in box[::-1]])
