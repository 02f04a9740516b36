"""Block grid: boxes of whole blocks, and distances in millimetres."""

from __future__ import annotations

import numpy as np
import pytest

from LiverTumorAttentionLib.correction.algorithm.block_grid import BlockGrid

SPACING_MM = (3.0, 1.0, 1.5)
VOLUME = (9, 26, 20)


def grid(*, most_blocks: int) -> BlockGrid:
    box = (slice(1, 9), slice(3, 26), slice(2, 17))
    return BlockGrid(box, SPACING_MM, VOLUME, most_blocks=most_blocks)


@pytest.mark.parametrize("most_blocks", [10_000, 600, 80])
def test_distances_run_from_the_voxel_to_the_block_centers(most_blocks: int) -> None:
    blocks, voxel = grid(most_blocks=most_blocks), (4, 9, 11)
    where = np.indices(VOLUME).astype(float)
    centers = [blocks.means(axis.astype(np.float32)) for axis in where]
    steps = [(c - v) * s for c, v, s in zip(centers, voxel, SPACING_MM, strict=True)]
    expected = np.sqrt(sum(step**2 for step in steps))
    np.testing.assert_allclose(blocks.distance_mm(voxel), expected, atol=1e-4)


@pytest.mark.parametrize("most_blocks", [600, 200, 80])
def test_a_box_at_the_end_of_the_volume_is_expanded_to_the_other_side(most_blocks: int) -> None:
    blocks = grid(most_blocks=most_blocks)
    assert (blocks.factors > 1).any()
    assert all(part.stop <= n for part, n in zip(blocks.box, VOLUME, strict=True))
    assert blocks.contains((8, 25, 16)), "the last voxel of what was asked for"
    assert blocks.contains((1, 3, 2)), "the first one"
    lengths = np.array([part.stop - part.start for part in blocks.box])
    assert (lengths == np.array(blocks.shape) * blocks.factors).all()
