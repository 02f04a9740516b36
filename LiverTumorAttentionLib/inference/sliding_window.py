"""Sliding-window inference: overlapping windows, their blending weights, class probabilities and weighted sums.

The weights of all windows sum to 1 at every position, so that a weighted mean over windows is a plain sum and no
volume of weights is needed to divide by.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.voxels.boxes import Box

ClassGroups = tuple[tuple[int, ...], ...]
"""For each map that is returned, the classes whose probabilities are summed."""
Profile = Callable[[int], NDArray[np.float32]]
"""Weights along one axis of a window of n voxels, (n,)."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """One window along an axis."""

    start: int
    """Its first position."""
    weights: NDArray[np.float32]
    """Blending weight of each of its positions."""


def window_starts(length: int, window: int, overlap: float) -> list[int]:
    """Return the starts of evenly spread windows that cover [0, length).

    length, window: voxels; a window longer than the length gives one at 0.
    overlap: least share that adjacent windows have in common, 0 to below 1.
    """
    if length <= window:
        return [0]
    stride = max(1, int(window * (1.0 - overlap)))
    count = math.ceil((length - window) / stride) + 1
    return [round(i * (length - window) / (count - 1)) for i in range(count)]


def windows_along(length: int, window: int, overlap: float, profile: Profile) -> list[Window]:
    """Return the windows that cover an axis of at least one window's length; their weights sum to 1 everywhere.

    profile: the weights of a window's positions before normalization.
    """
    starts = window_starts(length, window, overlap)
    shape = profile(window)
    total = np.zeros(max(length, window), dtype=np.float32)
    for start in starts:
        total[start : start + window] += shape
    return [Window(start=start, weights=shape / total[start : start + window]) for start in starts]


def triangle(n: int) -> NDArray[np.float32]:
    """Return weights that rise linearly to the middle of a window and are positive at its border: (n,).

    Near its border a tile has little context; the adjacent tile, which has more, dominates there.
    Departs: PA-ResSeg stitches overlapping tiles and does not say how they are blended.
    """
    position = (np.arange(n, dtype=np.float32) + 0.5) / n
    return (np.minimum(position, 1.0 - position) * 2.0).astype(np.float32)


def gaussian(n: int) -> NDArray[np.float32]:
    """Return a Gaussian over a window, its standard deviation an eighth of the window: (n,).

    Source: Isensee et al., nnU-Net, Nature Methods 2021 (Gaussian importance weighting of patches).
    Departs: DPC-Net overlaps patches by half and does not say how they are blended.
    """
    offset = np.arange(n, dtype=np.float32) - (n - 1) / 2.0
    return np.exp(-0.5 * (offset / (n / 8.0)) ** 2).astype(np.float32)


def group_probabilities(logits: torch.Tensor, groups: ClassGroups) -> torch.Tensor:
    """Return (B, groups, *spatial) in float32 from (B, classes, *spatial).

    Raises `ModelError` when the network has fewer classes than its stage.
    """
    if logits.shape[1] <= max(max(group) for group in groups):
        raise ModelError(
            f"the network returns {logits.shape[1]} classes, fewer than its stage in model.json has: "
            "build it with the stage's number of classes"
        )
    probabilities = torch.softmax(logits.float(), dim=1)
    return torch.stack([probabilities[:, list(group)].sum(dim=1) for group in groups], dim=1)


class WeightedSum:
    """Weighted sum of overlapping windows of several maps, over a box of a grid.

    maps: number of maps. box: the part of the grid that is computed; what falls outside is dropped.
    """

    def __init__(self, maps: int, box: Box) -> None:
        self.box = box
        self.total = np.zeros((maps, *(side.stop - side.start for side in box)), dtype=np.float32)

    def touches(self, corner: Sequence[int], size: Sequence[int]) -> bool:
        """Whether a window of `size` at `corner` (z, y, x) has a voxel in the box."""
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
        """Add a window, (maps, z, y, x), whose first voxel lies at `corner`, by its weights along z, y and x."""
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
