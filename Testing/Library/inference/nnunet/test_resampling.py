"""Resampling by matrices, a few rows at a time, gives what resizing the whole volume gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from LiverTumorAttentionLib.inference.nnunet.resampling import GridChange, Limits, new_shape, separate_axis
from LiverTumorAttentionLib.models.nnunet_settings import ResamplingSettings
from LiverTumorAttentionLib.preprocessing.axis_weights import sampled_weights, zoom_weights
from Testing.Library.inference.nnunet.plain import resampled

CUBIC, LINEAR = ResamplingSettings(order=3), ResamplingSettings(order=1)
ISOTROPIC = (1.0, 1.0, 1.0)


def volume(shape: tuple[int, int, int]) -> np.ndarray:
    values = np.random.default_rng(0).normal(size=shape)
    return np.clip(values, -1, 1).astype(np.float32)  # a spline overshoots such a plateau


def by_rows(change: GridChange, image: np.ndarray, length: int, step: int) -> np.ndarray:
    whole = torch.from_numpy(image)
    limits = Limits.over(change.separate)
    for row in range(0, len(image), 3):
        limits = limits.widened(whole[row : row + 3])
    between = limits.clipped if change.clips else None
    pieces = []
    for start in range(0, length, step):
        stop = min(start + step, length)
        pieces.append(change.rows(whole[change.needed(start, stop)], start, stop, between))
    return torch.cat(pieces).numpy()


@pytest.mark.parametrize("order", [0, 1, 3])
@pytest.mark.parametrize(
    ("shape", "spacing", "new_spacing", "separate"),
    [
        ((12, 20, 17), (3.0, 0.7, 0.8), (2.0, 1.0, 1.0), 0),
        ((12, 20, 17), (2.0, 0.7, 0.8), (1.5, 1.0, 1.0), None),
        ((20, 20, 17), (1.0, 0.7, 0.7), (4.0, 1.0, 1.0), 0),
        ((18, 7, 17), (0.7, 4.0, 0.8), (1.0, 1.0, 1.0), 1),
        ((18, 20, 6), (0.7, 0.8, 6.0), (2.0, 2.0, 2.0), 2),
        ((12, 20, 17), (1.0, 1.0, 1.0), (1.0, 1.3, 1.0), None),
        ((12, 20, 17), ISOTROPIC, ISOTROPIC, None),
    ],
)
def test_rows_are_those_of_the_whole_volume(shape, spacing, new_spacing, separate, order):
    image, settings = volume(shape), ResamplingSettings(order=order)
    target = new_shape(shape, spacing, new_spacing)
    change = GridChange.of(shape, target, spacing, new_spacing, settings)
    assert change.separate == separate
    expected = resampled(image, target, order, separate=separate)
    np.testing.assert_allclose(by_rows(change, image, target[0], 5), expected, atol=2e-6)


def test_a_spline_does_not_leave_the_range_of_a_slice():
    image = np.zeros((4, 12, 12), dtype=np.float32)
    image[1, 4:8, 4:8] = 1.0
    image[2, 4:8, 4:8] = 3.0
    change = GridChange.of((4, 12, 12), (4, 30, 30), (9.0, 1.0, 1.0), (9.0, 0.4, 0.4), CUBIC)
    got = by_rows(change, image, 4, 4)
    assert [float(part.max()) for part in got] == [0.0, 1.0, 3.0, 0.0]
    assert got.min() == 0.0


@pytest.mark.parametrize(
    ("spacing", "new_spacing", "settings", "axis"),
    [
        ((5.0, 1.0, 1.0), ISOTROPIC, CUBIC, 0),
        ((3.0, 1.0, 1.0), ISOTROPIC, CUBIC, None),  # three times is not more than three times
        (ISOTROPIC, (1.0, 1.0, 4.0), CUBIC, 2),
        ((5.0, 1.0, 1.0), (1.0, 6.0, 1.0), CUBIC, 0),  # the old grid is asked first
        ((1.0, 5.0, 5.0), ISOTROPIC, CUBIC, None),  # two axes are the coarsest
        ((5.0, 1.0, 1.0), ISOTROPIC, ResamplingSettings(order=3, separate_z=False), None),
        ((2.0, 1.0, 1.0), ISOTROPIC, ResamplingSettings(order=3, separate_z=True), 0),
        ((5.0, 1.0, 1.0), ISOTROPIC, ResamplingSettings(order=3, anisotropy_threshold=6), None),
    ],
)
def test_the_axis_that_is_resampled_by_itself(spacing, new_spacing, settings, axis):
    assert separate_axis(spacing, new_spacing, settings) == axis


def test_shapes_are_rounded():
    assert new_shape((10, 11, 12), (2.0, 1.0, 0.7), (1.5, 1.6, 0.7)) == (13, 7, 12)


def test_linear_weights_by_hand():
    doubled = [[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]]
    np.testing.assert_allclose(zoom_weights(2, 4, 1).weights, doubled)
    np.testing.assert_allclose(sampled_weights(2, 4, 1).weights, doubled)
    np.testing.assert_array_equal(sampled_weights(4, 2, 0).weights, [[0, 1, 0, 0], [0, 0, 0, 1]])


def test_a_row_needs_what_it_is_made_of():
    weights = zoom_weights(100, 200, 1)
    assert weights.needed(100, 101) == slice(49, 51)
    assert weights.needed(0, 200) == slice(0, 100)
    assert zoom_weights(50, 50, 3).is_identity
    assert not weights.is_identity
