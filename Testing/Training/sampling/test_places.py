import numpy as np
import pytest

from training.sampling.places import corner_anywhere, corner_around, middle_of


@pytest.mark.parametrize(
    ("voxel", "corner"),
    [
        ((20, 20), (16, 15)),  # in the middle: 4 and 5 voxels before it
        ((1, 2), (0, 0)),  # near the first voxel
        ((39, 49), (32, 40)),  # near the last one
    ],
)
def test_a_box_lies_around_its_voxel_within_the_volume(voxel, corner):
    assert corner_around(voxel, (8, 10), (40, 50)) == corner


def test_a_box_that_is_larger_than_the_volume_begins_with_it():
    assert corner_around((3, 20), (8, 10), (5, 50)) == (0, 15)
    assert corner_anywhere(np.random.default_rng(1), (8, 10), (5, 10)) == (0, 0)


def test_the_middle_is_that_of_what_is_shown():
    assert middle_of((2, 0), (4, 8), (10, 5)) == (3.5, 2.0)
