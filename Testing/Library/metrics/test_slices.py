"""Slices against counts done by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from LiverTumorAttentionLib.metrics import score_slices, slice_parts


def volume() -> np.ndarray:
    """A lesion in slices 2 to 6, one in 5 to 8 far from it, and one that shows in slice 10 alone."""
    mask = np.zeros((12, 20, 30), bool)
    mask[2:7, 2:8, 2:8] = True
    mask[5:9, 12:16, 20:24] = True
    mask[10, 2:4, 2:4] = True
    return mask


def test_a_slice_is_marginal_where_a_lesion_begins_or_ends() -> None:
    assert slice_parts(volume()) == {
        2: "marginal",
        3: "middle",
        4: "middle",
        5: "marginal",
        6: "marginal",
        7: "middle",
        8: "marginal",
        10: "marginal",
    }


def test_lesions_that_touch_at_a_corner_begin_and_end_together() -> None:
    mask = np.zeros((6, 8, 8), bool)
    mask[1:3, 1:3, 1:3] = mask[3:5, 3:5, 3:5] = True
    assert slice_parts(mask) == {1: "marginal", 2: "middle", 3: "middle", 4: "marginal"}


def test_a_volume_without_tumor_has_no_slices() -> None:
    empty = np.zeros((4, 5, 6), bool)
    assert slice_parts(empty) == {}
    assert score_slices(volume(), np.zeros_like(volume())) == ()


def test_counts_and_hausdorff_distance_of_a_slice() -> None:
    """A square of 6 x 6, found too far down and right and as 7 x 8: corner to corner 4 and 6 px beyond it."""
    truth, prediction = np.zeros((3, 20, 30), bool), np.zeros((3, 20, 30), bool)
    truth[1, 4:10, 4:10] = True
    prediction[1, 7:14, 8:16] = True
    prediction[2, 0:5, 0:5] = True
    (row,) = score_slices(prediction, truth)
    assert (row.number, row.part) == (1, "marginal")
    assert row.confusion.true_positive == 3 * 2
    assert (row.confusion.false_positive, row.confusion.false_negative) == (56 - 6, 36 - 6)
    assert row.confusion.true_negative == 20 * 30 - 86
    assert row.hausdorff_px == pytest.approx(math.hypot(4, 6))


def test_contours_are_compared_and_not_areas() -> None:
    """A disc found with a hole: each pixel found is right, and the contour of the hole lies 5 px inside."""
    y, x = np.mgrid[:41, :41] - 20
    disc = y**2 + x**2 <= 15**2
    ring = disc & ~((abs(y) <= 9) & (abs(x) <= 9))
    (row,) = score_slices(ring[None], disc[None])
    assert row.hausdorff_px == pytest.approx(math.dist((0, 10), (0, 15)), abs=1.0)
    (same,) = score_slices(disc[None], disc[None])
    assert same.hausdorff_px == 0.0


def test_a_slice_in_which_nothing_was_found_is_kept() -> None:
    truth = volume()
    prediction = truth.copy()
    prediction[10] = False
    rows = score_slices(prediction, truth)
    assert [row.number for row in rows] == [2, 3, 4, 5, 6, 7, 8, 10]
    assert math.isnan(rows[-1].hausdorff_px)
    assert rows[-1].confusion.dice == 0.0
    assert all(row.confusion.dice == 1.0 for row in rows[:-1])


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2, 2, 2\).*\(2, 2, 3\)"):
        score_slices(np.zeros((2, 2, 2)), np.zeros((2, 2, 3)))
