"""Scores of centerlines: tubes of known length beside each other, and intervals over cases."""

from __future__ import annotations

import numpy as np
import pytest

from LiverTumorAttentionLib.voxels.geometry import ImageAxes
from Testing.benchmarks.vessels.scores import pooled, score_centerlines

AXES = ImageAxes(np.zeros(3), np.eye(3)[::-1].copy())


def tube(y: float, x: float, radius: float, begin: int = 5, end: int = 45) -> np.ndarray:
    z, yy, xx = np.mgrid[:50, :40, :40]
    return (np.hypot(yy - y, xx - x) <= radius) & (z >= begin) & (z < end)


def test_the_same_tube_is_found_whole() -> None:
    score = score_centerlines(tube(12, 12, 3), tube(12, 12, 3), AXES)
    assert score.recall == 1.0
    assert score.precision == 1.0
    assert score.true_mm == pytest.approx(37, abs=3)


def test_half_a_tube_is_half_the_recall_and_another_tube_half_the_precision() -> None:
    truth, found = tube(12, 12, 3), tube(12, 12, 3, end=25) | tube(30, 30, 3, end=25)
    score = score_centerlines(found, truth, AXES)
    assert score.recall == pytest.approx(0.5, abs=0.1)
    assert score.precision == pytest.approx(0.5, abs=0.1)


def test_thin_branches_do_not_count_but_may_be_what_was_found() -> None:
    score = score_centerlines(tube(12, 12, 3), tube(12, 12, 1) | tube(30, 30, 3), AXES)
    assert score.recall == 0.0
    assert score.precision == 1.0
    assert score.true_mm == pytest.approx(37, abs=3)


def test_a_tube_beside_the_truth_is_not_it() -> None:
    score = score_centerlines(tube(12, 20, 2.5), tube(12, 12, 2.5), AXES)
    assert (score.recall, score.precision) == (0.0, 0.0)


def test_nothing_found_is_no_precision() -> None:
    score = score_centerlines(np.zeros((50, 40, 40), bool), tube(12, 12, 3), AXES)
    assert score.recall == 0.0
    assert score.precision is None


def test_an_interval_holds_the_share_of_all_cases() -> None:
    share, low, high = pooled([10, 0, 30], [10, 20, 30])
    assert share == pytest.approx(40 / 60)
    assert low < share < high
    assert pooled([5, 5], [10, 10]) == (0.5, 0.5, 0.5)
