"""Labels on another grid: the largest share wins, of equal ones the nearest; like scipy, voxel by voxel."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from LiverTumorAttentionLib.inference.nnunet.label_resampling import LabelResampling
from LiverTumorAttentionLib.inference.nnunet.normalization import nonzero_mask
from LiverTumorAttentionLib.models.nnunet_settings import ResamplingSettings
from Testing.Library.inference.nnunet.plain import largest_share, resampled

LINEAR = ResamplingSettings(order=1)


def resampling(
    labels: np.ndarray,
    shape: tuple[int, ...],
    settings: ResamplingSettings = LINEAR,
    spacing: tuple[float, ...] = (1.0, 1.0, 1.0),
) -> LabelResampling:
    new = tuple(step * old / n for step, old, n in zip(spacing, labels.shape, shape, strict=True))
    return LabelResampling(labels, shape, spacing, new, settings, torch.device("cpu"))


def blobs(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Return labels 0 to 3 in pieces of a few voxels, so that many shares are equal."""
    draw = np.random.default_rng(seed)
    coarse = draw.integers(0, 4, [-(-n // 2) for n in shape])
    for axis in range(len(shape)):
        coarse = coarse.repeat(2, axis=axis)
    return coarse[tuple(slice(0, n) for n in shape)]


SHAPES = [(9, 14, 11), (5, 7, 6), (20, 28, 24), (10, 14, 12), (7, 21, 18), (15, 21, 8)]


@pytest.mark.parametrize("shape", SHAPES)
def test_each_voxel_has_the_label_of_the_largest_share(shape: tuple[int, ...]) -> None:
    labels = blobs((10, 14, 12))
    found = resampling(labels, shape)
    rows = np.concatenate([found.rows(start, min(start + 4, shape[0])) for start in range(0, shape[0], 4)])
    np.testing.assert_array_equal(rows, largest_share(labels, shape))


def test_of_equal_shares_the_nearest_label_wins() -> None:
    row = np.array([0, 1, 2, 2, 0, 0])[None, None]
    np.testing.assert_array_equal(resampling(row, (1, 1, 3)).rows(0, 1), largest_share(row, (1, 1, 3)))
    corner = np.array([3, 1, 1, 1, 2, 2, 2, 3]).reshape(
        2, 2, 2
    )  # 1 and 2 have three eighths each, 3 a quarter
    assert resampling(corner, (1, 1, 1)).rows(0, 1).item() == 1


def test_where_three_meet_none_needs_a_half() -> None:
    thirds = np.array([[1, 1, 2, 2], [1, 2, 3, 3], [3, 3, 3, 1]])[None].repeat(2, axis=0)
    found = resampling(thirds, (2, 2, 3)).rows(0, 2)
    assert found.min() == 1  # a share of a half or more would leave holes of background
    np.testing.assert_array_equal(found, largest_share(thirds, (2, 2, 3)))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_that_lie_far_apart_are_taken_one_by_one(axis: int) -> None:
    labels = blobs((6, 14, 12))
    labels = np.moveaxis(labels, 0, axis)
    spacing, shape = [1.0, 1.0, 1.0], [9, 9, 9]
    spacing[axis], shape[axis] = 5.0, 11
    found = resampling(labels, tuple(shape), spacing=tuple(spacing))
    plane = [n for k, n in enumerate(shape) if k != axis]
    slices = np.stack([largest_share(part, plane) for part in np.moveaxis(labels, axis, 0)])
    expected = resampled(np.moveaxis(slices, 0, axis), shape, 0, separate=axis)
    rows = [found.rows(start, min(start + 2, shape[0])) for start in range(0, shape[0], 2)]
    np.testing.assert_array_equal(np.concatenate(rows), expected)


def test_across_slices_a_label_may_need_more_than_a_half() -> None:
    labels = np.array([1, 2, 2, 0])[:, None, None].repeat(2, axis=1).repeat(2, axis=2)
    settings = ResamplingSettings(order=1, order_z=1, separate_z=True)
    found = resampling(labels, (2, 2, 2), settings, spacing=(5.0, 1.0, 1.0)).rows(0, 2)
    assert found[:, 0, 0].tolist() == [0, 0]  # each lies half-way between two labels, none of which has more


@pytest.mark.parametrize("order", [0, 3])
def test_other_orders(order: int) -> None:
    labels = blobs((10, 14, 12))
    found = resampling(labels, (9, 13, 17), ResamplingSettings(order=order)).rows(0, 9)
    expected = resampled(labels, (9, 13, 17), 0) if order == 0 else largest_share(labels, (9, 13, 17), order)
    assert (found != expected).mean() < (1e-3 if order else 1e-9)


def test_what_is_0_within_the_rest_is_inside() -> None:
    volume = np.ones((6, 7, 8))
    volume[2:4, 3, 4] = 0
    assert nonzero_mask([volume]).all()
    volume[0, 3, 4] = 0
    assert nonzero_mask([volume])[2, 3, 4]
    volume[1, 3, 4] = 0  # now it is open to the outside
    assert not nonzero_mask([volume])[2, 3, 4]
