import numpy as np
import pytest
from scipy import ndimage

from training.augmentation import resampled

SHAPE = (9, 14, 11)


@pytest.fixture
def volume() -> np.ndarray:
    return np.random.default_rng(1).integers(-1000, 1000, SHAPE).astype(np.int16)


@pytest.fixture
def points() -> np.ndarray:
    """Points in the volume and up to three voxels beyond it."""
    rng = np.random.default_rng(2)
    shape = np.reshape(SHAPE, (3, 1, 1, 1))
    return (rng.uniform(-3, 3, (3, 5, 6, 7)) + rng.uniform(0, 1, (3, 5, 6, 7)) * (shape - 1)).astype(
        np.float32
    )


@pytest.mark.parametrize("linear", [True, False])
def test_values_are_those_of_scipy_with_the_border_repeated(volume, points, linear):
    got = resampled(volume[None], points, origin=(0, 0, 0), linear=linear)[0]
    expected = ndimage.map_coordinates(volume.astype(float), points, order=int(linear), mode="nearest")
    np.testing.assert_allclose(got, expected, atol=2000 * 1e-5 if linear else 0)
    assert got.dtype == (np.float32 if linear else np.int16)


@pytest.mark.parametrize("linear", [True, False])
def test_part_of_a_volume_gives_what_the_whole_gives(volume, linear):
    inner = np.random.default_rng(3).uniform(3.0, 6.0, (3, 4, 4, 4)).astype(np.float32)
    whole = resampled(volume[None], inner, origin=(0, 0, 0), linear=linear)
    part = resampled(volume[None, 3:8, 2:9, 3:7], inner, origin=(3, 2, 3), linear=linear)
    np.testing.assert_allclose(part, whole, atol=0.05)


def test_channels_are_slices_of_one_place_and_one_pixel_is_enough():
    stack = np.stack([np.full((1, 6), 5.0), np.full((1, 6), 7.0)]).astype(np.float32)
    points = np.stack([np.zeros((2, 3)), np.full((2, 3), 2.5)]).astype(np.float32)
    sampled = resampled(stack, points, origin=(0, 0), linear=True)
    np.testing.assert_array_equal(sampled, np.stack([np.full((2, 3), 5.0), np.full((2, 3), 7.0)]))
