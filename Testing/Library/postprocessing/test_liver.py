"""One liver out of a probability."""

from __future__ import annotations

import numpy as np
import pytest

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.postprocessing import liver_from_probability

SPACING = (2.0, 1.0, 1.0)


def test_the_largest_part_stays_and_its_holes_are_filled() -> None:
    probability = np.zeros((12, 20, 30), np.float32)
    probability[2:9, 3:15, 3:15] = 0.9
    probability[5, 8, 8] = 0.1  # a hole
    probability[2:9, 3:15, 20:28] = 0.9  # a smaller part
    expected = np.zeros(probability.shape, bool)
    expected[2:9, 3:15, 3:15] = True
    np.testing.assert_array_equal(liver_from_probability(probability, SPACING), expected)


def test_parts_that_touch_at_an_edge_do_not_hang_together() -> None:
    probability = np.zeros((4, 12, 12), np.float32)
    probability[:, :6, :6] = 0.9
    probability[:, 6:8, 6:8] = 0.9
    assert liver_from_probability(probability, SPACING).sum() == 4 * 6 * 6


def test_the_threshold_belongs_to_the_liver_and_nan_does_not() -> None:
    probability = np.full((3, 5, 5), 0.7, np.float32)
    probability[:, :, 3:] = np.nan
    assert liver_from_probability(probability, SPACING, threshold=0.7).sum() == 3 * 5 * 3
    assert not liver_from_probability(probability, SPACING, threshold=0.71).any()


def test_a_cavity_open_to_the_border_of_the_scan_is_no_hole() -> None:
    probability = np.full((5, 7, 7), 0.9, np.float32)
    probability[3:, 3, 3] = 0.0
    assert liver_from_probability(probability, SPACING).sum() == 5 * 7 * 7 - 2


def test_opening_cuts_a_thin_bridge() -> None:
    """A bridge 3 mm wide to a smaller block falls to an opening of 2 mm; without it the block stays."""
    probability = np.zeros((20, 40, 60), np.float32)
    probability[2:18, 5:35, 5:30] = 0.9
    probability[2:18, 10:30, 40:55] = 0.9
    probability[9:11, 19:22, 30:40] = 0.9
    assert liver_from_probability(probability, SPACING)[:, :, 40:55].any()
    opened = liver_from_probability(probability, SPACING, opening_mm=2.0)
    assert not opened[:, :, 33:].any()
    lost = (probability[:, :, 5:30] > 0.5).sum() - opened[:, :, 5:30].sum()
    assert 0 <= lost < 0.06 * 16 * 30 * 25  # the ball rounds the block's edges


def test_opening_rounds_a_block_that_fills_its_own_box() -> None:
    """No ball of 4 mm reaches the corner of a block; the middles of its sides stay."""
    probability = np.zeros((20, 40, 40), np.float32)
    probability[4:16, 8:32, 8:32] = 0.9
    opened = liver_from_probability(probability, SPACING, opening_mm=4.0)
    assert not opened[4, 8, 8]
    assert opened[4, 20, 20]
    assert opened[10, 8, 20]


def test_opening_measures_in_mm_along_every_axis() -> None:
    """A slab four slices of 5 mm thick survives an opening of 6 mm; four slices of 1 mm do not reach it."""
    probability = np.zeros((10, 40, 40), np.float32)
    probability[3:7, 4:36, 4:36] = 0.9
    probability[0:9, 15:25, 15:25] = 0.9
    thick = liver_from_probability(probability, (5.0, 1.0, 1.0), opening_mm=6.0)
    thin = liver_from_probability(probability, (1.0, 1.0, 1.0), opening_mm=6.0)
    assert thick[4, 10, 10]
    # nothing of 12 mm is left of the thin one: the opening is given up rather than the liver
    assert thin.sum() == (probability > 0.5).sum()


def test_nothing_is_a_result() -> None:
    assert not liver_from_probability(np.zeros((3, 4, 5), np.float32), SPACING).any()


def test_what_is_no_volume_is_refused() -> None:
    with pytest.raises(InputError, match=r"liver probability has the shape \(4, 5\)"):
        liver_from_probability(np.zeros((4, 5), np.float32), SPACING)
    with pytest.raises(InputError, match=r"spacing is \(1.0, 0.0, 1.0\) mm"):
        liver_from_probability(np.zeros((3, 4, 5), np.float32), (1.0, 0.0, 1.0))
