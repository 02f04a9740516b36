"""Samples for the network of segments: what inference would make, changed, and each by its number alone."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.preprocessing.couinaud_input import (
    CouinaudGrid,
    liver_grid,
    network_channels,
    share_on_grid,
)
from training.couinaud.livers import StoredLiver
from training.couinaud.samples import SegmentAugmentation, SegmentSamples

GRID = CouinaudGrid(size_zyx=(16, 16, 20), liver_voxels=500)


def stored() -> StoredLiver:
    """An ellipsoid of about 500 voxels of the grid, 4000 here, whose segments follow each other along x."""
    z, y, x = np.meshgrid(*(np.arange(n) for n in (26, 24, 34)), indexing="ij")
    inside = ((z - 12.0) / 9) ** 2 + ((y - 11.0) / 8) ** 2 + ((x - 16.0) / 13.3) ** 2 <= 1
    labels = np.where(inside, np.clip((x - 3) * 8 // 27 + 1, 1, 8), 0).astype(np.uint8)
    vessels = np.zeros(labels.shape, np.uint8)
    vessels[11:13, 10:12, 5:28] = 255
    return StoredLiver(name="LiTS-0", labels=labels, vessels=vessels)


def test_a_sample_is_a_function_of_its_number() -> None:
    first = SegmentSamples([stored()], GRID, SegmentAugmentation(), seed=3)
    again = SegmentSamples([stored()], GRID, SegmentAugmentation(), seed=3)
    _ = again(0)
    assert np.array_equal(first(5).inputs[0], again(5).inputs[0])
    assert not np.array_equal(first(5).inputs[0], first(6).inputs[0])


def test_a_changed_liver_keeps_its_size_and_place_on_the_grid() -> None:
    samples = SegmentSamples([stored()], GRID, SegmentAugmentation(), seed=0)
    for number in range(8):
        sample = samples(number)
        assert 300 < np.count_nonzero(sample.truth) < 750
        rows = np.argwhere(sample.truth)
        middle = (rows.min(axis=0) + rows.max(axis=0)) / 2
        assert np.abs(middle - (np.array(GRID.size_zyx) - 1) / 2).max() < 4
        assert set(np.unique(sample.truth)) <= set(range(9))


def test_an_unchanged_sample_is_what_inference_makes() -> None:
    liver = stored()
    sample = SegmentSamples([liver], GRID, SegmentAugmentation(), seed=0).plain(liver, with_vessels=True)
    mask = sitk.GetImageFromArray((liver.labels > 0).astype(np.uint8))
    mask.SetSpacing((10.0,) * 3)  # 4000 mL: a voxel of the grid is 20 mm, two of these
    grid = liver_grid(mask, GRID)
    assert grid.GetSpacing()[0] == pytest.approx(20.0, rel=0.02)
    share = share_on_grid(mask, mask, grid)
    tree = sitk.GetImageFromArray((liver.vessels > 0).astype(np.uint8))
    tree.CopyInformation(mask)
    made = network_channels(share, share_on_grid(tree, mask, grid), GRID.liver_voxels)
    assert np.abs(sample.inputs[0][0] - made[0]).mean() < 0.03
    assert np.count_nonzero((sample.inputs[0][0] > 0.5) != (made[0] > 0.5)) < 60  # on the border alone
    assert np.abs(sample.inputs[0][3:] - made[3:]).max() < 0.05
    assert sample.inputs[0][1].sum() == pytest.approx(made[1].sum(), rel=0.35)


def test_vessels_that_are_not_shown_leave_no_trace() -> None:
    liver = stored()
    sample = SegmentSamples([liver], GRID, SegmentAugmentation(), seed=0).plain(liver, with_vessels=False)
    assert not sample.inputs[0][1:3].any()
