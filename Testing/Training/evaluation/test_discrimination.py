"""What a probability of tumor is worth at other thresholds."""

from __future__ import annotations

import math

import numpy as np
import pytest
import SimpleITK as sitk

from training.evaluation.discrimination import THRESHOLDS, best_threshold, discrimination


def image(values: list[float], kind: type) -> sitk.Image:
    return sitk.GetImageFromArray(np.array([[values]], kind))


def test_the_area_is_the_share_of_pairs_in_order() -> None:
    """Of six pairs of a tumor's and a liver's voxel four are in order and one is a tie; outside nothing counts."""
    truth = image([0, 1, 1, 1, 2, 2], np.uint8)
    found = discrimination(image([0.99, 0.1, 0.3, 0.8, 0.3, 0.9], np.float64), truth)
    assert found.auc == pytest.approx((1 + 0.5 + 0 + 3) / 6)


def test_dice_at_each_threshold_counts_what_lies_outside_too() -> None:
    truth = image([0, 1, 1, 1, 2, 2], np.uint8)
    found = discrimination(image([0.92, 0.12, 0.32, 0.82, 0.32, 0.91], np.float64), truth)
    at = dict(zip(THRESHOLDS, found.dice, strict=True))
    assert at[0.05] == pytest.approx(4 / 8)
    assert at[0.3] == pytest.approx(4 / 7)
    assert at[0.5] == pytest.approx(2 / 5)
    assert at[0.95] == 0
    assert found.to_columns()["tumor_dice_at"].startswith("[0.5, 0.5, 0.5714")


def test_without_tumor_there_is_no_area_and_nothing_found_is_right() -> None:
    found = discrimination(image([0.0, 0.4], np.float64), image([1, 1], np.uint8))
    assert math.isnan(found.auc)
    assert (found.dice[0], found.dice[-1]) == (0.0, 1.0)


def test_one_threshold_for_all_cases_is_the_best_on_average() -> None:
    """0.2 is best for the first case and worst for the second; of equal means the one nearest one half is taken."""
    first = [0.9 if threshold == 0.2 else 0.5 for threshold in THRESHOLDS]
    second = [0.0 if threshold == 0.2 else 0.7 for threshold in THRESHOLDS]
    assert best_threshold([first, second]) == (0.5, pytest.approx(0.6))
    assert best_threshold([first]) == (0.2, 0.9)
