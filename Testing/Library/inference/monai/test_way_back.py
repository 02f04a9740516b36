from __future__ import annotations

import numpy as np

from LiverTumorAttentionLib.inference.monai.axes import Axis, Taps, respaced
from LiverTumorAttentionLib.inference.monai.way_back import keep_largest
from LiverTumorAttentionLib.models.monai_settings import LargestParts


def labels(*rows: list[int]) -> np.ndarray:
    return np.asarray(rows, dtype=np.uint16)[None]


def test_the_largest_part_of_each_value_or_of_all_together_is_kept() -> None:
    found = labels([1, 1, 0, 2, 0], [0, 0, 0, 2, 2], [1, 0, 2, 0, 0])
    each, together, chosen = found.copy(), found.copy(), found.copy()

    keep_largest(each, LargestParts(connectivity=1))
    keep_largest(together, LargestParts(independent=False, connectivity=3))
    keep_largest(chosen, LargestParts(values=(1,), connectivity=1))

    np.testing.assert_array_equal(each, labels([1, 1, 0, 2, 0], [0, 0, 0, 2, 2], [0, 0, 0, 0, 0]))
    np.testing.assert_array_equal(together, labels([0, 0, 0, 2, 0], [0, 0, 0, 2, 2], [0, 0, 2, 0, 0]))
    np.testing.assert_array_equal(chosen, labels([1, 1, 0, 2, 0], [0, 0, 0, 2, 2], [0, 0, 2, 0, 0]))


def test_an_axis_keeps_its_first_voxel_and_as_many_as_fit() -> None:
    (axis,) = respaced([Axis.of(11)], [1.0], [2.5])
    assert axis.resampled == 5
    np.testing.assert_allclose(axis.sources, [0, 2.5, 5, 7.5, 10])
    np.testing.assert_allclose(axis.sites, np.arange(11) / 2.5)
    (own,) = respaced([Axis.of(11)], [1.0], [1.0005])
    assert own == Axis.of(11)


def test_what_was_cropped_away_comes_back_as_nothing() -> None:
    axis = Axis.of(6).cropped(2, 3).filled(1, 0)
    taps = Taps.of(axis)
    np.testing.assert_array_equal(taps.along(np.float32([5, 6, 7]), 0), [0, 0, 5, 6, 7, 0])
    np.testing.assert_array_equal(axis.nearest, [-1, -1, 0, 1, 2, -1])
    assert axis.padded == 4
