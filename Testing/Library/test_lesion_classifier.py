"""The classifier of candidates: its curves by hand, and what it refuses."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import pytest

from LiverTumorAttentionLib.config_parsing import from_mapping
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.lesion_classifier import OPERATING_POINTS, FeatureCurve, LesionClassifier
from Testing.Library.classifiers import by_size

CURVE = {"feature": "depth_mm", "low": 0, "high": 20, "center": 10, "scale": 5, "weights": [1.0]}


def curve(**changes: Any) -> FeatureCurve:
    return from_mapping(FeatureCurve, {**CURVE, **changes}, where="curve", error=ModelError)


def test_a_curve_bends_at_its_knots_and_is_flat_where_nothing_was_seen() -> None:
    bent = curve(knots=[0.0, 1.0], weights=[2.0, -3.0, 10.0], missing=0.25)
    assert bent.logit(5.0) == pytest.approx(-2.0)  # z = -1, left of both knots
    assert bent.logit(12.5) == pytest.approx(2 * 0.5 - 3 * 0.5)
    assert bent.logit(20.0) == pytest.approx(2 * 2 - 3 * 2 + 10 * 1)
    assert bent.logit(1e6) == bent.logit(20.0)
    assert bent.logit(-1e6) == bent.logit(0.0) == pytest.approx(-4.0)
    assert bent.logit(None) == bent.logit(math.nan) == 0.25


def test_the_probability_is_the_calibrated_sum() -> None:
    classifier = by_size(20.0, slope=2.0, offset=1.0)
    logit = 2.0 * (25.0 - 20.0) + 1.0
    assert classifier.probability({"equivalent_diameter_mm": 25.0}) == pytest.approx(
        1 / (1 + math.exp(-logit))
    )
    assert classifier.probability({"equivalent_diameter_mm": 20.0}) == pytest.approx(1 / (1 + math.exp(-1.0)))


@pytest.mark.parametrize("slope", [1.0, 50.0, 1e9])
def test_the_probability_stays_finite(slope: float) -> None:
    classifier = by_size(500.0, slope=slope)
    assert classifier.probability({"equivalent_diameter_mm": 1.0}) == pytest.approx(0.0, abs=1e-12)
    assert classifier.probability({"equivalent_diameter_mm": 999.0}) == pytest.approx(1.0)


def test_it_is_read_back_from_json_as_it_was() -> None:
    classifier = by_size(20.0)
    assert (
        from_mapping(LesionClassifier, asdict(classifier), where="candidates", error=ModelError) == classifier
    )
    assert classifier.features == ("equivalent_diameter_mm",)
    assert OPERATING_POINTS == ("sensitive", "balanced", "specific")
    assert [classifier.threshold(name) for name in OPERATING_POINTS] == [0.1, 0.5, 0.9]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scale": 0}, "scale must be positive, got 0"),
        ({"weights": [1e300]}, r"its numbers must lie between -1e\+09 and 1e\+09: correct it there"),
        ({"low": 21}, "low must not be above high, got 21 and 20"),
        ({"knots": [1.0, 1.0], "weights": [1, 1, 1]}, "knots must rise"),
        ({"knots": [1.0]}, "1 knots need 2 weights, got 1"),
        ({"weights": [math.nan]}, "expected a number that can be computed with, got nan"),
        ({"missing": math.inf}, "missing: expected a number that can be computed with, got inf"),
    ],
)
def test_a_curve_that_cannot_be_used_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        curve(**changes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda v: v["operating_points"]["specific"].update(threshold=0.2),
            "must lie between 0 and 1 and not fall",
        ),
        (lambda v: v["operating_points"]["specific"].update(threshold=1.2), "must lie between 0 and 1"),
        (lambda v: v["operating_points"].update(loose={"threshold": 0.2}), "unknown key 'loose'"),
        (lambda v: v["calibration"].update(slope=0), "needs a positive slope"),
        (lambda v: v["calibration"].update(slope=1e300), r"no number above 1e\+09, got 1e\+300 and 0"),
        (lambda v: v.update(intercept=-1e300), "the intercept must lie between"),
        (lambda v: v.update(intercept=math.inf), "intercept: expected a number that can be computed with"),
        (
            lambda v: v.update(curves=[*v["curves"], *v["curves"]]),
            "two curves are of 'equivalent_diameter_mm'",
        ),
    ],
)
def test_a_classifier_that_cannot_be_used_is_refused(change: Any, message: str) -> None:
    values = asdict(by_size(20.0))
    change(values)
    with pytest.raises(ModelError, match=message):
        from_mapping(LesionClassifier, values, where="candidates", error=ModelError)
