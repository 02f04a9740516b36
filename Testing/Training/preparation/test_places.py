"""Voxels that samples are centred on."""

from __future__ import annotations

import numpy as np

from training.preparation.places import places_of


def test_few_voxels_are_all_kept_and_none_give_none() -> None:
    mask = np.zeros((4, 5, 6), bool)
    assert places_of(mask).shape == (0, 3)
    mask[1:3, 2, 3:5] = True
    places = places_of(mask)
    np.testing.assert_array_equal(places, np.argwhere(mask))
    assert places.dtype == np.int32


def test_many_voxels_are_thinned_evenly() -> None:
    mask = np.ones((10, 100, 100), bool)
    places = places_of(mask, most=5000)
    assert 5000 <= len(places) <= 5010
    assert len(np.unique(places, axis=0)) == len(places)
    for axis, size in enumerate(mask.shape):
        counts = np.bincount(places[:, axis], minlength=size)
        quarters = counts.reshape(2, -1).sum(axis=1)
        assert abs(quarters[0] - quarters[1]) < 0.02 * len(places)


def test_every_slice_and_every_lesion_keeps_a_voxel() -> None:
    mask = np.zeros((40, 60, 60), bool)
    mask[5:20, 5:50, 5:50] = True  # 30,375 voxels
    mask[30, 10, 10] = True  # a slice with one voxel
    mask[8, 55, 55] = True  # a lesion of one voxel in a slice with many
    mask[9, 54, 56] = True  # touches it by a corner alone: the same lesion
    places = {tuple(place) for place in places_of(mask, most=100, each_part=True).tolist()}
    assert len(places) <= 100 + 16 + 3
    assert (30, 10, 10) in places
    assert {(8, 55, 55), (9, 54, 56)} & places
    assert {z for z, _, _ in places} == {*range(5, 20), 30}
    assert all(mask[place] for place in places)
