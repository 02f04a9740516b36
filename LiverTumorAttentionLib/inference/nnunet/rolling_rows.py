"""Rows of a grid that slide along its first axis, so that only those of one patch are in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from LiverTumorAttentionLib.inference.nnunet.network_input import NetworkInput

ROWS_AT_ONCE = 8
"""Rows that are handed on at a time."""


class InputWindow:
    """The rows of a network's input that a patch sees, which move towards the end."""

    def __init__(self, source: NetworkInput, depth: int) -> None:
        self._source = source
        self._first = 0
        self.rows = source.rows(0, depth)
        """(channels, depth, y, x)."""

    def move_to(self, first: int) -> None:
        """Have `rows` begin at `first`, which is not before where they begin now."""
        depth = self.rows.shape[1]
        step = first - self._first
        kept = max(0, depth - step)
        _shift(self.rows.transpose(0, 1), step)
        for row in range(kept, depth, ROWS_AT_ONCE):
            end = min(row + ROWS_AT_ONCE, depth)
            self.rows[:, row:end] = self._source.rows(first + row, first + end)
        self._first = first


class RollingMean:
    """The weighted mean of overlapping patches over a grid whose first axis they fill from one end to the other.

    maps: maps of a patch. depth: rows of a patch. plane: shape of the other axes.
    nothing: (maps,) what stands where no patch lies.
    """

    def __init__(
        self, maps: int, depth: int, plane: Sequence[int], nothing: torch.Tensor, device: torch.device
    ) -> None:
        self._first = 0
        self._total = torch.zeros((maps, depth, *plane), device=device)
        self._weights = torch.zeros((depth, *plane), device=device)
        self._nothing = nothing.to(device).reshape(-1, 1, 1, 1)

    def add(self, corner: Sequence[int], values: torch.Tensor, weights: torch.Tensor) -> None:
        """Add a patch (maps, z, y, x) with weights (z, y, x), whose first voxel lies at `corner` of the grid."""
        y, x = (slice(at, at + side) for at, side in zip(corner[1:], weights.shape[1:], strict=True))
        first = corner[0] - self._first
        rows = slice(first, first + weights.shape[0])
        self._total[:, rows, y, x] += values * weights
        self._weights[rows, y, x] += weights

    def taken(self, stop: int) -> Iterator[tuple[int, torch.Tensor]]:
        """Yield the mean (maps, some rows, y, x) up to row `stop` of the grid, and where it begins; then forget it."""
        count = stop - self._first
        for row in range(0, count, ROWS_AT_ONCE):
            rows = slice(row, min(row + ROWS_AT_ONCE, count))
            weights = self._weights[rows]
            mean = self._total[:, rows] / weights
            yield self._first + row, torch.where(weights > 0, mean, self._nothing)
        _shift(self._total.transpose(0, 1), count)
        _shift(self._weights, count)
        self._total[:, self._total.shape[1] - count :] = 0
        self._weights[self._weights.shape[0] - count :] = 0
        self._first = stop


def _shift(rows: torch.Tensor, count: int) -> None:
    """Move the rows of a tensor `count` places towards its beginning, without a second one."""
    for row in range(rows.shape[0] - count):
        rows[row] = rows[row + count]
