"""Shares of voxels beyond several sheets: known by symmetry."""

from __future__ import annotations

import numpy as np
import pytest

from LiverTumorAttentionLib.analysis.planning.several_sheets import SAMPLES, share_beyond_all

STEPS_MM = np.diag([3.0, 1.0, 0.5])
"""Edges of the voxels as rows."""


@pytest.mark.parametrize(("count", "share"), [(2, 1 / 4), (3, 1 / 8)])
def test_planes_through_the_middle_share_a_voxel_out_evenly(count: int, share: float) -> None:
    slope = np.eye(3)[:count]
    height, alone = np.zeros((1, count)), np.full((1, count), 0.5)
    found = share_beyond_all(alone, height, slope, STEPS_MM)
    assert found == pytest.approx([share], abs=4 / SAMPLES)
    everywhere = np.broadcast_to(slope, (1, count, 3))
    np.testing.assert_array_equal(share_beyond_all(alone, height, everywhere, STEPS_MM), found)


def test_a_slab_between_two_sheets() -> None:
    """0.5 of 3 mm, seen from both sides; and what lies beyond neither."""
    slope = np.array([[[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]]] * 2)
    height = np.array([[0.25, 0.25], [-0.25, -0.25]])
    alone = np.array([[1.75 / 3, 1.75 / 3], [1.25 / 3, 1.25 / 3]])
    assert share_beyond_all(alone, height, slope, STEPS_MM) == pytest.approx([0.5 / 3, 0.0], abs=2 / SAMPLES)


def test_one_sheet_that_cuts_keeps_its_exact_share() -> None:
    alone = np.array([[0.3, 1.0], [0.3, 0.0]])
    height = np.array([[-0.4, 9.0], [-0.4, -9.0]])
    assert share_beyond_all(alone, height, np.eye(3)[:2], STEPS_MM).tolist() == [0.3, 0.0]
