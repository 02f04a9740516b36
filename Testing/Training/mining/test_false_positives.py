"""False positives are the components that neither overlap nor neighbor a true tumor."""

from __future__ import annotations

import numpy as np
import pytest

from training.mining.false_positives import MOST_VOXELS, false_positives

SHAPE = (6, 30, 40)
SPACING = (5.0, 1.0, 2.0)
"""A voxel has 0.01 ml."""


def maps(*found: tuple[tuple[slice, slice, slice], float]) -> np.ndarray:
    """A probability of 0.1 with boxes of others."""
    probability = np.full(SHAPE, 0.1, np.float32)
    for box, value in found:
        probability[box] = value
    return probability


def truth(*tumors: tuple[slice, slice, slice]) -> np.ndarray:
    labels = np.ones(SHAPE, np.uint8)
    for tumor in tumors:
        labels[tumor] = 2
    return labels


A = (slice(1, 3), slice(2, 7), slice(2, 12))
"""100 voxels."""
B = (slice(4, 5), slice(20, 24), slice(20, 30))
"""40 voxels."""


def test_size_and_strength_of_each_are_told_and_the_strongest_comes_first():
    probability = maps((A, 0.6), (B, 0.8))
    probability[4, 21, 25] = 0.95
    first, second = false_positives(probability, truth(), SPACING, threshold=0.5)
    assert (first.volume_ml, second.volume_ml) == pytest.approx((1.0, 0.4))
    assert (first.mean, second.mean) == pytest.approx((0.6, (39 * 0.8 + 0.95) / 40))
    assert (first.peak, second.peak) == pytest.approx((0.6, 0.95))
    assert second.voxels[0].tolist() == [4, 21, 25]
    (strong, weak) = false_positives(maps((A, 0.51), (B, 0.99)), truth(), SPACING, threshold=0.5)
    assert (strong.volume_ml, weak.volume_ml) == pytest.approx((1.0, 0.4))


def test_the_voxels_that_are_kept_lie_in_the_component_and_all_over_it():
    probability = maps((A, 0.6))
    (one,) = false_positives(probability, truth(), SPACING, threshold=0.5)
    assert 8 <= len(one.voxels) <= MOST_VOXELS
    assert len(np.unique(one.voxels, axis=0)) == len(one.voxels)
    assert (probability[tuple(one.voxels.T)] >= 0.5).all()
    assert set(one.voxels[:, 0]) == {1, 2}
    single = (slice(3, 4), slice(9, 10), slice(9, 10))
    (one,) = false_positives(maps((single, 0.6)), truth(), SPACING, threshold=0.5)
    assert one.voxels.tolist() == [[3, 9, 9]]


@pytest.mark.parametrize(
    ("tumor", "left"),
    [
        ((slice(2, 4), slice(6, 9), slice(5, 9)), 1),  # overlaps A
        ((slice(1, 2), slice(7, 9), slice(5, 9)), 1),  # beside it
        ((slice(3, 4), slice(7, 8), slice(12, 13)), 1),  # at a corner
        ((slice(1, 2), slice(8, 9), slice(5, 9)), 2),  # one voxel between them
    ],
)
def test_what_overlaps_or_neighbors_a_true_tumor_is_no_false_positive(tumor, left):
    probability = maps((A, 0.6), (B, 0.8))
    assert len(false_positives(probability, truth(tumor), SPACING, threshold=0.5)) == left


def test_small_and_improbable_ones_are_left_out():
    """A ball of 1 ml measures 12.4 mm, one of 0.4 ml 9.1 mm."""
    probability = maps((A, 0.6), (B, 0.8))
    volumes = [
        [
            round(one.volume_ml, 2)
            for one in false_positives(
                probability, truth(), SPACING, threshold=threshold, minimum_diameter_mm=least
            )
        ]
        for threshold, least in ((0.5, 9.0), (0.5, 9.2), (0.5, 12.5), (0.7, 0.0), (0.9, 0.0))
    ]
    assert volumes == [[1.0, 0.4], [1.0], [], [0.4], []]


def test_parts_that_meet_at_a_corner_are_one():
    probability = maps(
        ((slice(1, 2), slice(2, 4), slice(2, 4)), 0.6), ((slice(2, 3), slice(4, 6), slice(4, 6)), 0.6)
    )
    (one,) = false_positives(probability, truth(), SPACING, threshold=0.5)
    assert one.volume_ml == pytest.approx(0.08)
