"""Intensities as nnU-Net scales them, on volumes small enough to check by eye."""

from __future__ import annotations

import numpy as np
import pytest

from LiverTumorAttentionLib.inference.nnunet.normalization import nonzero_box, nonzero_mask, scaling
from LiverTumorAttentionLib.models.nnunet_settings import ChannelSettings

VALUES = np.array([-200.0, 0.0, 100.0, 300.0], dtype=np.float32).reshape(1, 2, 2)


def scaled(settings: ChannelSettings, mask: np.ndarray | None = None) -> np.ndarray:
    def pieces():
        for column in (0, 1):
            part = None if mask is None else mask[:, :, column : column + 1]
            yield VALUES[:, :, column : column + 1], part

    return scaling(settings, pieces)(VALUES, mask)


def channel(normalization: str, **numbers: object) -> ChannelSettings:
    return ChannelSettings(phase="portal", normalization=normalization, **numbers)  # type: ignore[arg-type]


def test_ct_clips_to_the_foreground_and_takes_its_mean_and_spread():
    got = scaled(channel("ct", clip_hu=(-100.0, 200.0), mean_hu=100.0, spread_hu=50.0))
    np.testing.assert_allclose(got.ravel(), [-4, -2, 0, 2])


def test_a_spread_of_nothing_counts_as_next_to_nothing():
    got = scaled(channel("ct", clip_hu=(-100.0, 200.0), mean_hu=100.0, spread_hu=0.0))
    np.testing.assert_allclose(got.ravel(), [-2e10, -1e10, 0, 1e10])


def test_zscore_takes_mean_and_spread_of_the_volume():
    got = scaled(channel("zscore"))
    np.testing.assert_allclose(got.ravel(), (VALUES.ravel() - 50) / VALUES.std(), rtol=1e-6)


def test_zscore_of_what_is_not_zero_leaves_the_rest():
    mask = VALUES != 0
    got = scaled(channel("zscore", only_nonzero=True), mask)
    inside = np.array([-200.0, 100.0, 300.0])
    np.testing.assert_allclose(got[mask], (inside - inside.mean()) / inside.std(), rtol=1e-6)
    assert got[~mask] == 0


def test_rescale_and_none():
    np.testing.assert_allclose(scaled(channel("rescale")).ravel(), [0, 0.4, 0.6, 1])
    np.testing.assert_array_equal(scaled(channel("none")), VALUES)


def test_the_box_outside_of_which_all_channels_are_zero():
    first, second = np.zeros((2, 5, 6, 7), dtype=np.int16)
    assert nonzero_box([first, second]) == (slice(0, 5), slice(0, 6), slice(0, 7))
    first[2, 3, 4] = 5
    second[4, 1, 4] = -5
    assert nonzero_box([first, second]) == (slice(2, 5), slice(1, 4), slice(4, 5))


def test_holes_belong_to_the_mask():
    shell = np.ones((5, 5, 5))
    shell[2, 2, 2] = 0
    shell[0] = 0
    mask = nonzero_mask([shell, np.zeros((5, 5, 5))])
    assert mask[2, 2, 2]
    assert not mask[0].any()
    assert mask.sum() == 100


@pytest.mark.parametrize("name", ["ct", "zscore", "rescale"])
def test_the_input_is_not_changed(name: str):
    before = VALUES.copy()
    numbers = {"clip_hu": (0.0, 1.0), "mean_hu": 0.0, "spread_hu": 1.0} if name == "ct" else {}
    scaled(channel(name, **numbers))
    np.testing.assert_array_equal(VALUES, before)
