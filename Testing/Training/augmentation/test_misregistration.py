"""The registration errors that are drawn have the lengths that are asked for."""

from __future__ import annotations

import numpy as np
import pytest

from training.augmentation import Misregistration, draw_misregistration
from training.recipes.settings import AugmentationSettings

SPACING_MM = (5.0, 1.25, 1.25)


def drawn(settings: AugmentationSettings, count: int = 400) -> list[Misregistration]:
    rng = np.random.default_rng(1)
    errors = [draw_misregistration(rng, settings, (32, 32), SPACING_MM) for _ in range(count)]
    return [error for error in errors if error is not None]


def test_nothing_asked_draws_nothing():
    assert drawn(AugmentationSettings()) == []


def test_errors_scale_with_the_deviation_asked():
    one, three = (drawn(AugmentationSettings(registration_error_mm=mm)) for mm in (1.0, 3.0))
    small, large = (np.sqrt(np.mean([e.in_plane_mm**2 for e in errors])) for errors in (one, three))
    assert large == pytest.approx(3 * small, rel=1e-4)
    # each axis: 0.7 of a length of unit mean square, times a smooth field and a constant of unit variance each
    assert small == pytest.approx(0.7 * np.sqrt(2), rel=0.15)
    assert np.std([e.slices for e in one]) == pytest.approx(1 / 5.0, rel=0.2)  # millimeters by slices of 5 mm


def test_errors_are_smooth_and_stay_within_a_slice():
    for error in drawn(AugmentationSettings(registration_failure_share=1.0), 50):
        assert error.in_plane_mm.shape == (2, 32, 32)
        assert np.abs(np.diff(error.in_plane_mm, axis=1)).max() < 1.25  # less than a pixel: nothing is folded
        assert abs(error.slices) <= 0.9


def test_the_share_of_failures_is_that_asked():
    errors = drawn(AugmentationSettings(registration_error_mm=1e-6, registration_failure_share=0.25))
    failed = [np.abs(error.in_plane_mm).max() > 0.01 for error in errors]
    assert np.mean(failed) == pytest.approx(0.25, abs=0.06)
