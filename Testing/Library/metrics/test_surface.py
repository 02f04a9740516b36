"""Surface distances against geometry, on anisotropic grids."""

from __future__ import annotations

import math

import numpy as np
import pytest

from LiverTumorAttentionLib.metrics import surface_distances
from LiverTumorAttentionLib.voxels.surfaces import surface_voxels

SPACING = (5.0, 0.8, 0.6)


def ball(
    radius_mm: float, spacing: tuple[float, float, float], centre_mm: float, size_mm: float
) -> np.ndarray:
    axes = [np.arange(0, size_mm, step) - centre_mm for step in spacing]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    return z**2 + y**2 + x**2 <= radius_mm**2


@pytest.mark.parametrize(("axis", "expected_mm"), [(0, 10.0), (1, 1.6), (2, 1.2)])
def test_two_voxels_two_steps_apart(axis: int, expected_mm: float) -> None:
    first, second = np.zeros((7, 7, 7), bool), np.zeros((7, 7, 7), bool)
    first[3, 3, 3] = True
    second[tuple(5 if a == axis else 3 for a in range(3))] = True
    result = surface_distances(first, second, SPACING)
    assert (result.assd_mm, result.hd_mm, result.hd95_mm) == pytest.approx((expected_mm,) * 3)


def test_plate_and_shifted_plate() -> None:
    """Two plates of one slice, two slices apart: every surface voxel is 10 mm from the other plate."""
    first, second = np.zeros((8, 9, 9), bool), np.zeros((8, 9, 9), bool)
    first[2], second[4] = True, True
    result = surface_distances(first, second, SPACING)
    assert (result.assd_mm, result.hd_mm, result.hd95_mm) == pytest.approx((10.0, 10.0, 10.0))


def test_one_outlier_counts_in_the_largest_but_not_in_the_95th_percentile() -> None:
    """A row of 100 voxels, and the same row with one voxel 3 steps of 0.6 mm beyond its end.

    Truth to prediction: all 0. Prediction to truth: 100 zeros and one 1.8. ASSD = 1.8 / 201.
    """
    truth, prediction = np.zeros((3, 3, 120), bool), np.zeros((3, 3, 120), bool)
    truth[1, 1, :100] = True
    prediction[1, 1, :100] = True
    prediction[1, 1, 102] = True
    result = surface_distances(prediction, truth, SPACING)
    assert result.hd_mm == pytest.approx(1.8)
    assert result.assd_mm == pytest.approx(1.8 / 201)
    assert result.hd95_mm == pytest.approx(0.0)


def test_the_95th_percentile_is_the_worse_of_both_directions() -> None:
    """The truth is a row; the prediction has its first voxel alone. Truth to prediction 0, 0.6, … 0.6*20."""
    truth, prediction = np.zeros((3, 3, 30), bool), np.zeros((3, 3, 30), bool)
    truth[1, 1, :21] = True
    prediction[1, 1, 0] = True
    for first, second in ((prediction, truth), (truth, prediction)):
        assert surface_distances(first, second, SPACING).hd95_mm == pytest.approx(0.6 * 19)


def test_concentric_balls_lie_their_radii_apart() -> None:
    spacing = (2.0, 0.8, 0.8)
    inner, outer = ball(12.0, spacing, 25.0, 50.0), ball(20.0, spacing, 25.0, 50.0)
    result = surface_distances(inner, outer, spacing)
    assert result.assd_mm == pytest.approx(8.0, abs=0.6)
    assert result.hd_mm == pytest.approx(8.0, abs=2.0)


def test_distances_agree_with_every_pair_looked_at() -> None:
    rng = np.random.default_rng(3)
    first, second = rng.random((6, 9, 11)) < 0.1, rng.random((6, 9, 11)) < 0.1
    a, b = surface_voxels(first) * np.array(SPACING), surface_voxels(second) * np.array(SPACING)
    pairs = np.linalg.norm(a[:, None] - b[None], axis=2)
    forth, back = pairs.min(axis=1), pairs.min(axis=0)
    for result in (surface_distances(first, second, SPACING), surface_distances(second, first, SPACING)):
        assert result.assd_mm == pytest.approx(np.concatenate([forth, back]).mean())
        assert result.hd_mm == pytest.approx(max(forth.max(), back.max()))


def test_surface_of_a_cube_is_its_outer_layer_even_at_the_border() -> None:
    whole = np.ones((4, 5, 6), bool)
    assert len(surface_voxels(whole)) == 4 * 5 * 6 - 2 * 3 * 4
    solid = np.pad(whole, 2)
    assert len(surface_voxels(solid)) == 4 * 5 * 6 - 2 * 3 * 4


@pytest.mark.parametrize(("predicted", "true", "expected"), [(0, 0, 0.0), (1, 0, math.nan), (0, 1, math.nan)])
def test_empty_sides(predicted: int, true: int, expected: float) -> None:
    result = surface_distances(np.full((3, 3, 3), predicted), np.full((3, 3, 3), true), SPACING)
    assert (result.assd_mm, result.hd_mm, result.hd95_mm) == pytest.approx((expected,) * 3, nan_ok=True)


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        surface_distances(np.zeros((2, 2, 2)), np.zeros((2, 2, 3)), SPACING)
