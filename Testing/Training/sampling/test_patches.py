from pathlib import Path

import numpy as np
import pytest

from LiverTumorAttentionLib.inference.patches import _padded
from LiverTumorAttentionLib.preprocessing import Standard
from Testing.Training.prepared import patch_recipe, write_case
from training.data.case import PreparedCase
from training.recipes.recipe import Recipe
from training.sampling import Sampler

SHAPE = (20, 24, 26)
INTENSITY = {"portal": {"low": 100.0, "high": 12000.0, "mean": 5000.0, "deviation": 2000.0}}
NUMBERED = np.arange(np.prod(SHAPE)).reshape(SHAPE)
"""Each voxel's value says where it lies."""
STRETCH = {"low": 0.0, "high": 1e6, "mean": 0.0, "deviation": 1.0}
"""Leaves numbers as they are."""


def labelled(shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    labels = np.zeros(shape, np.uint8)
    labels[5:15, 4:20, 4:20] = 1
    labels[18:, 22:, 24:] = 2  # a tumor in the far corner of the volume
    return labels


@pytest.fixture
def case(tmp_path: Path) -> PreparedCase:
    return write_case(tmp_path / "numbered", NUMBERED, labelled(), intensity={"portal": STRETCH})


def recipe(size: tuple[int, int, int] = (8, 10, 12), **changes) -> Recipe:
    sampling = {"size": list(size), **changes.pop("sampling", {})}
    return patch_recipe(sampling=sampling, **changes)


def test_a_patch_is_a_box_of_the_volume_with_its_labels(case):
    sampler = Sampler([case], recipe(), seed=1)
    corners = set()
    for number in range(60):
        sample = sampler(number)
        z, y, x = np.unravel_index(int(sample.inputs[0][0, 0, 0, 0]), SHAPE)
        corners.add((z, y, x))
        box = (slice(z, z + 8), slice(y, y + 10), slice(x, x + 12))
        np.testing.assert_array_equal(sample.inputs[0], NUMBERED[box][None])
        np.testing.assert_array_equal(sample.truth, labelled()[box])
        assert (sample.inputs[0].dtype, sample.truth.dtype, sample.case) == (np.float32, np.uint8, "numbered")
    assert len(corners) > 55
    assert [max(c[axis] for c in corners) for axis in range(3)] == [20 - 8, 24 - 10, 26 - 12]
    assert [min(c[axis] for c in corners) for axis in range(3)] == [0, 0, 0]


def test_intensities_are_standardised_by_the_numbers_of_the_whole_volume(tmp_path):
    case = write_case(tmp_path / "case", NUMBERED, labelled(), intensity=INTENSITY)
    sample = Sampler([case], recipe(SHAPE), seed=1)(0)
    np.testing.assert_array_equal(sample.inputs[0][0], Standard(**INTENSITY["portal"])(NUMBERED))


def test_a_small_volume_is_filled_up_as_inference_fills_it_up(case):
    sample = Sampler([case], recipe((24, 24, 32)), seed=1)(0)
    np.testing.assert_array_equal(sample.inputs[0][0], _padded(NUMBERED.astype(np.float32), (24, 24, 32)))
    np.testing.assert_array_equal(sample.truth[:20, :, :26], labelled())
    assert (sample.truth[20:, 22:, 24:] == 2).all()  # the image goes on there, and so does the truth


def test_the_share_of_foreground_is_drawn_by_class_and_then_by_voxel(tmp_path):
    labels = np.zeros((40, 40, 40), np.uint8)
    labels[20:24, 20:24, 20:24] = 1
    labels[4, 4, 4] = 2
    case = write_case(tmp_path / "case", labels, labels, intensity={"portal": STRETCH})
    share = 1 / 3
    sampler = Sampler([case], recipe((8, 8, 8), sampling={"foreground_share": share}), seed=1)
    centres = [sampler(number).truth[4, 4, 4] for number in range(600)]
    # a random patch of these has a voxel of the liver in its middle once in 500 times
    assert centres.count(2) / 600 == pytest.approx(share / 2, abs=0.05)
    assert centres.count(1) / 600 == pytest.approx(share / 2, abs=0.05)


def test_a_case_without_foreground_gives_patches_from_anywhere(tmp_path):
    empty = np.zeros(SHAPE, np.uint8)
    case = write_case(tmp_path / "case", NUMBERED, empty, intensity={"portal": STRETCH})
    sampler = Sampler([case], recipe(sampling={"foreground_share": 1.0, "centre": "liver"}), seed=1)
    assert len({float(sampler(number).inputs[0][0, 0, 0, 0]) for number in range(20)}) > 15


def test_only_classes_that_a_case_shows_are_drawn(tmp_path):
    labels = np.zeros((40, 40, 40), np.uint8)
    labels[20, 20, 20] = 1
    case = write_case(tmp_path / "case", labels, labels, intensity={"portal": STRETCH})
    sampler = Sampler([case], recipe((8, 8, 8), sampling={"foreground_share": 1.0}), seed=1)
    assert all(sampler(number).truth[4, 4, 4] == 1 for number in range(20))


def test_other_patches_can_be_centered_on_the_liver(tmp_path):
    labels = np.zeros((40, 40, 40), np.uint8)
    labels[20, 20, 20] = 1
    case = write_case(tmp_path / "case", labels, labels, intensity={"portal": STRETCH})
    sampler = Sampler([case], recipe((8, 8, 8), sampling={"centre": "liver"}), seed=1)
    assert all(sampler(number).truth[4, 4, 4] == 1 for number in range(20))


def test_a_foreground_voxel_stays_in_its_patch_through_rotation_and_scaling(tmp_path):
    labels = np.zeros(SHAPE, np.uint8)
    labels[-1, -1, -1] = 2
    case = write_case(
        tmp_path / "case", NUMBERED, labels, intensity={"portal": STRETCH}, spacing_mm=(3.0, 1.0, 1.0)
    )
    moving = {"rotation_degrees": 40.0, "scale": 0.3, "flips": ["z", "y", "x"]}
    sampler = Sampler([case], recipe(sampling={"foreground_share": 1.0}, augmentation=moving), seed=1)
    assert all((sampler(number).truth == 2).any() for number in range(40))


def test_a_scaled_patch_shows_its_box_smaller_or_larger_by_the_drawn_factor(case):
    sampler = Sampler([case], recipe((8, 9, 11), augmentation={"scale": 0.5}), seed=1)
    steps = []
    for number in range(30):
        sample = sampler(number).inputs[0][0]
        # away from the border the numbers rise by 1 a voxel along x and by 26 along y
        along_y, along_x = (float(np.median(np.diff(sample, axis=axis))) for axis in (1, 2))
        assert along_y == pytest.approx(26 * along_x, rel=1e-3)
        steps.append(along_x)
    assert 1 / 1.5 - 1e-3 <= min(steps) < 0.75
    assert 1.5 < max(steps) <= 1 / 0.5 + 1e-3


def test_what_lies_outside_of_the_mask_is_0_and_background(tmp_path):
    inside = np.zeros(SHAPE, np.uint8)
    inside[:, :22] = 1  # cuts through the tumor
    case = write_case(
        tmp_path / "case", NUMBERED + 1, labelled(), inside=inside, intensity={"portal": STRETCH}
    )
    noisy = {"noise": 0.5, "brightness": 1.0}
    tumor = recipe(SHAPE, stage="tumor", augmentation=noisy)
    sample = Sampler([case], tumor, seed=1)(0)
    assert (sample.inputs[0][0][:, 22:] == 0).all()
    assert (sample.inputs[0][0][:, :22] != 0).all()
    np.testing.assert_array_equal(sample.truth, (labelled() == 2) & (inside > 0))


@pytest.mark.parametrize(
    ("stage", "numbers"), [("liver", [0, 1, 1]), ("tumor", [0, 0, 1]), ("liver_and_tumor", [0, 1, 2])]
)
def test_each_stage_has_its_own_classes(case, stage, numbers):
    sample = Sampler([case], recipe(SHAPE, stage=stage), seed=1)(0)
    np.testing.assert_array_equal(sample.truth, np.array(numbers)[labelled()])


def test_one_sample_a_case_is_an_epoch_unless_the_recipe_says_otherwise(tmp_path, case):
    second = write_case(tmp_path / "second", NUMBERED, labelled(), intensity={"portal": STRETCH})
    assert Sampler([case, second], recipe(), seed=1).samples_an_epoch == 2
    assert Sampler([case], recipe(sampling={"samples_an_epoch": 7}), seed=1).samples_an_epoch == 7
