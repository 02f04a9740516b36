import numpy as np
import pytest

from training.augmentation import Motion, draw_motion, resampled
from training.recipes.settings import AugmentationSettings
from training.sampling.crop import Crop

SHAPE = (30, 40, 44)
SIZE = (8, 12, 10)
SPACING = (2.0, 1.0, 1.0)


class Recorder:
    """A volume that remembers which boxes were read."""

    def __init__(self, volume: np.ndarray) -> None:
        self.volume, self.boxes = volume, []

    def __call__(self, box: tuple[slice, ...]) -> np.ndarray:
        self.boxes.append([(part.start, part.stop) for part in box])
        return self.volume[box][None]


@pytest.fixture
def volume() -> np.ndarray:
    return np.random.default_rng(1).integers(-1000, 1000, SHAPE).astype(np.int16)


def crop(corner: tuple[int, int, int], motion: Motion) -> Crop:
    fixed = [at + (n - 1) / 2 for at, n in zip(corner, SIZE, strict=True)]
    return Crop(shape=SHAPE, corner=corner, size=SIZE, fixed=fixed, spacing_mm=SPACING, motion=motion)


def test_without_motion_the_box_alone_is_read_and_stays_as_it_is(volume):
    read = Recorder(volume)
    taken = crop((3, 5, 7), Motion()).take(read, linear=True)
    assert read.boxes == [[(3, 11), (5, 17), (7, 17)]]
    np.testing.assert_array_equal(taken[0], volume[3:11, 5:17, 7:17])
    assert taken.dtype == np.int16


@pytest.mark.parametrize("corner", [(10, 14, 16), (0, 0, 0), (22, 28, 34)])
@pytest.mark.parametrize("linear", [True, False])
def test_with_motion_what_is_read_is_enough_and_little_more(volume, corner, linear):
    settings = AugmentationSettings(rotation_degrees=15, scale=0.2, flips=("x",), elastic_mm=1.0)
    rng = np.random.default_rng(2)
    for _ in range(10):
        motion = draw_motion(rng, settings, SIZE, SPACING)
        read = Recorder(volume)
        taken = crop(corner, motion).take(read, linear=linear)
        points = motion.points(
            fixed=[at + (n - 1) / 2 for at, n in zip(corner, SIZE, strict=True)],
            corner=corner,
            size=SIZE,
            spacing_mm=SPACING,
        )
        whole = motion.mirror(resampled(volume[None], points, origin=(0, 0, 0), linear=linear))
        np.testing.assert_allclose(taken, whole, atol=0.05 if linear else 0)
        for (first, end), axis, n in zip(read.boxes[0], points, SHAPE, strict=True):
            assert 0 <= first < end <= n
            assert first > axis.min() - 1 or first == n - 1 or axis.min() < 0
            assert end < axis.max() + 2 or end == 1


def test_a_sample_that_lies_in_the_volume_is_covered_everywhere():
    assert crop((3, 5, 7), Motion()).covered is None
    assert crop((10, 14, 16), Motion(matrix=np.eye(3) / 1.2)).covered is None


def test_what_lies_beyond_the_far_border_is_not_covered():
    covered = crop((25, 5, 40), Motion(mirrored=("x",))).covered
    expected = np.zeros(SIZE, bool)
    expected[:5, :, 6:] = True  # 5 of 8 slices, and 4 of 10 columns, mirrored
    np.testing.assert_array_equal(covered, expected)
