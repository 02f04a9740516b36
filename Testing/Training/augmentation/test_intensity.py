import numpy as np
import pytest

from training.augmentation import varied
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
