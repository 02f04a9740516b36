import numpy as np
import pytest

from training.sampling.positions import (
    corner_anywhere,
    corner_around,
    jittered,
    lesion_voxel,
    lesions_of,
    middle_of,
)


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


def test_lesions_are_the_connected_tumors_thinned_to_what_is_asked():
    labels = np.ones((6, 30, 30), np.uint8)
    labels[1:5, 2:12, 2:12] = 2
    labels[3, 20, 25] = 2
    large, small = lesions_of(labels, most=50)
    assert small.tolist() == [[3, 20, 25]]
    assert len(large) == 50
    assert (labels[tuple(large.T)] == 2).all()
    assert np.ptp(large, axis=0).tolist() == [3, 9, 8]  # spread over all of it
    assert lesions_of(np.ones((2, 3, 4), np.uint8)) == []


def test_a_small_lesion_is_drawn_as_often_as_a_large_one():
    labels = np.ones((6, 30, 30), np.uint8)
    labels[1:5, 2:12, 2:12] = 2
    labels[3, 20, 25] = 2
    rng = np.random.default_rng(1)
    drawn = [lesion_voxel(lesions_of(labels), rng) for _ in range(200)]
    assert np.mean([voxel == (3, 20, 25) for voxel in drawn]) == pytest.approx(0.5, abs=0.1)
    assert lesion_voxel([], rng) is None


def test_jitter_is_in_millimeters_and_stays_in_the_slice():
    rng = np.random.default_rng(1)
    moved = np.array([jittered(rng, (50, 50), 10.0, (2.0, 0.5), (100, 100)) for _ in range(500)])
    assert (moved.min(axis=0).tolist(), moved.max(axis=0).tolist()) == ([45, 30], [55, 70])
    assert moved.mean(axis=0) == pytest.approx([50, 50], abs=1.5)
    corner = np.array([jittered(rng, (0, 99), 10.0, (2.0, 0.5), (100, 100)) for _ in range(100)])
    assert corner.min() >= 0
    assert corner.max() <= 99
