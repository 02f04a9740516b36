"""Fit of the classifier of candidates: curves by penalized logistic regression, cross-validated by patient.

Each feature is clipped to what was seen, standardized, and bends at two knots. The penalty is the largest whose log
loss in the cross-validation lies within one standard error of the least (the one-standard-error rule: Breiman et al.,
Classification and regression trees, 1984, section 3.4.3): the patients are few, and curves that bend more than these
can tell judge the next one wrongly. What patients that were left out got calibrates the logit (Platt, 1999), and
operating points and scores are taken from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize
from scipy.special import expit, log_expit

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.lesion_classifier import Calibration, FeatureCurve

CLIPPED_PERCENT = (1.0, 99.0)
"""Percentiles of a feature beyond which its curve is flat."""
KNOT_PERCENT = (100 / 3, 200 / 3)
"""Percentiles of a feature where its curve bends."""
FEWEST_MEASURED = 20
"""A feature that fewer candidates have is left out."""
FEWEST_OF_A_KIND = 10
"""So many lesions and so many others at least are needed."""
PENALTIES = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
"""Weights of half the sum of squares, against the sum of the log losses."""
DIGITS = 6
"""Decimals that curves are kept with."""

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Candidates as numbers.

    features: (candidates, features), NaN where it was not measured. names: of the features. truth: (candidates,),
    whether it is a lesion. groups: (candidates,), the patient.
    """

    features: Array
    names: tuple[str, ...]
    truth: NDArray[np.bool_]
    groups: NDArray[np.str_]

    def part(self, chosen: NDArray[np.bool_]) -> Samples:
        """Return some of the candidates. chosen: (candidates,)."""
        return Samples(
            features=self.features[chosen],
            names=self.names,
            truth=self.truth[chosen],
            groups=self.groups[chosen],
        )


@dataclass(frozen=True, kw_only=True)
class Model:
    """Curves and intercept: the logit before calibration."""

    curves: tuple[FeatureCurve, ...]
    intercept: float

    def logits(self, samples: Samples) -> Array:
        """Return the logit of each candidate, (candidates,)."""
        places = {name: place for place, name in enumerate(samples.names)}
        total = np.full(len(samples.truth), self.intercept)
        for curve in self.curves:
            total += [curve.logit(value) for value in samples.features[:, places[curve.feature]]]
        return total


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """The classifier, and what it said of patients that it had not seen.

    model: fitted on all. calibration: of its logits. penalty: that was chosen. folds: how many there were.
    probabilities: (candidates,), of each by the fit without its patient, calibrated.
    """

    model: Model
    calibration: Calibration
    penalty: float
    folds: int
    probabilities: Array


def fit(samples: Samples, *, folds: int = 5) -> Fitted:
    """Fit, choose the penalty, calibrate. folds: of the cross-validation; no more than there are patients.

    Raises `InputError` for too few candidates or patients, and where the features tell nothing.
    """
    lesions = int(samples.truth.sum())
    others = len(samples.truth) - lesions
    if min(lesions, others) < FEWEST_OF_A_KIND:
        raise InputError(
            f"{lesions} candidates are lesions and {others} are not; at least {FEWEST_OF_A_KIND} of each are needed: "
            "give more cases"
        )
    fold = assigned_folds(samples.groups, samples.truth, folds)
    count = int(fold.max()) + 1
    if count < 2:
        raise InputError("all candidates are of one patient: give cases of more patients")
    logits = []
    for penalty in PENALTIES:
        unseen = np.empty(len(samples.truth))
        for number in range(count):
            left_out = fold == number
            unseen[left_out] = fit_curves(samples.part(~left_out), penalty).logits(samples.part(left_out))
        logits.append(unseen)
    best = simplest(
        [[log_loss(unseen[fold == n], samples.truth[fold == n]) for n in range(count)] for unseen in logits]
    )
    calibration = platt(logits[best], samples.truth)
    return Fitted(
        model=fit_curves(samples, PENALTIES[best]),
        calibration=calibration,
        penalty=PENALTIES[best],
        folds=count,
        probabilities=expit(calibration.slope * logits[best] + calibration.offset),
    )


def simplest(losses: Sequence[Sequence[float]]) -> int:
    """Return the number of the last penalty whose mean loss is within one standard error of the least.

    losses: of each penalty, from the smallest on, the loss of each fold.
    """
    folds = np.asarray(losses, float)
    means = folds.mean(axis=1)
    least = int(np.argmin(means))
    error = folds[least].std(ddof=1) / np.sqrt(folds.shape[1])
    return int(np.flatnonzero(means <= means[least] + error)[-1])


def assigned_folds(groups: NDArray[np.str_], truth: NDArray[np.bool_], folds: int) -> NDArray[np.int64]:
    """Return the fold of each candidate, (candidates,): patients stay whole, lesions are spread evenly.

    Patients come from the one with the most lesions on, each to the fold that has the fewest so far.
    """
    names, owners = np.unique(groups, return_inverse=True)
    lesions = np.bincount(owners, weights=truth, minlength=len(names))
    others = np.bincount(owners, weights=~truth, minlength=len(names))
    count = max(1, min(folds, len(names)))
    load = np.zeros((count, 2))
    chosen = np.zeros(len(names), np.int64)
    for name in np.lexsort((np.arange(len(names)), -others, -lesions)):
        place = min(range(count), key=lambda at: (load[at, 0], load[at, 1], at))
        if not lesions[name]:
            place = min(range(count), key=lambda at: (load[at, 1], load[at, 0], at))
        chosen[name] = place
        load[place] += lesions[name], others[name]
    # Folds without a candidate do not count.
    _, numbered = np.unique(chosen[owners], return_inverse=True)
    return np.asarray(numbered, np.int64)


def fit_curves(samples: Samples, penalty: float) -> Model:
    """Return the curves with the least penalized log loss.

    Source: Hastie, Tibshirani, Friedman, The elements of statistical learning, section 4.4.4, with an L2 penalty.
    """
    shapes = _curve_shapes(samples)
    places = {name: place for place, name in enumerate(samples.names)}
    columns, owners = [], []
    for number, shape in enumerate(shapes):
        values = samples.features[:, places[shape.feature]]
        measured = ~np.isnan(values)
        terms = np.zeros((len(values), len(shape.weights) + 1))
        terms[measured, :-1] = [shape.terms(value) for value in values[measured]]
        terms[~measured, -1] = 1.0
        columns.append(terms)
        owners += [number] * terms.shape[1]
    design = np.hstack(columns) if columns else np.zeros((len(samples.truth), 0))
    weights, intercept = _logistic(design, samples.truth, penalty)
    curves = []
    for number, shape in enumerate(shapes):
        own = weights[np.asarray(owners) == number]
        terms = columns[number]
        if not terms[:, -1].any():  # never missing here: then it counts as the mean
            own[-1] = (terms @ own).mean()
        curves.append(_with_weights(shape, own[:-1], own[-1]))
    return Model(curves=tuple(curves), intercept=round(intercept, DIGITS))


def platt(logits: Array, truth: NDArray[np.bool_]) -> Calibration:
    """Return Platt's calibration of logits, (candidates,), with his targets for the two kinds.

    Raises `InputError` where higher logits are not lesions more often.
    """
    positive, negative = int(truth.sum()), int((~truth).sum())
    target = np.where(truth, (positive + 1) / (positive + 2), 1 / (negative + 2))

    def loss(parameters: Array) -> tuple[float, Array]:
        calibrated = parameters[0] * logits + parameters[1]
        rest = expit(calibrated) - target
        value = -(target * log_expit(calibrated) + (1 - target) * log_expit(-calibrated)).sum()
        return float(value), np.array([(rest * logits).sum(), rest.sum()])

    slope, offset = optimize.minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B").x
    if slope <= 0:
        raise InputError(
            "the features do not tell lesions from other candidates in patients that were left out: give more cases"
        )
    return Calibration(slope=round(float(slope), DIGITS), offset=round(float(offset), DIGITS))


def log_loss(logits: Array, truth: NDArray[np.bool_]) -> float:
    """Return the mean log loss, nats."""
    return float(-log_expit(np.where(truth, logits, -logits)).mean())


def _curve_shapes(samples: Samples) -> list[FeatureCurve]:
    """Return a curve without weights for each feature that tells candidates apart."""
    shapes = []
    for name, values in zip(samples.names, samples.features.T, strict=True):
        measured = values[~np.isnan(values)]
        if measured.size < FEWEST_MEASURED:
            continue
        low, high = (float(value) for value in np.percentile(measured, CLIPPED_PERCENT))
        clipped = measured.clip(low, high)
        center, scale = float(clipped.mean()), float(clipped.std())
        if scale <= 1e-9 * max(1.0, abs(center)):
            continue
        z = (clipped - center) / scale
        knots = np.unique(np.round(np.percentile(z, KNOT_PERCENT), DIGITS))
        knots = knots[(knots > z.min()) & (knots < z.max())]
        shapes.append(
            FeatureCurve(
                feature=name,
                low=round(low, DIGITS),
                high=round(high, DIGITS),
                center=round(center, DIGITS),
                scale=max(round(scale, DIGITS), 10.0**-DIGITS),
                knots=tuple(float(knot) for knot in knots),
                weights=(0.0,) * (len(knots) + 1),
            )
        )
    return shapes


def _with_weights(shape: FeatureCurve, weights: Array, missing: float) -> FeatureCurve:
    return FeatureCurve(
        feature=shape.feature,
        low=shape.low,
        high=shape.high,
        center=shape.center,
        scale=shape.scale,
        knots=shape.knots,
        weights=tuple(round(float(weight), DIGITS) for weight in weights),
        missing=round(float(missing), DIGITS),
    )


def _logistic(design: Array, truth: NDArray[np.bool_], penalty: float) -> tuple[Array, float]:
    """Return weights and intercept of a logistic regression; the intercept is not penalized."""
    sign = np.where(truth, 1.0, -1.0)

    def loss(parameters: Array) -> tuple[float, Array]:
        weights, intercept = parameters[:-1], parameters[-1]
        margin = sign * (design @ weights + intercept)
        pull = -sign * expit(-margin)
        value = float(-log_expit(margin).sum() + 0.5 * penalty * (weights**2).sum())
        return value, np.append(design.T @ pull + penalty * weights, pull.sum())

    start = np.zeros(design.shape[1] + 1)
    found = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 2000}).x
    return found[:-1], float(found[-1])
