"""Grid of blocks of whole voxels over a box of a volume, coarse enough for an interactive solution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.correction.case import Voxel
from LiverTumorAttentionLib.voxels.boxes import Box

Mask = NDArray[np.bool_]
Field = NDArray[np.float32]


class BlockGrid:
    """A box of a volume, divided into blocks of whole voxels.

    box: in the volume, widened to whole blocks, or cut to them where the volume ends. factors: voxels of a block
    along z, y, x. spacing_mm: of the blocks. shape: blocks along z, y, x.
    """

    def __init__(
        self,
        box: Box,
        spacing_mm: Sequence[float],
        volume: Sequence[int],
        *,
        most_blocks: int,
        smallest_block_mm: float = 0.0,
    ) -> None:
        """Choose the smallest blocks, as cubic as possible, of which at most `most_blocks` fill the box.

        volume: voxels of the whole volume along z, y, x. smallest_block_mm: least shortest side, where the
        box is large enough.
        """
        spacing = np.asarray(spacing_mm, float)
        lengths = np.array([part.stop - part.start for part in box])
        factors = np.ones(3, int)
        while np.prod(np.maximum(lengths // factors, 1)) > most_blocks:
            factors[_shortest_axis(factors, spacing, lengths)] += 1
        while (spacing * (factors + 1)).min() < smallest_block_mm and (factors < lengths).all():
            factors[_shortest_axis(factors, spacing, lengths)] += 1
        self.factors = factors
        self.spacing_mm = spacing * factors
        self.box: Box = tuple(
            _whole_blocks(part, int(f), n) for part, f, n in zip(box, factors, volume, strict=True)
        )
        self.shape = tuple(
            (part.stop - part.start) // int(f) for part, f in zip(self.box, factors, strict=True)
        )
        self._corner = np.array([part.start for part in self.box])

    def means(self, volume: NDArray[Any]) -> Field:
        """Return the mean of a volume (z, y, x) over each block, float32."""
        return self.box_means(volume[self.box])

    def box_means(self, values: NDArray[Any]) -> Field:
        """Return the mean over each block of values cut to the box, float32."""
        if (self.factors == 1).all():
            return values.astype(np.float32)
        (d, h, w), (a, b, c) = self.shape, self.factors
        blocks = values.reshape(d, a, h, b, w, c)
        return np.asarray(blocks.mean(axis=(1, 3, 5), dtype=np.float32))

    def block_of(self, voxel: Voxel) -> tuple[int, int, int]:
        """Return the block that contains a voxel; the nearest one for a voxel outside."""
        block = (np.asarray(voxel) - self._corner) // self.factors
        z, y, x = (int(i) for i in np.clip(block, 0, np.array(self.shape) - 1))
        return z, y, x

    def voxel_of(self, block: Sequence[int]) -> Voxel:
        """Return the voxel in the middle of a block."""
        z, y, x = (int(i) for i in self._corner + np.asarray(block) * self.factors + self.factors // 2)
        return z, y, x

    def contains(self, voxel: Voxel) -> bool:
        """Tell whether a voxel lies in the box."""
        return all(part.start <= i < part.stop for part, i in zip(self.box, voxel, strict=True))

    def distance_mm(self, voxel: Voxel) -> Field:
        """Return the distance of each block's center from a voxel's center."""
        place = (np.asarray(voxel) - self._corner + 0.5) / self.factors - 0.5
        squares = [
            ((np.arange(n) - center) * step) ** 2
            for n, center, step in zip(self.shape, place, self.spacing_mm, strict=True)
        ]
        total = squares[0][:, None, None] + squares[1][None, :, None] + squares[2][None, None, :]
        return np.sqrt(total).astype(np.float32)

    def axes_mm(self) -> list[NDArray[np.float64]]:
        """Return where the blocks' centers lie along z, y, x: voxel index times the voxels' spacing."""
        return [
            (corner + (np.arange(n) + 0.5) * factor - 0.5) * (step / factor)
            for corner, n, factor, step in zip(
                self._corner, self.shape, self.factors, self.spacing_mm, strict=True
            )
        ]

    def interpolated(self, values: Field) -> Field:
        """Interpolate values of blocks linearly at the voxels of the box."""
        for axis, factor in enumerate(self.factors):
            if factor > 1:
                values = _interpolated(values, axis, int(factor))
        return values

    def voxels_in(self, blocks: Mask) -> Mask:
        """Return the voxels of the box that lie in the blocks of a mask."""
        for axis, factor in enumerate(self.factors):
            if factor > 1:
                blocks = np.repeat(blocks, factor, axis)
        return blocks

    def resampled(self, other: BlockGrid, blocks: Mask) -> Mask:
        """Return which blocks of this grid have their center in a mask of another grid's blocks."""
        inside, index = [], []
        for axis in range(3):
            center = self._corner[axis] + (np.arange(self.shape[axis]) + 0.5) * self.factors[axis]
            place = np.floor((center - other._corner[axis]) / other.factors[axis]).astype(int)
            inside.append((place >= 0) & (place < other.shape[axis]))
            index.append(np.clip(place, 0, other.shape[axis] - 1))
        return np.asarray(
            blocks[np.ix_(*index)]
            & inside[0][:, None, None]
            & inside[1][None, :, None]
            & inside[2][None, None, :]
        )

    def box_of(self, blocks: Mask, margin_mm: float, shape: Sequence[int]) -> Box:
        """Return the box of the volume around a mask's blocks, with a margin, within a volume of `shape`."""
        places = np.argwhere(blocks)
        first = self._corner + places.min(axis=0) * self.factors
        end = self._corner + (places.max(axis=0) + 1) * self.factors
        margin = np.ceil(margin_mm * self.factors / self.spacing_mm).astype(int)
        return tuple(
            slice(int(max(0, a)), int(min(n, b)))
            for a, b, n in zip(first - margin, end + margin, shape, strict=True)
        )

    def inner_faces(self, shape: Sequence[int]) -> Mask:
        """Return the blocks at those faces of the box that are no faces of the volume (of `shape`)."""
        faces = np.zeros(self.shape, dtype=bool)
        for axis, (part, n, f) in enumerate(zip(self.box, shape, self.factors, strict=True)):
            ends = np.moveaxis(faces, axis, 0)
            ends[0] |= part.start > 0
            ends[-1] |= part.stop + f <= n
        return faces


def _whole_blocks(part: slice, factor: int, length: int) -> slice:
    """Return a slice of whole blocks that contains `part` where the axis (of `length`) is long enough."""
    missing = -(part.stop - part.start) % factor
    stop = min(part.stop + missing, length)
    start = max(part.start - (missing - (stop - part.stop)), 0)
    return slice(start, start + max((stop - start) // factor, 1) * factor)


def _shortest_axis(factors: NDArray[np.int_], spacing: NDArray[np.float64], lengths: NDArray[np.int_]) -> int:
    """Return the axis along which a block is shortest, of those along which it can still grow."""
    return int(np.argmin(np.where(factors < lengths, factors * spacing, np.inf)))


def _interpolated(values: Field, axis: int, factor: int) -> Field:
    place = (np.arange(values.shape[axis] * factor) + 0.5) / factor - 0.5
    lower = np.clip(np.floor(place).astype(int), 0, max(values.shape[axis] - 2, 0))
    upper = np.minimum(lower + 1, values.shape[axis] - 1)
    share = np.clip(place - lower, 0.0, 1.0).astype(np.float32)
    share = share.reshape([-1 if a == axis else 1 for a in range(3)])
    return np.asarray(np.take(values, lower, axis) * (1 - share) + np.take(values, upper, axis) * share)
