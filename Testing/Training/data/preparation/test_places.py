"""Voxels that samples are centered on."""

from __future__ import annotations

import numpy as np

from training.data.preparation.places import places_of


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
    thin = {(z, 10, 10) for z in range(30, 36)}  # slices with one voxel
    small = {(z, 55, 55) for z in range(6, 19, 3)}  # lesions of two voxels in slices with many
    for z, y, x in thin:
        mask[z, y, x] = True
    for z, y, x in small:
        mask[z, y, x] = mask[z + 1, y - 1, x + 1] = True  # they touch by a corner alone
    places = {tuple(place) for place in places_of(mask, most=100, each_part=True).tolist()}
    assert 100 <= len(places) <= 100 + 21 + 12
    assert thin <= places
    for z, y, x in small:
        assert len({(z, y, x), (z + 1, y - 1, x + 1)} & places) == 1
    assert {z for z, _, _ in places} == {*range(5, 20), *range(30, 36)}
    assert all(mask[place] for place in places)
