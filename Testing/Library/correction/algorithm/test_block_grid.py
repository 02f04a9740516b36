"""What a click is solved on: blocks of voxels, distances between them, and the random walker, in millimetres."""

from __future__ import annotations

import numpy as np
import pytest

from LiverTumorAttentionLib.correction.algorithm.block_grid import BlockGrid
from LiverTumorAttentionLib.correction.algorithm.random_walker import LEAST_WEIGHT, random_walk
from LiverTumorAttentionLib.progress import Progress

SPACING_MM = (3.0, 1.0, 1.5)
VOLUME = (9, 26, 20)


def grid(*, most_blocks: int) -> BlockGrid:
    box = (slice(1, 9), slice(3, 26), slice(2, 17))
    return BlockGrid(box, SPACING_MM, VOLUME, most_blocks=most_blocks)


@pytest.mark.parametrize("most_blocks", [10_000, 600, 80])
def test_distances_run_from_the_voxel_to_the_blocks_centres(most_blocks: int) -> None:
    blocks, voxel = grid(most_blocks=most_blocks), (4, 9, 11)
    where = np.indices(VOLUME).astype(float)
    centres = [blocks.means(axis.astype(np.float32)) for axis in where]
    steps = [(c - v) * s for c, v, s in zip(centres, voxel, SPACING_MM, strict=True)]
    expected = np.sqrt(sum(step**2 for step in steps))
    np.testing.assert_allclose(blocks.distance_mm(voxel), expected, atol=1e-4)


@pytest.mark.parametrize("most_blocks", [600, 200, 80])
def test_a_box_at_the_volume_s_end_is_widened_to_the_other_side(most_blocks: int) -> None:
    blocks = grid(most_blocks=most_blocks)
    assert (blocks.factors > 1).any()
    assert all(part.stop <= n for part, n in zip(blocks.box, VOLUME, strict=True))
    assert blocks.contains((8, 25, 16)), "the last voxel of what was asked for"
    assert blocks.contains((1, 3, 2)), "the first one"
    lengths = np.array([part.stop - part.start for part in blocks.box])
    assert (lengths == np.array(blocks.shape) * blocks.factors).all()


def test_the_walker_weighs_its_neighbours_by_their_squared_distance() -> None:
    """One free voxel among alike ones: 1 is given above and below, 0 beside it."""
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
    """A row of three: the middle one image like the first and unlike the last by two deviations."""
    image = np.array([0.0, 0.0, 2.0], np.float32).reshape(1, 1, 3)
    given = np.array([1.0, 0.0, 0.0], np.float32).reshape(1, 1, 3)
    fixed = np.array([True, False, True]).reshape(1, 1, 3)
    evidence = np.full((1, 1, 3), 0.5, np.float32)
    found = random_walk(
        evidence, [image], np.ones(3), fixed, given, contrast=0.5, trust=0.0, progress=Progress()
    )
    like, unlike = 1 + LEAST_WEIGHT, np.exp(-0.5 * 4) + LEAST_WEIGHT
    assert found[0, 0, 1] == pytest.approx(like / (like + unlike), rel=1e-3)
