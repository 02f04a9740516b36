"""Where patches lie, how a small volume is padded, and how patches are weighted."""

from __future__ import annotations

import numpy as np
import pytest

from LiverTumorAttentionLib.inference.nnunet.patches import gaussian_weights, padding, patch_starts


@pytest.mark.parametrize(
    ("length", "side", "step", "starts"),
    [
        (64, 64, 0.5, [0]),
        (65, 64, 0.5, [0, 1]),
        (110, 64, 0.5, [0, 23, 46]),
        (128, 64, 0.5, [0, 32, 64]),
        (100, 64, 1.0, [0, 36]),
        (69, 64, 0.05, [0, 2, 5]),  # 2.5 is rounded to the even number
    ],
)
def test_patches_are_spread_evenly(length: int, side: int, step: float, starts: list[int]):
    assert patch_starts(length, side, step) == starts


def test_padding_is_half_before_and_half_after_the_odd_one_after():
    assert padding((10, 7, 8), (10, 10, 4)) == [(0, 0), (1, 2), (0, 0)]


def test_weights_are_a_gaussian_about_the_middle_and_nowhere_zero():
    weights = gaussian_weights((16, 24, 32))
    assert weights.dtype == np.float32
    assert weights[8, 12, 16] == weights.max() == 10
    along = weights[8, 12] / 10
    np.testing.assert_allclose(along[1:], np.exp(-0.5 * ((np.arange(1, 32) - 16) / 4) ** 2), rtol=2e-3)
    assert weights.min() == pytest.approx(2.0**-24)  # the least that half precision has
    assert weights[0, 0, 0] == weights.min()
