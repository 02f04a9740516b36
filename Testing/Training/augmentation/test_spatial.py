import numpy as np
import pytest
from scipy import ndimage

from training.augmentation import Motion, draw_motion, resampled
from training.augmentation.spatial import rotation
from training.recipes.settings import AugmentationSettings

FIXED = (10.0, 12.0, 14.0)
SHAPE = (21, 25, 29)
ANISOTROPIC = (2.0, 1.0, 1.0)


def moved(volume: np.ndarray, motion: Motion, spacing_mm=ANISOTROPIC, *, linear: bool = True) -> np.ndarray:
    """The whole volume as a sample of its own size, moved about its middle."""
    axes = volume.ndim
    points = motion.points(
        fixed=FIXED[-axes:], corner=(0,) * axes, size=volume.shape, spacing_mm=spacing_mm[-axes:]
    )
    return motion.mirror(resampled(volume[None], points, origin=(0,) * axes, linear=linear)[0])


def brightest(volume: np.ndarray) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(np.argmax(volume), volume.shape))


def landmark(*offset: int) -> np.ndarray:
    """One bright voxel so many voxels from the fixed one."""
    axes = len(offset)
    volume = np.zeros(SHAPE[-axes:], np.float32)
    volume[tuple(int(f) + o for f, o in zip(FIXED[-axes:], offset, strict=True))] = 1.0
    return volume


@pytest.mark.parametrize(
    ("about", "before", "after"),
    [
        # offsets (z, y, x) in voxels: 3 slices of 2 mm are as far as 6 rows of 1 mm
        ("z", (0, 6, 0), (0, 0, -6)),
        ("z", (0, 0, 6), (0, 6, 0)),
        ("y", (3, 0, 0), (0, 0, -6)),
        ("y", (0, 0, 6), (3, 0, 0)),
        ("x", (3, 0, 0), (0, -6, 0)),
        ("x", (0, 6, 0), (3, 0, 0)),
    ],
)
def test_a_quarter_turn_takes_a_landmark_where_it_must_in_millimeters(about, before, after):
    angles = [np.pi / 2 if axis == about else 0.0 for axis in "zyx"]
    turned = moved(landmark(*before), Motion(matrix=rotation(angles)))
    assert brightest(turned) == brightest(landmark(*after))
    assert turned.max() == pytest.approx(1.0, abs=1e-4)


def test_a_quarter_turn_within_a_slice_with_oblong_pixels():
    turned = moved(landmark(0, 6), Motion(matrix=rotation([np.pi / 2])), (1.0, 2.0, 1.0))
    assert brightest(turned) == brightest(landmark(3, 0))


def test_a_structure_becomes_larger_by_the_factor_and_its_middle_stays():
    zoom = Motion(matrix=np.eye(3) / 1.25)
    for before, after in (((0, 4, 0), (0, 5, 0)), ((-4, 0, 8), (-5, 0, 10)), ((0, 0, 0), (0, 0, 0))):
        assert brightest(moved(landmark(*before), zoom)) == brightest(landmark(*after))


def test_axes_are_scaled_apart_by_the_range_asked():
    settings = AugmentationSettings(axis_scale=0.2)
    rng = np.random.default_rng(1)
    drawn = [draw_motion(rng, settings, (8, 8), (1.0, 1.0)).matrix for _ in range(300)]
    assert all(matrix is not None and np.count_nonzero(matrix) == 2 for matrix in drawn)
    factors = np.array([1 / np.diag(matrix) for matrix in drawn if matrix is not None])
    assert factors.min() == pytest.approx(0.8, abs=0.02)
    assert factors.max() == pytest.approx(1.2, abs=0.02)
    assert abs(np.corrcoef(factors.T)[0, 1]) < 0.2


@pytest.mark.parametrize("axes", [2, 3])
def test_drawn_rotations_and_sizes_stay_within_what_is_asked_and_use_it(axes):
    rng = np.random.default_rng(1)
    settings = AugmentationSettings(rotation_degrees=20.0, scale=0.25)
    matrices = [draw_motion(rng, settings, SHAPE[:axes], (1.0,) * axes).matrix for _ in range(400)]
    larger = np.array([np.linalg.det(m) ** (-1 / axes) for m in matrices])
    assert 0.75 <= larger.min() < 0.77
    assert 1.23 < larger.max() <= 1.25
    turns = [m * size for m, size in zip(matrices, larger, strict=True)]
    np.testing.assert_allclose([m @ m.T for m in turns], [np.eye(axes)] * 400, atol=1e-12)
    if axes == 2:
        angles = np.degrees([np.arctan2(m[1, 0], m[0, 0]) for m in turns])
        assert -20 <= angles.min() < -19
        assert 19 < angles.max() <= 20
    else:  # each axis is turned; two turns by 20 degrees and more change a direction by at most 3 x 20
        tilts = np.degrees(np.arccos([np.diag(m) for m in turns]))
        assert (tilts.max(axis=0) > 15).all()
        assert tilts.max() < 40


@pytest.mark.parametrize(("size", "spacing"), [((24, 40, 40), (5.0, 1.5, 1.5)), ((90, 120), (0.7, 1.4))])
def test_bending_has_the_deviation_in_millimeters_that_is_asked(size, spacing):
    rng = np.random.default_rng(2)
    settings = AugmentationSettings(elastic_mm=3.0, elastic_wavelength_mm=20.0)
    still = Motion().points(fixed=(0.0,) * len(size), corner=(0,) * len(size), size=size, spacing_mm=spacing)
    shifts = []
    for _ in range(12):
        motion = draw_motion(rng, settings, size, spacing)
        points = motion.points(
            fixed=(0.0,) * len(size), corner=(0,) * len(size), size=size, spacing_mm=spacing
        )
        shifts.append((points - still) * np.reshape(spacing, (-1,) + (1,) * len(size)))
    for axis in range(len(size)):
        along = np.stack([shift[axis] for shift in shifts])
        assert along.std() == pytest.approx(3.0, rel=0.1)
        for direction, step in enumerate(spacing, start=1):  # smooth: 3 mm within 20 mm, not within a voxel
            assert np.abs(np.diff(along, axis=direction)).max() / step < 1.0


def test_mirroring_reverses_the_named_axes_alone():
    values = np.arange(24).reshape(1, 2, 3, 4)
    np.testing.assert_array_equal(Motion(mirrored=("z", "x")).mirror(values), values[:, ::-1, :, ::-1])
    np.testing.assert_array_equal(Motion(mirrored=("y",)).mirror(values), values[:, :, ::-1])
    assert Motion().mirror(values) is values


def test_quarter_turns_turn_the_plane_after_mirroring():
    values = np.arange(18).reshape(1, 2, 3, 3)
    turned = Motion(mirrored=("x",), turns=1).mirror(values)
    np.testing.assert_array_equal(turned[0, 0], [[0, 3, 6], [1, 4, 7], [2, 5, 8]])
    np.testing.assert_array_equal(Motion(turns=2).mirror(values), values[:, :, ::-1, ::-1])
    assert turned.flags.c_contiguous


def test_each_quarter_turn_has_the_same_chance_and_none_is_drawn_where_none_is_asked_for():
    rng = np.random.default_rng(6)
    settings = AugmentationSettings(quarter_turns=True)
    drawn = [draw_motion(rng, settings, (8, 8), (1, 1)).turns for _ in range(400)]
    assert all(70 < drawn.count(turns) < 130 for turns in range(4))
    before, after = np.random.default_rng(7), np.random.default_rng(7)
    draw_motion(before, AugmentationSettings(flips=("y",)), (8, 8), (1, 1))
    after.random()
    assert before.random() == after.random()


def test_axes_are_mirrored_independently_in_half_of_the_samples():
    rng = np.random.default_rng(3)
    settings = AugmentationSettings(flips=("z", "x"))
    drawn = [draw_motion(rng, settings, (8, 8, 8), (1, 1, 1)).mirrored for _ in range(400)]
    for mirrored in ((), ("z",), ("x",), ("z", "x")):
        assert 70 < drawn.count(mirrored) < 130
    assert not any(draw_motion(rng, settings, (8, 8, 8), (1, 1, 1)).resamples for _ in range(5))


def test_nothing_asked_moves_nothing():
    motion = draw_motion(np.random.default_rng(4), AugmentationSettings(), (8, 8), (1, 1))
    assert not motion.resamples
    assert motion.mirrored == ()
    points = motion.points(fixed=(3.5, 3.5), corner=(5, 2), size=(4, 3), spacing_mm=(0.7, 0.3))
    np.testing.assert_array_equal(points, np.mgrid[5:9, 2:5])


def test_image_and_labels_move_together():
    rng = np.random.default_rng(5)
    settings = AugmentationSettings(
        rotation_degrees=30, scale=0.2, flips=("z", "y", "x"), elastic_mm=1.5, elastic_wavelength_mm=15
    )
    image = ndimage.gaussian_filter(rng.standard_normal(SHAPE), 3).astype(np.float32)
    labels = (image > 0).astype(np.uint8)
    steepest = max(np.abs(np.diff(image, axis=axis)).max() for axis in range(3))
    for _ in range(5):
        motion = draw_motion(rng, settings, SHAPE, ANISOTROPIC)
        of_image, of_labels = moved(image, motion), moved(labels, motion, linear=False)
        surely = np.abs(of_image) > 1.5 * steepest  # the nearest voxel is half a voxel away along each axis
        assert surely.mean() > 0.1
        assert set(of_labels[surely]) == {0, 1}
        np.testing.assert_array_equal(of_labels[surely], of_image[surely] > 0)
        assert of_labels.dtype == np.uint8
