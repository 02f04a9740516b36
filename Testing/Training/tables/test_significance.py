"""Paired tests by hand."""

from __future__ import annotations

import math

import pytest
from scipy import special

from training.tables.significance import paired


def test_t_of_four_differences_by_hand() -> None:
    """Differences 1, 2, 3, 6: mean 3, sd sqrt(14/3), t = 3 / sqrt(14/12) with 3 degrees of freedom."""
    first = {"A": 11.0, "B": 22.0, "C": 33.0, "D": 46.0}
    second = {"A": 10.0, "B": 20.0, "C": 30.0, "D": 40.0}
    result = paired(first, second)
    t = 3 / math.sqrt(14 / 12)
    p = special.betainc(1.5, 0.5, 3 / (3 + t**2))
    assert (result.cases, result.difference) == (4, pytest.approx(3.0))
    assert result.t_test_p == pytest.approx(p)
    assert result.wilcoxon_p == pytest.approx(2 / 2**4)


def test_the_order_of_rows_changes_the_sign_and_not_p() -> None:
    first, second = {"A": 0.5, "B": 0.7, "C": 0.9}, {"A": 0.4, "B": 0.75, "C": 0.5}
    forth, back = paired(first, second), paired(second, first)
    assert forth.difference == pytest.approx(-back.difference)
    assert forth.t_test_p == pytest.approx(back.t_test_p)


def test_cases_that_only_one_has_or_that_are_undefined_are_left_out() -> None:
    first = {"A": 0.5, "B": 0.7, "C": math.nan, "D": 0.9}
    second = {"A": 0.4, "B": 0.5, "C": 0.3, "E": 0.1}
    result = paired(first, second)
    assert result.cases == 2
    assert result.difference == pytest.approx(0.15)


def test_nothing_to_test() -> None:
    none = paired({"A": 1.0}, {"B": 1.0})
    assert none.cases == 0
    assert math.isnan(none.difference)
    same = paired({"A": 1.0, "B": 2.0}, {"A": 1.0, "B": 2.0})
    assert same.difference == 0.0
    assert math.isnan(same.t_test_p)
    assert math.isnan(same.wilcoxon_p)
    assert math.isnan(paired({"A": 1.0}, {"A": 0.5}).t_test_p)
