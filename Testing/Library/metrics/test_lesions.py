"""Lesions against findings, counted by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from LiverTumorAttentionLib.metrics import match_lesions

SPACING = (2.0, 1.0, 1.0)
"""Of 0.002 mL a voxel."""


def volume(*boxes: tuple[slice, slice, slice]) -> np.ndarray:
    mask = np.zeros((12, 30, 40), bool)
    for box in boxes:
        mask[box] = True
    return mask


LARGE = (slice(1, 5), slice(1, 5), slice(1, 9))  # 128 voxels
SMALL = (slice(8, 10), slice(8, 10), slice(20, 24))  # 16 voxels
SMALL_SHIFTED = (slice(8, 10), slice(8, 10), slice(22, 26))  # 8 in common, union 24: IoU 1/3
LARGE_SHIFTED = (slice(1, 5), slice(1, 5), slice(3, 11))  # 96 in common, union 160: IoU 0.6
ELSEWHERE = (slice(0, 1), slice(20, 22), slice(0, 3))  # 6 voxels


def test_one_found_one_grazed_one_invented() -> None:
    scores = match_lesions(volume(LARGE_SHIFTED, SMALL_SHIFTED, ELSEWHERE), volume(LARGE, SMALL), SPACING)
    large, small = scores.lesions
    assert large.volume_ml == pytest.approx(0.256)
    assert (large.best_iou, large.best_dice, large.overlap) == pytest.approx((0.6, 0.75, 0.75))
    assert (large.number, large.partner, large.detected) == (1, 1, True)
    assert (small.best_iou, small.best_dice, small.overlap) == pytest.approx((1 / 3, 0.5, 0.5))
    assert (small.number, small.partner, small.detected, small.touched) == (2, None, False, True)
    assert (scores.recall, scores.precision) == pytest.approx((1 / 2, 1 / 3))
    assert (scores.recall_any_overlap, scores.precision_any_overlap) == pytest.approx((1.0, 2 / 3))
    assert scores.false_findings == 1
    assert [row.touched for row in scores.findings] == [True, True, False]


def test_the_extent_is_the_longest_edge_of_the_box_around_a_lesion() -> None:
    """4 slices of 2 mm, 4 rows and 8 columns of 1 mm; then 2 slices, 2 rows and 4 columns; then a diagonal."""
    large, small = match_lesions(volume(), volume(LARGE, SMALL), SPACING).lesions
    assert (large.extent_mm, small.extent_mm) == pytest.approx((8.0, 4.0))
    small_first = match_lesions(volume(), volume(LARGE, SMALL)[::-1], SPACING).lesions
    assert [row.extent_mm for row in small_first] == pytest.approx([8.0, 4.0])
    diagonal = np.zeros((12, 30, 40), bool)
    for step in range(5):
        diagonal[step, step, step] = True
    (row,) = match_lesions(diagonal, volume(), SPACING).findings
    assert row.extent_mm == pytest.approx(10.0)


def test_half_overlap_is_enough_and_a_voxel_less_is_not() -> None:
    lesion = (slice(0, 1), slice(0, 1), slice(0, 10))
    half = (slice(0, 1), slice(0, 1), slice(0, 5))
    less = (slice(0, 1), slice(0, 1), slice(0, 4))
    assert match_lesions(volume(half), volume(lesion), SPACING).recall == 1.0
    assert match_lesions(volume(less), volume(lesion), SPACING).recall == 0.0


def test_one_finding_detects_one_lesion_only() -> None:
    """One finding covers two lesions of 5 voxels and the gap: IoU 5/11 each; none reaches one half."""
    first = (slice(0, 1), slice(0, 1), slice(0, 5))
    second = (slice(0, 1), slice(0, 1), slice(6, 11))
    both = (slice(0, 1), slice(0, 1), slice(0, 11))
    scores = match_lesions(volume(both), volume(first, second), SPACING)
    assert (scores.recall, scores.precision, scores.recall_any_overlap) == (0.0, 0.0, 1.0)
    assert scores.lesions[0].overlap == 1.0


def test_two_findings_of_half_a_lesion_each_count_once() -> None:
    """A lesion of 11 voxels split by a missing one: IoU 6/11 and 4/11; the larger part is its partner."""
    lesion = (slice(0, 1), slice(0, 1), slice(0, 11))
    parts = (slice(0, 1), slice(0, 1), slice(0, 6)), (slice(0, 1), slice(0, 1), slice(7, 11))
    scores = match_lesions(volume(*parts), volume(lesion), SPACING)
    assert (scores.recall, scores.precision) == (1.0, 0.5)
    assert scores.lesions[0].overlap == pytest.approx(10 / 11)


def test_lesions_of_equal_size_are_numbered_by_their_first_voxel() -> None:
    """At equal size the one that starts earlier in z, then y, then x comes first, whatever its column."""
    mask = np.zeros((8, 8, 8), bool)
    mask[5:7, 0:2, 0:2] = True
    mask[1:3, 5:7, 5:7] = True
    prediction = mask.copy()
    prediction[5:7] = False
    scores = match_lesions(prediction, mask, SPACING)
    assert [row.partner for row in scores.lesions] == [1, None]


def test_lesions_that_touch_at_a_corner_are_one() -> None:
    mask = np.zeros((4, 4, 4), bool)
    mask[0, 0, 0] = mask[1, 1, 1] = True
    assert len(match_lesions(mask, mask, SPACING).lesions) == 1


@pytest.mark.parametrize(
    ("prediction", "truth", "recall", "precision"),
    [
        ((), (), 1.0, 1.0),
        ((LARGE,), (), math.nan, 0.0),
        ((), (LARGE,), 0.0, math.nan),
    ],
)
def test_empty_sides(prediction: tuple, truth: tuple, recall: float, precision: float) -> None:
    scores = match_lesions(volume(*prediction), volume(*truth), SPACING)
    assert (scores.recall, scores.recall_any_overlap) == pytest.approx((recall, recall), nan_ok=True)
    assert (scores.precision, scores.precision_any_overlap) == pytest.approx(
        (precision, precision), nan_ok=True
    )


def test_thousands_of_crumbs_are_matched() -> None:
    """27,000 lesions of one voxel: a table of all pairs would not fit into memory."""
    crumbs = np.zeros((60, 60, 60), bool)
    crumbs[::2, ::2, ::2] = True
    scores = match_lesions(crumbs, crumbs, SPACING)
    assert len(scores.lesions) == 27000
    assert scores.recall == scores.precision == 1.0
