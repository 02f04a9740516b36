"""Weighted sums of overlapping tiles or patches, over the box of the grid that is kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.voxels.boxes import Box


class Canvas:
    """Sums weighted pieces of several maps over a box of a grid.

    maps: how many maps there are. box: the part of the grid that is kept; what falls outside is dropped.
    """

    def __init__(self, maps: int, box: Box) -> None:
        self.box = box
        self.total = np.zeros((maps, *(side.stop - side.start for side in box)), dtype=np.float32)

    def touches(self, corner: Sequence[int], size: Sequence[int]) -> bool:
        """Whether a piece at `corner` (z, y, x) of that size has a voxel in the box."""
        return all(
            start < side.stop and start + length > side.start
            for start, length, side in zip(corner, size, self.box, strict=True)
        )

    def add(
        self,
        corner: Sequence[int],
        values: NDArray[np.float32],
        weights: Sequence[NDArray[np.float32]],
    ) -> None:
        """Add a piece, (maps, z, y, x), whose first voxel lies at `corner`, by its weights along z, y and x."""
        inside, target = [], []
        for start, length, side in zip(corner, values.shape[1:], self.box, strict=True):
            first, last = max(start, side.start), min(start + length, side.stop)
            if first >= last:
                return
            inside.append(slice(first - start, last - start))
            target.append(slice(first - side.start, last - side.start))
        z, y, x = (along[part] for along, part in zip(weights, inside, strict=True))
        weight = z[:, None, None] * y[None, :, None] * x[None, None, :]
        part = (slice(None), *inside)
        place = (slice(None), *target)
        self.total[place] += weight * values[part]
