"""Classifier of candidates: from the features of one finding to its calibrated probability of being a lesion.

A generalized additive model: each feature has a piecewise linear curve, their sum and the intercept are a logit,
which Platt's two numbers calibrate. Small enough to be read in `model.json`, as the block `candidates`.
Source: Hastie, Tibshirani, Generalized additive models, 1986; Platt, Probabilistic outputs for SVM, 1999.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.wording import counted

LARGEST = 1e9
"""No number of a classifier is larger, nor a scale smaller than its inverse, so that no sum overflows."""
NETWORK_FEATURE = "network_logit"
"""The feature that a network gives; the others are measured."""


@dataclass(frozen=True, kw_only=True)
class FeatureCurve:
    """What one feature adds to the logit.

    With z = (value, clipped to [low, high], - center) / scale it is
    weights[0] * z + sum over k of weights[k + 1] * max(0, z - knots[k]);
    where the feature was not measured it is `missing`.
    """

    feature: str
    """Name of the feature; see `postprocessing.candidate_features`."""
    low: float
    """Smaller values count as this one: what was not seen in training is not extrapolated. In the feature's unit."""
    high: float
    """Larger values count as this one."""
    center: float
    """Value that becomes 0."""
    scale: float
    """Difference that becomes 1."""
    knots: tuple[float, ...] = ()
    """Where the curve bends, of z, rising."""
    weights: tuple[float, ...]
    """The slope left of the first knot, and by how much each knot changes it."""
    missing: float = 0.0
    """Added instead where the feature was not measured, such as those of a missing arterial phase."""

    def __post_init__(self) -> None:
        problem = self._problem()
        if problem:
            raise ModelError(
                f"model.json: candidates: the curve of {self.feature!r}: {problem}: correct it there"
            )

    def _problem(self) -> str | None:
        numbers = (self.low, self.high, self.center, self.scale, self.missing, *self.knots, *self.weights)
        if any(abs(number) > LARGEST for number in numbers):
            return f"its numbers must lie between {-LARGEST:g} and {LARGEST:g}"
        if not self.low <= self.high:
            return f"low must not be above high, got {self.low:g} and {self.high:g}"
        if self.scale < 1 / LARGEST:
            return f"scale must be positive, got {self.scale:g}"
        if any(a >= b for a, b in zip(self.knots, self.knots[1:], strict=False)):
            return f"knots must rise, got {list(self.knots)}"
        if len(self.weights) != len(self.knots) + 1:
            return f"{len(self.knots)} knots need {len(self.knots) + 1} weights, got {len(self.weights)}"
        return None

    def terms(self, value: float) -> list[float]:
        """Return z and what each knot adds to it, which the weights multiply. value: measured, in its unit."""
        z = (min(max(value, self.low), self.high) - self.center) / self.scale
        return [z, *(max(0.0, z - knot) for knot in self.knots)]

    def logit(self, value: float | None) -> float:
        """Return what the feature adds. value: in its unit; None or NaN where it was not measured."""
        if value is None or math.isnan(value):
            return self.missing
        return math.fsum(weight * term for weight, term in zip(self.weights, self.terms(value), strict=True))


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Platt's calibration: the calibrated logit is slope * logit + offset."""

    slope: float = 1.0
    """Positive, so that the order of candidates stays."""
    offset: float = 0.0
    """Added to the logit."""

    def __post_init__(self) -> None:
        if not 0 < self.slope <= LARGEST or abs(self.offset) > LARGEST:
            raise ModelError(
                f"model.json: candidates: the calibration needs a positive slope, and no number above {LARGEST:g}, "
                f"got {self.slope:g} and {self.offset:g}: correct it there"
            )


@dataclass(frozen=True, kw_only=True)
class OperatingPoint:
    """A threshold of the lesion probability, and what it did on the validation cases."""

    threshold: float
    """A candidate is kept from this probability on."""
    kept_lesions: float | None = None
    """Share of the true candidates of the validation cases that it keeps."""
    false_findings_per_case: float | None = None
    """Mean number of false findings a validation case that it leaves."""


@dataclass(frozen=True, kw_only=True)
class OperatingPoints:
    """The operating points of a model: where to trade missed lesions for false findings."""

    sensitive: OperatingPoint
    """Keeps nearly all lesions."""
    balanced: OperatingPoint
    """Weighs both; the one that is taken when none is asked for."""
    specific: OperatingPoint
    """Leaves few false findings."""

    def __post_init__(self) -> None:
        thresholds = [getattr(self, name).threshold for name in OPERATING_POINTS]
        if not all(0.0 <= threshold <= 1.0 for threshold in thresholds) or thresholds != sorted(thresholds):
            raise ModelError(
                "model.json: candidates: the thresholds of sensitive, balanced and specific must lie between 0 and 1 "
                f"and not fall, got {', '.join(f'{threshold:g}' for threshold in thresholds)}: correct it there"
            )


OPERATING_POINTS = tuple(entry.name for entry in fields(OperatingPoints))
"""Their names, from the lowest threshold on."""
DEFAULT_OPERATING_POINT = "balanced"


@dataclass(frozen=True, kw_only=True)
class LesionClassifier:
    """The block `candidates` of `model.json`. Format 4."""

    curves: tuple[FeatureCurve, ...]
    """One a feature."""
    intercept: float
    """The logit where all curves are 0."""
    calibration: Calibration = field(default_factory=Calibration)
    """From the sum to the logit of the probability."""
    operating_points: OperatingPoints
    """Thresholds, chosen on validation cases."""
    averaging: str = "none"
    """What the probability of tumor was averaged over where it was trained, as `segment --averaging` takes it."""
    measured: dict[str, Any] = field(default_factory=dict)
    """What it was trained and validated on, and how well it did."""

    def __post_init__(self) -> None:
        if abs(self.intercept) > LARGEST:
            raise ModelError(
                f"model.json: candidates: the intercept must lie between {-LARGEST:g} and {LARGEST:g}, "
                f"got {self.intercept:g}: correct it there"
            )
        names = [curve.feature for curve in self.curves]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ModelError(f"model.json: candidates: two curves are of {twice[0]!r}: leave one out")

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features that it needs."""
        return tuple(curve.feature for curve in self.curves)

    def logit(self, features: Mapping[str, float | None]) -> float:
        """Return the logit before calibration. features: by name, None or NaN for what was not measured."""
        return self.intercept + math.fsum(curve.logit(features[curve.feature]) for curve in self.curves)

    def probability(self, features: Mapping[str, float | None]) -> float:
        """Return the probability of being a lesion, 0 to 1. features: as for `logit`."""
        logit = self.calibration.slope * self.logit(features) + self.calibration.offset
        if logit >= 0:
            return 1.0 / (1.0 + math.exp(-logit))
        return math.exp(logit) / (1.0 + math.exp(logit))

    def threshold(self, operating_point: str) -> float:
        """Return the threshold of an operating point, by its name in OPERATING_POINTS."""
        point: OperatingPoint = getattr(self.operating_points, operating_point)
        return point.threshold


def left_out(count: int, operating_point: str) -> str:
    """Return the sentence on candidates that the second look left out; empty when there is none."""
    if not count:
        return ""
    return f"{counted(count, 'candidate')} below the operating point '{operating_point}' left out"
