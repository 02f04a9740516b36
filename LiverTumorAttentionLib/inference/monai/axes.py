"""Axes of a volume on their way to a network's input and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

CLOSE = 1e-3
"""Grids whose spacings and shifts differ by less (mm) are taken for one, and nothing is resampled."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One axis: resampled, then cropped, then padded."""

    length: int
    """Voxels of the volume."""
    resampled: int
    """Voxels after resampling."""
    step: float = 1.0
    """Voxels of the volume from one resampled voxel to the next; the first ones coincide."""
    first: int = 0
    """The first resampled voxel that the crop keeps."""
    kept: int
    """Voxels that it keeps."""
    before: int = 0
    """Voxels of padding before them."""
    padded: int
    """Voxels of the network's input."""

    @classmethod
    def of(cls, length: int) -> Axis:
        """Return an axis to which nothing is done."""
        return cls(length=length, resampled=length, kept=length, padded=length)

    @property
    def sources(self) -> NDArray[np.float64]:
        """Where each resampled voxel lies among the volume's, (resampled,); beyond the last one the last one."""
        return np.clip(np.arange(self.resampled) * self.step, 0, self.length - 1)

    @property
    def sites(self) -> NDArray[np.float64]:
        """Where each voxel of the volume lies among the resampled, (length,); beyond the last one the last one."""
        return np.clip(np.arange(self.length) / self.step, 0, self.resampled - 1)

    @property
    def nearest(self) -> NDArray[np.intp]:
        """The kept voxel nearest to each voxel of the volume, (length,); -1 where the crop took it away.

        A voxel half-way between two takes the even one, as rounding to even does.
        """
        index = np.rint(self.sites).astype(np.intp) - self.first
        return np.where((index >= 0) & (index < self.kept), index, -1)

    def cropped(self, first: int, kept: int) -> Axis:
        """Return the axis after a crop of the resampled voxels."""
        return replace(self, first=first, kept=kept, padded=kept)

    def filled(self, before: int, after: int) -> Axis:
        """Return the axis after padding."""
        return replace(self, before=before, padded=self.kept + before + after)


def respaced(
    axes: Sequence[Axis], spacing: Sequence[float], wanted: Sequence[float | None]
) -> tuple[Axis, ...]:
    """Return untouched axes after resampling to a spacing, mm; None keeps an axis's own.

    As many voxels as fit between the centers of the first and the last one, rounded, half to even.
    """
    new = [
        old if side is None or abs(side - old) <= CLOSE else side
        for old, side in zip(spacing, wanted, strict=True)
    ]
    changed = []
    for axis, old, side in zip(axes, spacing, new, strict=True):
        count = int(np.round((axis.length - 1) * old / side + 1.0))
        changed.append(replace(axis, resampled=count, step=side / old, kept=count, padded=count))
    return tuple(changed)


@dataclass(frozen=True, kw_only=True)
class Taps:
    """Linear interpolation of kept voxels at the voxels of the volume: two of them and their weights.

    What the crop took away is 0.
    """

    low: NDArray[np.intp]
    """The lower one, (length,); in range where its weight is not 0."""
    high: NDArray[np.intp]
    """The upper one."""
    low_weight: NDArray[np.float32]
    """Its weight; 0 where the crop took it away."""
    high_weight: NDArray[np.float32]
    """Likewise."""

    @classmethod
    def of(cls, axis: Axis) -> Taps:
        """Return the way back of an axis."""
        sites = axis.sites
        low = np.minimum(np.floor(sites).astype(np.intp), axis.resampled - 1)
        high = np.minimum(low + 1, axis.resampled - 1)
        share = sites - low
        pairs = []
        for index, weight in ((low, 1.0 - share), (high, share)):
            inside = (index >= axis.first) & (index < axis.first + axis.kept)
            place = np.clip(index - axis.first, 0, axis.kept - 1)
            pairs.append((place, np.where(inside, weight, 0.0).astype(np.float32)))
        (low, low_weight), (high, high_weight) = pairs
        return cls(low=low, high=high, low_weight=low_weight, high_weight=high_weight)

    @property
    def is_identity(self) -> bool:
        """Whether nothing changes."""
        return bool(
            (self.low == np.arange(self.low.size)).all()
            and (self.low_weight == 1).all()
            and (self.high_weight == 0).all()
        )

    def along(self, values: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
        """Return values interpolated along an axis."""
        if self.is_identity and values.shape[axis] == self.low.size:
            return values
        shape = [-1 if k == axis else 1 for k in range(values.ndim)]
        result = np.take(values, self.low, axis=axis)
        result *= self.low_weight.reshape(shape)
        upper = np.take(values, self.high, axis=axis)
        upper *= self.high_weight.reshape(shape)
        result += upper
        return result
