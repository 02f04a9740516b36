"""The classifier finds curves that are known, calibrated on patients that it has not seen."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from LiverTumorAttentionLib.errors import InputError
from training.candidates.fit import (
    PENALTIES,
    Samples,
    assigned_folds,
    fit,
    fit_curves,
    log_loss,
    platt,
    simplest,
)


def made(rng: np.random.Generator, count: int = 1200, patients: int = 60) -> tuple[Samples, np.ndarray]:
    """Candidates whose logit is a tent of the first feature; the second tells nothing, the third is often missing."""
    first, second = rng.uniform(-2, 2, count), rng.normal(50, 10, count)
    third = rng.normal(0, 1, count)
    logit = 2.0 - 3.0 * np.abs(first) + 1.5 * third
    third = np.where(rng.random(count) < 0.3, np.nan, third)
    samples = Samples(
        features=np.stack([first, second, third], axis=1),
        names=("a", "b", "c"),
        truth=rng.random(count) < expit(logit),
        groups=rng.integers(0, patients, count).astype(str),
    )
    return samples, logit


def test_it_finds_curves_that_rise_and_fall_and_says_how_sure_it_is() -> None:
    samples, logit = made(np.random.default_rng(3))
    fitted = fit(samples)
    said = fitted.probabilities
    assert fitted.folds == 5
    assert np.corrcoef(said, expit(logit))[0, 1] > 0.8
    for low, high in ((0.0, 0.3), (0.3, 0.7), (0.7, 1.0)):
        part = (said >= low) & (said <= high)
        assert samples.truth[part].mean() == pytest.approx(said[part].mean(), abs=0.06)
    curve = next(curve for curve in fitted.model.curves if curve.feature == "a")
    assert curve.logit(0.0) > curve.logit(-1.8) + 1.0
    assert curve.logit(0.0) > curve.logit(1.8) + 1.0
    flat = next(curve for curve in fitted.model.curves if curve.feature == "b")
    assert abs(flat.logit(40.0) - flat.logit(60.0)) < 0.5


def test_the_same_samples_give_the_same_numbers() -> None:
    samples, _ = made(np.random.default_rng(4), 300, 20)
    first, second = fit(samples), fit(samples)
    assert first.model == second.model
    np.testing.assert_array_equal(first.probabilities, second.probabilities)


def test_a_patient_is_judged_by_others_alone() -> None:
    """A feature that is the patient's own number, and tells the truth of the patient, tells nothing of another one."""
    rng = np.random.default_rng(8)
    patient = np.repeat(np.arange(40), 10)
    truth = np.repeat(rng.permutation(40) % 2 == 0, 10)
    samples = Samples(
        features=np.stack([patient.astype(float), rng.normal(size=400) + 0.5 * truth], axis=1),
        names=("number", "weak"),
        truth=truth,
        groups=patient.astype(str),
    )
    fold = assigned_folds(samples.groups, truth, 5)
    for name in np.unique(samples.groups):
        assert len(set(fold[samples.groups == name])) == 1
    assert [int(truth[fold == number].sum()) for number in range(5)] == [40] * 5
    assert [int((~truth)[fold == number].sum()) for number in range(5)] == [40] * 5
    assert 0.5 < log_loss(np.log(fit(samples).probabilities / (1 - fit(samples).probabilities)), truth) < 0.75


def test_features_that_tell_nothing_apart_are_left_out() -> None:
    samples, _ = made(np.random.default_rng(5), 200)
    features = samples.features.copy()
    features[:, 1] = 7.0
    features[19:, 2] = np.nan
    names = [
        curve.feature
        for curve in fit_curves(
            Samples(features=features, names=samples.names, truth=samples.truth, groups=samples.groups), 1.0
        ).curves
    ]
    assert names == ["a"]


def test_what_is_missing_has_a_weight_of_its_own() -> None:
    """Where the third feature is missing, all are lesions."""
    rng = np.random.default_rng(6)
    missing = rng.random(400) < 0.4
    samples = Samples(
        features=np.where(missing, np.nan, rng.normal(size=400))[:, np.newaxis],
        names=("c",),
        truth=missing | (rng.random(400) < 0.1),
        groups=np.arange(400).astype(str),
    )
    (curve,) = fit_curves(samples, 1.0).curves
    assert curve.missing > 2.0


def test_what_was_never_missing_counts_as_the_mean_where_it_is() -> None:
    samples, _ = made(np.random.default_rng(11), 400)
    for curve in fit_curves(samples, 1.0).curves:
        if curve.feature != "c":
            values = samples.features[:, samples.names.index(curve.feature)]
            assert curve.missing == pytest.approx(np.mean([curve.logit(value) for value in values]), abs=1e-3)


def test_a_larger_penalty_shrinks_the_curves() -> None:
    samples, _ = made(np.random.default_rng(7), 300)
    sizes = [
        sum(abs(weight) for curve in fit_curves(samples, penalty).curves for weight in curve.weights)
        for penalty in PENALTIES
    ]
    assert sizes == sorted(sizes, reverse=True)


def test_the_largest_penalty_within_one_standard_error_is_taken() -> None:
    """The least mean is 1.0 with a standard error of 0.1: 1.09 is within it, and 1.11 is not."""
    least = [0.9, 1.1]  # deviation of the mean: 0.1414 / sqrt(2)
    assert simplest([[1.05, 1.05], least, [1.09, 1.09], [1.11, 1.11]]) == 2
    assert simplest([least, [1.2, 1.2]]) == 0
    assert simplest([[1.0, 1.0], [1.0, 1.0], [1.01, 1.01]]) == 1


def test_platt_undoes_a_logit_that_is_too_sure() -> None:
    rng = np.random.default_rng(9)
    logit = rng.normal(0, 2, 20000)
    calibration = platt(3.0 * logit + 1.5, rng.random(20000) < expit(logit))
    assert calibration.slope == pytest.approx(1 / 3, rel=0.05)
    assert calibration.offset == pytest.approx(-0.5, abs=0.05)


def test_too_few_cases_are_refused() -> None:
    samples, _ = made(np.random.default_rng(5), 200)
    only = Samples(
        features=samples.features, names=samples.names, truth=samples.truth & False, groups=samples.groups
    )
    with pytest.raises(InputError, match="0 candidates are lesions and 200 are not; at least 10 of each"):
        fit(only)
    alone = Samples(
        features=samples.features,
        names=samples.names,
        truth=samples.truth,
        groups=np.full(200, "p"),
    )
    with pytest.raises(InputError, match="all candidates are of one patient"):
        fit(alone)
    with pytest.raises(InputError, match="do not tell lesions from other candidates"):
        platt(np.where(samples.truth, -1.0, 1.0), samples.truth)
