"""Random walker: weights by distance in millimetres and by intensity."""

from __future__ import annotations

import numpy as np
import pytest

from LiverTumorAttentionLib.correction.algorithm.random_walker import LEAST_WEIGHT, random_walk
from LiverTumorAttentionLib.progress import Progress


def test_the_walker_weighs_its_neighbors_by_their_squared_distance() -> None:
    """One free voxel among equal ones: fixed to 1 above and below, to 0 beside it."""
    fixed = np.ones((3, 3, 3), bool)
    fixed[1, 1, 1] = False
    given = np.zeros((3, 3, 3), np.float32)
    given[0, 1, 1] = given[2, 1, 1] = 1.0
    found = random_walk(
        np.full((3, 3, 3), 0.5, np.float32),
        [np.zeros((3, 3, 3), np.float32)],
        np.array([4.0, 1.0, 1.0]),
        fixed,
        given,
        contrast=1.0,
        trust=0.0,
        progress=Progress(),
    )
    assert found[1, 1, 1] == pytest.approx((2 / 16) / (2 / 16 + 4), rel=1e-3)
    np.testing.assert_array_equal(found[fixed], given[fixed])


def test_the_walker_hardly_crosses_a_step() -> None:
    """A row of three: the middle voxel equals the first and differs from the last by two deviations."""
    image = np.array([0.0, 0.0, 2.0], np.float32).reshape(1, 1, 3)
    given = np.array([1.0, 0.0, 0.0], np.float32).reshape(1, 1, 3)
    fixed = np.array([True, False, True]).reshape(1, 1, 3)
    evidence = np.full((1, 1, 3), 0.5, np.float32)
    found = random_walk(
        evidence, [image], np.ones(3), fixed, given, contrast=0.5, trust=0.0, progress=Progress()
    )
    like, unlike = 1 + LEAST_WEIGHT, np.exp(-0.5 * 4) + LEAST_WEIGHT
    assert found[0, 0, 1] == pytest.approx(like / (like + unlike), rel=1e-3)
