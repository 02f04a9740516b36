"""The interval of a difference over cases and seeds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from training.study.crossed import Crossed


def test_variance_and_degrees_of_freedom_are_those_of_readers_and_cases() -> None:
    """Seeds 0.1, 0.3 and cases -0.1, 0, 0.1 about them; mean squares 0.06, 0.02 and, of one cell moved, by hand."""
    table = np.array([[0.0, 0.1, 0.2], [0.2, 0.3, 0.4]])
    found = Crossed.of(table)
    # seeds: 3 x 2 x 0.1^2 / 1 = 0.06; cases: 2 x 2 x 0.1^2 / 2 = 0.02; nothing is left
    assert found.mean == pytest.approx(0.2)
    assert found.error == pytest.approx(math.sqrt(0.08 / 6))
    assert found.freedom == pytest.approx((0.08 / 0.06) ** 2)
    moved = table + np.array([[0.06, -0.06, 0.0], [-0.06, 0.06, 0.0]])
    # left: 4 x 0.06^2 / 2 = 0.0072, which is taken from the cases' 0.02
    assert Crossed.of(moved).error == pytest.approx(math.sqrt((0.06 + 0.0128) / 6))


def test_where_the_cases_agree_it_is_students_interval_over_seeds() -> None:
    seeds = np.array([0.1, 0.2, 0.3, 0.4])
    found = Crossed.of(np.repeat(seeds[:, None], 5, axis=1))
    low, high = stats.t.interval(0.95, 3, loc=0.25, scale=stats.sem(seeds))
    assert (found.mean - found.half_width, found.mean + found.half_width) == pytest.approx((low, high))


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Cases and seeds scattered alike, which an interval over either alone would forget half of."""
    rng = np.random.default_rng(0)
    inside = alone = 0
    for _ in range(400):
        cases, seeds = rng.normal(0, 0.1, 30), rng.normal(0, 0.02, 5)
        table = 0.05 + cases + seeds[:, None] + rng.normal(0, 0.05, (5, 30))
        found = Crossed.of(table)
        inside += abs(found.mean - 0.05) < found.half_width
        means = table.mean(1)
        alone += abs(means.mean() - 0.05) < stats.t.ppf(0.975, 4) * stats.sem(means)
    assert 0.92 < inside / 400 < 0.985
    assert alone / 400 < 0.9


def test_what_is_detectable_is_detected_in_four_studies_of_five() -> None:
    rng = np.random.default_rng(1)
    shape = np.repeat(np.array([-0.02, 0.0, 0.02])[:, None], 4, axis=1)
    found = Crossed.of(shape)
    seen = 0
    for _ in range(600):
        means = found.detectable + rng.normal(0, 0.02, 3)
        seen += abs(means.mean()) > stats.t.ppf(0.975, 2) * stats.sem(means)
    assert seen / 600 == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize("shape", [(0, 0), (1, 5), (3, 1)])
def test_too_few_give_no_interval(shape: tuple[int, int]) -> None:
    found = Crossed.of(np.full(shape, 0.5))
    assert math.isnan(found.half_width)
    assert math.isnan(found.detectable)
    assert math.isnan(found.mean) == (0 in shape)


def test_seeds_that_agree_leave_the_cases() -> None:
    found = Crossed.of(np.tile([0.0, 0.1, 0.2, 0.3], (3, 1)))
    assert found.freedom > 1e6
    assert found.half_width == pytest.approx(1.95996 * np.std([0.0, 0.1, 0.2, 0.3], ddof=1) / 2, rel=1e-4)
    assert found.detectable == pytest.approx((1.95996 + 0.84162) * found.error, rel=1e-4)
