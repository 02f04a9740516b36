"""Rows that slide along the first axis: what is taken is the weighted mean, what is read is the input."""

from __future__ import annotations

import numpy as np
import torch

from LiverTumorAttentionLib.inference.nnunet.rolling_rows import InputWindow, RollingMean


def test_the_mean_is_that_over_the_whole_grid():
    generator = torch.Generator().manual_seed(0)
    weights = torch.rand((6, 4, 5), generator=generator) + 0.1
    total, sums = torch.zeros(2, 17, 4, 9), torch.zeros(17, 4, 9)
    mean = RollingMean(2, 6, (4, 9), torch.zeros(2), torch.device("cpu"))
    taken = []
    starts = [0, 3, 5, 11]
    for number, z in enumerate(starts):
        for x in (0, 4):
            patch = torch.rand((2, 6, 4, 5), generator=generator)
            mean.add((z, 0, x), patch, weights)
            total[:, z : z + 6, :, x : x + 5] += patch * weights
            sums[z : z + 6, :, x : x + 5] += weights
        stop = starts[number + 1] if number + 1 < len(starts) else 17
        taken += [(first, rows.clone()) for first, rows in mean.taken(stop)]
    assert [first for first, _ in taken] == [0, 3, 5, 11]
    np.testing.assert_allclose(torch.cat([rows for _, rows in taken], 1), total / sums, rtol=1e-5)


def test_where_no_patch_lies_stands_what_was_given():
    mean = RollingMean(2, 4, (2, 4), torch.tensor([7.0, -7.0]), torch.device("cpu"))
    mean.add((0, 0, 0), torch.ones(2, 4, 2, 2), torch.ones(4, 2, 2))
    ((_, rows),) = mean.taken(4)
    assert (rows[..., :2] == 1).all()
    assert (rows[0, ..., 2:] == 7).all()
    assert (rows[1, ..., 2:] == -7).all()


class Counted:
    """An input whose rows are their own numbers, and which remembers what was asked for."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def rows(self, start: int, stop: int) -> torch.Tensor:
        self.asked += range(start, stop)
        return torch.arange(start, stop).float().reshape(1, -1, 1, 1).expand(1, -1, 2, 2).clone()


def test_the_window_reads_each_row_once():
    source = Counted()
    window = InputWindow(source, 12)  # type: ignore[arg-type]
    for first in (0, 5, 14, 26):
        window.move_to(first)
        np.testing.assert_array_equal(window.rows[0, :, 0, 0], np.arange(first, first + 12))
    assert source.asked == list(range(38))
