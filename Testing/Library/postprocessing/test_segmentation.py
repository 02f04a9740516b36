"""Tumors, one by one, out of a probability."""

from __future__ import annotations

import numpy as np
import pytest

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.postprocessing import PostprocessingSettings, instances_from_probability

SPACING = (2.0, 1.0, 1.0)
EVERYTHING = PostprocessingSettings(minimum_diameter_mm=0.0, rim_mm=0.0)


@pytest.fixture
def liver() -> np.ndarray:
    mask = np.zeros((20, 40, 40), bool)
    mask[2:18, 5:35, 5:35] = True
    return mask


def test_tumors_are_numbered_from_the_largest(liver: np.ndarray) -> None:
    probability = np.zeros(liver.shape, np.float32)
    probability[3:5, 8:10, 8:10] = 0.9  # 8 voxels, first in memory
    probability[8:12, 20:24, 20:24] = 0.9  # 64 voxels
    probability[14:16, 8:11, 8:11] = 0.9  # 18 voxels
    instances = instances_from_probability(probability, liver, spacing_zyx_mm=SPACING, settings=EVERYTHING)
    assert instances.dtype == np.uint16
    assert (instances[9, 21, 21], instances[15, 9, 9], instances[4, 9, 9]) == (2, 3, 4)
    assert np.bincount(instances.ravel()).tolist() == [liver.size - liver.sum(), liver.sum() - 90, 64, 18, 8]


def test_equal_tumors_are_numbered_by_their_first_voxel(liver: np.ndarray) -> None:
    """Four voxels each: the one that starts first in z comes first though it ends last; then the earlier row."""
    probability = np.zeros(liver.shape, np.float32)
    probability[5, 20:22, 8:10] = 0.9
    probability[5, 10:12, 25:27] = 0.9
    probability[4:8, 30, 30] = 0.9
    instances = instances_from_probability(probability, liver, spacing_zyx_mm=SPACING, settings=EVERYTHING)
    assert (instances[4, 30, 30], instances[5, 10, 25], instances[5, 20, 8]) == (2, 3, 4)


def test_voxels_that_touch_at_a_corner_are_one_tumor(liver: np.ndarray) -> None:
    probability = np.zeros(liver.shape, np.float32)
    probability[8, 20, 20] = probability[9, 21, 21] = 0.9
    instances = instances_from_probability(probability, liver, spacing_zyx_mm=SPACING, settings=EVERYTHING)
    assert instances.max() == 2


@pytest.mark.parametrize(("minimum_mm", "largest"), [(4.96, 2), (4.97, 1)])
def test_small_tumors_are_dropped_by_the_diameter_of_an_equal_ball(
    liver: np.ndarray, minimum_mm: float, largest: int
) -> None:
    """32 voxels of 2 mm3 are a ball of (6 * 64 / pi)^(1/3) = 4.963 mm; what is dropped stays liver."""
    probability = np.zeros(liver.shape, np.float32)
    probability[8:12, 20:22, 20:24] = 0.9
    settings = PostprocessingSettings(minimum_diameter_mm=minimum_mm)
    instances = instances_from_probability(probability, liver, spacing_zyx_mm=SPACING, settings=settings)
    assert instances.max() == largest
    assert (instances > 0).sum() == liver.sum()


def test_a_tumor_must_reach_the_peak_somewhere(liver: np.ndarray) -> None:
    probability = np.zeros(liver.shape, np.float32)
    probability[4:8, 8:14, 8:14] = 0.6
    probability[12:16, 20:26, 20:26] = 0.6
    probability[13, 22, 22] = 0.9
    settings = PostprocessingSettings(minimum_peak_probability=0.9)
    instances = instances_from_probability(probability, liver, spacing_zyx_mm=SPACING, settings=settings)
    assert instances[5, 10, 10] == 1
    assert instances[13, 20, 20] == 2


def test_holes_are_filled_and_what_lies_in_them_belongs_to_the_tumor(liver: np.ndarray) -> None:
    """A shell with a core of its own: one tumor, solid."""
    probability = np.zeros(liver.shape, np.float32)
    probability[4:13, 10:19, 10:19] = 0.9
    probability[5:12, 11:18, 11:18] = 0.1
    probability[8, 14, 14] = 0.8
    instances = instances_from_probability(probability, liver, spacing_zyx_mm=SPACING, settings=EVERYTHING)
    assert instances.max() == 2
    assert (instances == 2).sum() == 9**3


def test_tumors_outside_the_liver_are_dropped(liver: np.ndarray) -> None:
    probability = np.zeros(liver.shape, np.float32)
    probability[8:12, 0:3, 10:14] = 0.9
    probability[8:12, 36:40, 10:14] = 0.9  # within the rim, but nowhere in the liver
    instances = instances_from_probability(probability, liver, spacing_zyx_mm=SPACING)
    np.testing.assert_array_equal(instances, liver)


@pytest.mark.parametrize(("rim_mm", "columns"), [(0.0, 0), (2.0, 2), (3.5, 3), (5.0, 5)])
def test_a_tumor_at_the_rim_extends_the_liver_by_so_many_mm(
    liver: np.ndarray, rim_mm: float, columns: int
) -> None:
    """Along x, where a voxel is 1 mm."""
    probability = np.zeros(liver.shape, np.float32)
    probability[6:12, 15:25, 28:40] = 0.9
    settings = PostprocessingSettings(rim_mm=rim_mm)
    instances = instances_from_probability(probability, liver, spacing_zyx_mm=SPACING, settings=settings)
    assert (instances == 2).sum() == 6 * 10 * (7 + columns)
    assert (instances > 0).sum() == liver.sum() + 6 * 10 * columns


def test_the_rim_is_as_thick_across_thick_slices(liver: np.ndarray) -> None:
    """Along z, where a voxel is 2 mm, a rim of 3 mm holds one voxel."""
    probability = np.zeros(liver.shape, np.float32)
    probability[14:20, 15:25, 15:25] = 0.9
    settings = PostprocessingSettings(rim_mm=3.0)
    instances = instances_from_probability(probability, liver, spacing_zyx_mm=SPACING, settings=settings)
    assert (instances == 2).sum() == (4 + 1) * 100


def test_no_tumor_and_no_liver_are_results(liver: np.ndarray) -> None:
    nothing = np.zeros(liver.shape, np.float32)
    np.testing.assert_array_equal(instances_from_probability(nothing, liver, spacing_zyx_mm=SPACING), liver)
    everywhere = np.ones(liver.shape, np.float32)
    assert not instances_from_probability(everywhere, liver & False, spacing_zyx_mm=SPACING).any()


def test_nan_is_no_tumor(liver: np.ndarray) -> None:
    probability = np.full(liver.shape, np.nan, np.float32)
    probability[8:12, 20:24, 20:24] = 0.9
    instances = instances_from_probability(probability, liver, spacing_zyx_mm=SPACING)
    assert (instances == 2).sum() == 64


def test_more_tumors_than_sixteen_bits_can_number() -> None:
    """70,000 and more crumbs of one voxel and a large one: the large one is 2, and 65534 are numbered."""
    probability = np.zeros((84, 84, 84), np.float32)
    probability[::2, ::2, ::2] = 0.9
    probability[40:50, 40:50, 40:50] = 0.9
    liver = np.ones(probability.shape, bool)
    instances = instances_from_probability(probability, liver, spacing_zyx_mm=SPACING, settings=EVERYTHING)
    assert instances[45, 45, 45] == 2
    assert len(np.unique(instances)) == 65535
    assert np.count_nonzero(instances > 2) == 65533  # the crumbs, one voxel each


def test_arrays_that_do_not_fit_are_refused(liver: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"shape \(20, 40, 39\) and the liver \(20, 40, 40\)"):
        instances_from_probability(np.zeros((20, 40, 39)), liver, spacing_zyx_mm=SPACING)
    with pytest.raises(InputError, match=r"tumor probability has the shape \(40, 40\)"):
        instances_from_probability(np.zeros((40, 40)), liver[0], spacing_zyx_mm=SPACING)
    with pytest.raises(InputError, match=r"spacing is \(2.0, 1.0\) mm"):
        instances_from_probability(np.zeros(liver.shape), liver, spacing_zyx_mm=SPACING[:2])


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("liver_threshold", 0.0, "liver_threshold is 0;"),
        ("tumor_threshold", 1.2, "tumor_threshold is 1.2;"),
        ("tumor_threshold", float("nan"), "tumor_threshold is nan;"),
        ("minimum_peak_probability", 0.4, "below the tumor_threshold of 0.5"),
        ("minimum_diameter_mm", -1.0, "minimum_diameter_mm is -1 mm"),
        ("rim_mm", float("inf"), "rim_mm is inf mm"),
        ("liver_opening_mm", 51.0, "liver_opening_mm is 51 mm"),
    ],
)
def test_settings_that_cannot_be_meant(name: str, value: float, message: str) -> None:
    with pytest.raises(InputError, match=message):
        PostprocessingSettings(**{name: value})


@pytest.mark.parametrize(
    ("first", "share", "kept"),
    [
        (5, 0.5, False),  # columns 5 to 8 lie 1 to 4 mm deep: a quarter is deeper than 3 mm
        (5, 0.25, True),
        (5, 0.0, True),
        (6, 0.5, True),  # 2 to 5 mm: one half
        (6, 0.51, False),
        (20, 1.0, True),
    ],
)
def test_what_lies_in_the_border_of_the_liver_is_dropped(
    liver: np.ndarray, first: int, share: float, kept: bool
) -> None:
    probability = np.zeros(liver.shape, np.float32)
    probability[9:11, 18:22, first : first + 4] = 0.9
    settings = PostprocessingSettings(
        minimum_diameter_mm=0.0, rim_mm=0.0, border_mm=3.0, minimum_core_share=share
    )
    instances = instances_from_probability(probability, liver, spacing_zyx_mm=SPACING, settings=settings)
    assert bool(instances.max() == 2) is kept


def test_the_end_of_the_volume_is_no_border_of_the_liver() -> None:
    """A liver that the field of view cuts goes on beyond it."""
    liver = np.ones((6, 12, 12), bool)
    probability = np.zeros(liver.shape, np.float32)
    probability[0:2, 0:4, 0:4] = 0.9
    settings = PostprocessingSettings(minimum_diameter_mm=0.0, minimum_core_share=1.0)
    instances = instances_from_probability(probability, liver, spacing_zyx_mm=SPACING, settings=settings)
    assert instances.max() == 2
