import numpy as np
import pytest

from training.augmentation import varied, varied_hu
from training.recipes.settings import AugmentationSettings


def many(settings: AugmentationSettings, values: np.ndarray, count: int = 500) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [varied(rng, settings, values.copy()) for _ in range(count)]


@pytest.fixture
def values() -> np.ndarray:
    return np.random.default_rng(2).uniform(0, 1, (3, 16, 16)).astype(np.float32)


def test_nothing_asked_changes_nothing(values):
    np.testing.assert_array_equal(many(AugmentationSettings(), values, 1)[0], values)


def test_brightness_shifts_all_voxels_alike_by_the_deviation_asked(values):
    shifts = np.stack([drawn - values for drawn in many(AugmentationSettings(brightness=0.2), values)])
    assert np.ptp(shifts, axis=(1, 2, 3)).max() < 1e-6
    assert shifts[:, 0, 0, 0].std() == pytest.approx(0.2, rel=0.1)
    assert abs(shifts.mean()) < 0.03


def test_contrast_keeps_the_mean_and_spreads_the_rest(values):
    drawn = many(AugmentationSettings(contrast=0.3), values)
    assert max(abs(one.mean() - values.mean()) for one in drawn) < 1e-5
    factors = np.log([one.std() / values.std() for one in drawn])
    assert factors.std() == pytest.approx(0.3, rel=0.1)
    np.testing.assert_allclose(
        drawn[0] - values.mean(), (values - values.mean()) * np.exp(factors[0]), atol=1e-5
    )


def test_noise_is_new_in_every_voxel_and_never_stronger_than_asked(values):
    noise = [drawn - values for drawn in many(AugmentationSettings(noise=0.1), values)]
    deviations = np.array([one.std() for one in noise])
    assert deviations.max() < 0.1 * 1.1
    assert deviations.mean() == pytest.approx(0.05, rel=0.1)
    assert abs(np.corrcoef(noise[0][0].ravel(), noise[0][1].ravel())[0, 1]) < 0.2


def test_gamma_keeps_the_ends_of_the_window_and_bends_a_share_of_the_samples(values):
    values[0, 0, 0], values[0, 0, 1] = 0.0, 1.0
    drawn = many(AugmentationSettings(gamma=0.2), values)
    bent = [one for one in drawn if not np.array_equal(one, values)]
    assert len(bent) / len(drawn) == pytest.approx(0.3, abs=0.06)
    exponents = [np.log(one[0, 5, 5]) / np.log(values[0, 5, 5]) for one in bent]
    assert np.std(np.log(exponents)) == pytest.approx(0.2, rel=0.15)
    assert all((one[0, 0, 0], one[0, 0, 1]) == (0.0, 1.0) for one in bent)


# ----------------------------------------------------------------- before the window


def many_hu(settings: AugmentationSettings, hu: np.ndarray, count: int = 500) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [varied_hu(rng, settings, hu) for _ in range(count)]


@pytest.fixture
def hu() -> np.ndarray:
    return np.random.default_rng(2).integers(-100, 200, (3, 16, 16)).astype(np.int16)


def test_without_settings_the_same_hu_come_back(hu):
    assert varied_hu(np.random.default_rng(1), AugmentationSettings(), hu) is hu


def test_contrast_in_hu_changes_about_60_and_the_shift_moves_all_alike(hu):
    before = hu.copy()
    drawn = many_hu(AugmentationSettings(contrast_hu=0.1, shift_hu=8.0), hu)
    np.testing.assert_array_equal(hu, before)
    fits = np.array([np.polyfit(hu.ravel() - 60.0, one.ravel() - 60.0, 1) for one in drawn])
    assert fits[:, 0].std() == pytest.approx(0.1, rel=0.15)
    assert fits[:, 1].std() == pytest.approx(8.0, rel=0.15)
    np.testing.assert_allclose(drawn[0] - 60, (hu - 60.0) * fits[0, 0] + fits[0, 1], atol=1e-3)


def test_contrast_in_hu_changes_about_the_level_of_the_tissue(hu):
    hu[0, 0, 0] = 112
    drawn = varied_hu(np.random.default_rng(1), AugmentationSettings(contrast_hu=0.2), hu, tissue_hu=112.0)
    assert drawn[0, 0, 0] == 112
    assert abs(drawn - hu).max() > 5


def test_noise_in_hu_is_never_much_stronger_than_asked_and_at_times_correlated():
    drawn = many_hu(AugmentationSettings(noise_hu=10.0), np.zeros((3, 64, 64), np.int16), 200)
    noisy = [one for one in drawn if one.any()]
    assert len(noisy) / len(drawn) == pytest.approx(0.6, abs=0.1)
    assert max(one.std() for one in noisy) < 10.0 * 1.15
    assert np.mean([one.std() for one in noisy]) == pytest.approx(5.0, rel=0.2)
    neighbors = [np.corrcoef(one[0, :, :-1].ravel(), one[0, :, 1:].ravel())[0, 1] for one in noisy]
    assert np.mean(np.array(neighbors) > 0.3) == pytest.approx(0.5, abs=0.15)


def test_blur_is_in_plane_and_for_the_share_asked():
    hu = np.zeros((3, 17, 17), np.int16)
    hu[1, 8, 8] = 1000
    drawn = many_hu(AugmentationSettings(blur_share=0.25), hu, 300)
    blurred = [one for one in drawn if one[1, 8, 8] < 1000]
    assert len(blurred) / len(drawn) == pytest.approx(0.25, abs=0.06)
    for one in blurred:
        assert not one[[0, 2]].any()
        assert one.sum() == pytest.approx(1000, rel=1e-4)


def test_the_clip_of_pictures_is_given_to_the_share_of_samples_asked():
    hu = np.linspace(-500, 500, 3 * 16 * 16, dtype=np.float32).reshape(3, 16, 16)
    rng = np.random.default_rng(1)
    drawn = [varied_hu(rng, AugmentationSettings(clip_share=0.3), hu) for _ in range(500)]
    clipped = [one for one in drawn if one.min() >= 0]
    assert len(clipped) / 500 == pytest.approx(0.3, abs=0.06)
    np.testing.assert_array_equal(clipped[0], hu.clip(0, 255))
    assert varied_hu(rng, AugmentationSettings(), hu) is hu
