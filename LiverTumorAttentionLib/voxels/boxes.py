"""Boxes of an array (z, y, x), so that a measurement costs what the organ costs and not the volume."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Box = tuple[slice, ...]
"""One slice an array axis, with its start and stop."""


def box_around(mask: NDArray[Any]) -> Box | None:
    """Return the smallest box around what is not 0; None when there is nothing."""
    parts = []
    rest = mask
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        places = np.flatnonzero(np.any(rest, axis=others))
        if places.size == 0:
            return None
        part = slice(int(places[0]), int(places[-1]) + 1)
        parts.append(part)
        rest = rest[(slice(None),) * axis + (part,)]
    return tuple(parts)


def whole_of(array: NDArray[Any]) -> Box:
    """Return the box that is all of an array."""
    return tuple(slice(0, int(length)) for length in array.shape)


def widened(box: Box, voxels: Sequence[int], shape: Sequence[int]) -> Box:
    """Return a box grown by so many voxels on both sides of each axis, within an array of `shape`."""
    return tuple(
        slice(max(0, part.start - more), min(length, part.stop + more))
        for part, more, length in zip(box, voxels, shape, strict=True)
    )


def covering_voxels(distance_mm: float, spacing_zyx_mm: Sequence[float]) -> tuple[int, ...]:
    """Return how many voxels along each axis cover a distance."""
    return tuple(int(np.ceil(distance_mm / step)) for step in spacing_zyx_mm)


def within(box: Box, whole: Box) -> Box:
    """Return a box of the array as a box of the part `whole` of it, cut off where it reaches beyond."""
    return tuple(
        slice(max(part.start, outer.start) - outer.start, min(part.stop, outer.stop) - outer.start)
        for part, outer in zip(box, whole, strict=True)
    )


def start_of(box: Box) -> NDArray[np.intp]:
    """Return the first voxel of a box."""
    return np.array([part.start for part in box], dtype=np.intp)
