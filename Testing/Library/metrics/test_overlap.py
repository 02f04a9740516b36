"""Overlap metrics against counts done by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from LiverTumorAttentionLib.metrics import Confusion, confusion, dice_global, dice_per_case


def boxes() -> Confusion:
    """A cube of 4x4x4 voxels in a volume of 10x10x10, predicted one voxel too far along x.

    TP = 4*4*3 = 48, FP = FN = 16, TN = 1000 - 80 = 920.
    """
    truth, prediction = np.zeros((10, 10, 10), bool), np.zeros((10, 10, 10), bool)
    truth[2:6, 2:6, 2:6] = True
    prediction[2:6, 2:6, 3:7] = True
    return confusion(prediction, truth)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("true_positive", 48),
        ("false_positive", 16),
        ("false_negative", 16),
        ("true_negative", 920),
        ("dice", 96 / 128),
        ("f1", 96 / 128),
        ("jaccard", 48 / 80),
        ("voe", 32 / 80),
        ("rvd", 0.0),
        ("tpr", 48 / 64),
        ("precision", 48 / 64),
        ("tnr", 920 / 936),
        ("accuracy", (48 / 64 + 920 / 936) / 2),
    ],
)
def test_shifted_cube(metric: str, expected: float) -> None:
    assert getattr(boxes(), metric) == pytest.approx(expected)


def test_what_is_too_much_and_too_little_is_told_apart() -> None:
    truth, prediction = np.zeros((6, 6, 6), bool), np.zeros((6, 6, 6), bool)
    truth[:2, :2, :2] = True
    prediction[:2, :2, :3] = True
    more, less = confusion(prediction, truth), confusion(truth, prediction)
    assert (more.rvd, less.rvd) == pytest.approx((0.5, -1 / 3))
    assert (more.tpr, more.precision) == pytest.approx((1.0, 2 / 3))
    assert (less.tpr, less.precision) == pytest.approx((2 / 3, 1.0))


@pytest.mark.parametrize(
    ("predicted", "true", "expected"),
    [
        (
            False,
            False,
            {"dice": 1, "jaccard": 1, "voe": 0, "rvd": 0, "tpr": 1, "precision": 1, "accuracy": 1},
        ),
        (False, True, {"dice": 0, "jaccard": 0, "voe": 1, "rvd": -1, "tpr": 0, "precision": math.nan}),
        (True, False, {"dice": 0, "jaccard": 0, "voe": 1, "rvd": math.nan, "tpr": math.nan, "precision": 0}),
    ],
)
def test_empty_sides(predicted: bool, true: bool, expected: dict[str, float]) -> None:
    mask = np.zeros((4, 4, 4), bool)
    mask[1:3, 1:3, 1:3] = True
    counts = confusion(mask & predicted, mask & true)
    for name, value in expected.items():
        assert getattr(counts, name) == pytest.approx(value, nan_ok=True), name


def test_a_part_of_a_volume_counts_the_rest_as_background() -> None:
    mask = np.ones((2, 2, 2), bool)
    counts = confusion(mask, mask, total_voxels=1000)
    assert counts.true_negative == 992


def test_dice_per_case_and_global_weigh_differently() -> None:
    """A large case at Dice 0.8 and a small one at 0: DPC 0.4, DG 2*800 / (2*800 + 200 + 200 + 10)."""
    large = Confusion(true_positive=800, false_positive=200, false_negative=200, true_negative=0)
    small = Confusion(true_positive=0, false_positive=0, false_negative=10, true_negative=0)
    assert dice_per_case([large, small]) == pytest.approx(0.4)
    assert dice_global([large, small]) == pytest.approx(1600 / 2010)
    assert math.isnan(dice_per_case([]))
    assert math.isnan(dice_global([]))


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2, 2, 2\).*\(2, 2, 3\)"):
        confusion(np.zeros((2, 2, 2)), np.zeros((2, 2, 3)))
