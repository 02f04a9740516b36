"""The crop of a volume that a sample shows, with its spatial augmentation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from training.augmentation import Motion, resampled

Read = Callable[[tuple[slice, ...]], NDArray]
"""Reads a box of a volume, or of a stack of slices, as (C, *box); nothing beyond it is read from the disk."""


class Crop:
    """A box of a volume, or of its slices, moved at random; every phase and the truth are cut by the same.

    shape: of the volume, (z, y, x), or of its slices, (y, x). corner: the box's first voxel, within the volume; the
    box may end beyond it. fixed: the voxel about which `motion` turns, see `Motion.points`.
    """

    def __init__(
        self,
        *,
        shape: Sequence[int],
        corner: Sequence[int],
        size: Sequence[int],
        fixed: Sequence[float],
        spacing_mm: Sequence[float],
        motion: Motion,
    ) -> None:
        self._shape, self._corner, self._size = tuple(shape), tuple(corner), tuple(size)
        self._fixed, self._spacing_mm, self._motion = tuple(fixed), tuple(spacing_mm), motion
        self._points = (
            motion.points(fixed=fixed, corner=corner, size=size, spacing_mm=spacing_mm)
            if motion.resamples
            else None
        )
        self._first, self._end = self._box()

    def displaced(self, by_mm: NDArray[np.float32]) -> Crop:
        """Return the same box with every voxel read from elsewhere; by_mm: (axes, *size), in the volume's axes."""
        bend = by_mm if self._motion.bend_mm is None else self._motion.bend_mm + by_mm
        return Crop(
            shape=self._shape,
            corner=self._corner,
            size=self._size,
            fixed=self._fixed,
            spacing_mm=self._spacing_mm,
            motion=replace(self._motion, bend_mm=bend),
        )

    def take(self, read: Read, *, linear: bool) -> NDArray:
        """Return what the sample shows of a volume, (C, *size), padded with the values at the volume's border.

        linear: for intensities, float32; otherwise for classes. Without rotation, scaling and bending nothing is
        interpolated, and the values are those of the volume, in its own type.
        """
        box = tuple(slice(first, end) for first, end in zip(self._first, self._end, strict=True))
        values = read(box)
        if self._points is not None:
            return self._motion.mirror(resampled(values, self._points, origin=self._first, linear=linear))
        missing = [n - got for n, got in zip(self._size, values.shape[1:], strict=True)]
        if any(missing):
            values = np.pad(values, [(0, 0), *((0, more) for more in missing)], mode="edge")
        return self._motion.mirror(values)

    @cached_property
    def covered(self) -> NDArray[np.bool_] | None:
        """Where the sample shows the volume and not what lies beyond, (*size); None where that is everywhere."""
        if self._points is None:
            inside = np.zeros(self._size, bool)
            inside[tuple(slice(end - first) for first, end in zip(self._first, self._end, strict=True))] = (
                True
            )
        else:
            inside = np.ones(self._size, bool)
            for points, n in zip(self._points, self._shape, strict=True):
                inside &= (points >= -0.5) & (points <= n - 0.5)
        return None if inside.all() else self._motion.mirror(inside[None])[0]

    def _box(self) -> tuple[list[int], list[int]]:
        """Return the first and one past the last voxel of the volume that the sample needs, along each axis."""
        if self._points is None:
            ends = [
                min(at + n, side) for at, n, side in zip(self._corner, self._size, self._shape, strict=True)
            ]
            return list(self._corner), ends
        lowest = [int(np.floor(axis.min())) for axis in self._points]
        highest = [int(np.ceil(axis.max())) for axis in self._points]
        firsts = [min(max(0, low), n - 1) for low, n in zip(lowest, self._shape, strict=True)]
        ends = [max(1, min(high + 1, n)) for high, n in zip(highest, self._shape, strict=True)]
        return firsts, ends
