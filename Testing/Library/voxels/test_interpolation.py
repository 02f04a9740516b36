"""Linear interpolation: exact on linear volumes, the same by each of the ways."""

from __future__ import annotations

import numpy as np
import pytest

from LiverTumorAttentionLib.voxels.geometry import (
    interpolate,
    interpolate_axis,
    interpolate_inside,
    interpolate_with_derivative,
)


@pytest.fixture
def volume() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(7, 5, 9)).astype(np.float32)


def test_values_are_those_of_interpolate(volume: np.ndarray) -> None:
    at = np.random.default_rng(1).uniform(-2.0, 11.0, (3, 500)).astype(np.float32)
    np.testing.assert_allclose(
        interpolate_with_derivative(volume, at)[0], interpolate(volume, at[::-1]), atol=1e-5
    )


@pytest.mark.parametrize("kind", [np.int16, np.uint8, np.float32])
def test_values_of_any_type_are_those_of_interpolate(volume: np.ndarray, kind: type) -> None:
    values = (60 * volume + 100).clip(0, 255).astype(kind)
    at = np.random.default_rng(3).uniform(-2.0, 11.0, (3, 500)).astype(np.float32)
    expected = interpolate(values.astype(np.float32), at[::-1])
    np.testing.assert_allclose(interpolate_inside(values, at), expected, atol=1e-3)


def test_the_derivative_is_that_of_the_values(volume: np.ndarray) -> None:
    rng = np.random.default_rng(2)
    whole = rng.integers(0, (8, 4, 6), (300, 3)).T
    # within the cells: on their borders there is no derivative
    at = (whole + rng.uniform(0.1, 0.9, whole.shape)).astype(np.float32)
    slope = interpolate_with_derivative(volume, at)[1]
    for axis in range(3):
        step = np.zeros((3, 1), np.float32)
        step[axis] = 0.02
        after, before = (interpolate_with_derivative(volume, at + s)[0] for s in (step, -step))
        change = (after - before) / 0.04
        np.testing.assert_allclose(slope[axis], change, atol=2e-3)


def test_a_linear_volume_is_interpolated_exactly_and_ends_with_its_border() -> None:
    z, y, x = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in (4, 5, 6)), indexing="ij")
    index = np.array([[1.5, 0.25, 7.0], [2.0, 3.75, -1.0], [0.5, 4.5, 2.0]])
    values = interpolate(2 * z - y + 10 * x, index)
    assert values == pytest.approx([3 - 2 + 5, 0.5 - 3.75 + 45, 6 - 0 + 20])
    assert interpolate(z.astype(np.int16), index, np.float32) == pytest.approx([1.5, 0.25, 3.0])


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_along_an_axis_it_is_that_of_numpy(volume: np.ndarray, axis: int) -> None:
    at = np.array([-3.0, 10.0, 10.9, 12.5, 13.1, 99.0], np.float32)
    known = 10.0 + 0.75 * np.arange(volume.shape[axis])
    expected = np.apply_along_axis(lambda line: np.interp(at, known, line), axis, volume)
    np.testing.assert_allclose(interpolate_axis(volume, axis, 10.0, 0.75, at), expected, atol=1e-5)
