"""Shading: dark, smooth, on one side, with streaks along it, in some samples."""

from __future__ import annotations

import numpy as np

from training.augmentation.intensity import varied_hu
from training.augmentation.shading import SHARE, draw_shading
from training.recipes.settings import AugmentationSettings

SHAPE = (64, 96)


def bands(count: int) -> list[np.ndarray]:
    drawn = (draw_shading(np.random.default_rng(seed), SHAPE, 40.0) for seed in range(count))
    return [band for band in drawn if band is not None]


def test_a_share_of_the_samples_gets_a_band_that_darkens_one_side():
    drawn = bands(300)
    assert abs(len(drawn) / 300 - SHARE) < 0.1
    for band in drawn:
        assert band.shape == SHAPE
        assert band.mean() < 0
    sides = [
        max(
            abs(np.mean(band[:16]) - np.mean(band[-16:])), abs(np.mean(band[:, :24]) - np.mean(band[:, -24:]))
        )
        for band in drawn
    ]
    assert np.median(sides) > 8, "half of them are 8 HU deeper on one side than on the other"


def test_streaks_run_along_the_band():
    """Neighbors along one direction are alike, across it they differ."""
    for band in bands(60):
        steps = np.abs(np.diff(band, axis=0)).mean(), np.abs(np.diff(band, axis=1)).mean()
        angle_of_fastest = np.hypot(*steps)
        assert angle_of_fastest < 15, "no edge as steep as that of a lesion"


def test_without_the_setting_nothing_is_drawn_and_with_it_the_sample_is_the_same_again():
    hu = np.full((3, *SHAPE), 100, np.int16)
    assert varied_hu(np.random.default_rng(1), AugmentationSettings(), hu) is hu
    settings = AugmentationSettings(shading_hu=40.0)
    twice = [varied_hu(np.random.default_rng(seed), settings, hu) for seed in (3, 3)]
    np.testing.assert_array_equal(*twice)
    shaded = [varied_hu(np.random.default_rng(seed), settings, hu) for seed in range(40)]
    darker = [each for each in shaded if each.mean() < 99]
    assert 3 < len(darker) < 25
    assert all((each[0] == each[2]).all() for each in darker), "neighboring slices are shaded alike"
