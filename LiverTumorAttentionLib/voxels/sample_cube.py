"""A cube of samples around a place of a volume, in physical units, as a network sees it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.voxels.boxes import Box

Field = NDArray[np.float32]
Triple = tuple[float, float, float]
Read = Callable[[Box], NDArray[Any]]
"""Reads a box of a volume, or of a mask of it."""


@dataclass(frozen=True, kw_only=True)
class Cube:
    """`samples` points along each axis of a volume (z, y, x), `step_mm` apart.

    center: of the cube, in voxels. spacing_mm, shape: of the volume's voxels, and how many there are.
    """

    center: Triple
    step_mm: Triple
    samples: int
    spacing_mm: Triple
    shape: tuple[int, ...]

    def places(self, axis: int) -> NDArray[np.float64]:
        """Return where the samples lie along an axis, in voxels; some may lie beyond the volume."""
        steps = np.arange(self.samples) - (self.samples - 1) / 2
        return np.asarray(self.center[axis] + steps * (self.step_mm[axis] / self.spacing_mm[axis]))

    def index_of(self, voxel: Sequence[float] | NDArray[Any]) -> NDArray[np.float64]:
        """Return where a voxel lies among the samples (z, y, x), in samples; it may lie beyond them."""
        ratio = np.asarray(self.spacing_mm) / np.asarray(self.step_mm)
        middle = (self.samples - 1) / 2
        return np.asarray((np.asarray(voxel, float) - self.center) * ratio + middle)

    def scaled(self, factor: float) -> Cube:
        """Return the cube with the same center whose sides are longer by a factor."""
        z, y, x = (factor * step for step in self.step_mm)
        return replace(self, step_mm=(z, y, x))

    @property
    def box(self) -> Box:
        """The voxels of the volume whose centers lie in the cube; at least one along each axis."""
        sides = []
        for axis, length in enumerate(self.shape):
            places = self.places(axis)
            first = int(np.clip(np.ceil(places[0] - 1e-9), 0, length - 1))
            last = int(np.clip(np.floor(places[-1] + 1e-9), first, length - 1))
            sides.append(slice(first, last + 1))
        return tuple(sides)

    def sampled(self, read: Read) -> Field:
        """Return a volume at the samples, float32 (z, y, x); beyond it, as at its border. Of a mask, its share.

        Where samples lie farther apart than voxels, each is a mean over as many voxels, so that noise does not alias.
        """
        box = self._read
        values = read(box).astype(np.float32)
        for axis, side in enumerate(box):
            count = self._averaged(axis)
            if count > 1:
                values = ndimage.uniform_filter1d(values, count, axis=axis, mode="nearest")
            # the mean of an even number of voxels lies half a voxel before the one that it is stored at
            shift = 0.0 if count % 2 else 0.5
            values = _along(values, axis, self.places(axis) - side.start + shift)
        return values

    def spread(self, values: Field) -> Field:
        """Interpolate values of the samples linearly at the voxels of `box`; the reverse of `sampled`."""
        for axis, side in enumerate(self.box):
            voxels = np.arange(side.start, side.stop)
            ratio = self.spacing_mm[axis] / self.step_mm[axis]
            places = (voxels - self.center[axis]) * ratio + (self.samples - 1) / 2
            values = _along(values, axis, np.asarray(places, np.float64))
        return values

    @property
    def _read(self) -> Box:
        """The voxels that the samples are made of."""
        sides = []
        for axis, length in enumerate(self.shape):
            places, more = self.places(axis), self._averaged(axis) // 2 + 1
            first = int(np.clip(np.floor(places[0]) - more, 0, length - 1))
            last = int(np.clip(np.ceil(places[-1]) + more, first, length - 1))
            sides.append(slice(first, last + 1))
        return tuple(sides)

    def _averaged(self, axis: int) -> int:
        """Return how many voxels a sample is the mean of, along an axis."""
        return max(1, round(self.step_mm[axis] / self.spacing_mm[axis]))


def _along(values: Field, axis: int, places: NDArray[np.float64]) -> Field:
    """Interpolate linearly along an axis at places in samples; beyond the ends, as at the ends."""
    places = np.clip(places, 0, values.shape[axis] - 1)
    lower = np.minimum(places.astype(int), max(values.shape[axis] - 2, 0))
    upper = np.minimum(lower + 1, values.shape[axis] - 1)
    share = (places - lower).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
    low = np.take(values, lower, axis)
    return np.asarray(low + (np.take(values, upper, axis) - low) * share, dtype=np.float32)
