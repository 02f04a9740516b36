"""Holes, components and openings of bodies whose answer is known by construction."""

from __future__ import annotations

import numpy as np
import pytest

from LiverTumorAttentionLib.voxels.morphology import CORNERS, FACES, fill_holes, largest_component, opened


def test_a_cavity_is_filled_and_a_hole_to_the_border_is_not() -> None:
    organ = np.ones((6, 6, 6), bool)
    organ[2:4, 2:4, 2:4] = False
    assert fill_holes(organ).all()
    organ[3, 3, 4:] = False
    np.testing.assert_array_equal(fill_holes(organ), organ)
    organ[3, 3, 4] = True  # a corner or an edge is no way
    assert not fill_holes(organ)[3, 3, 5]
    assert fill_holes(organ)[2, 2, 2]


def test_an_image_is_filled_like_a_volume() -> None:
    ring = np.ones((5, 6), bool)
    ring[1:4, 2:4] = False
    assert fill_holes(ring).all()
    ring[0, 2] = False
    np.testing.assert_array_equal(fill_holes(ring), ring)


def test_the_largest_component_depends_on_what_is_connected() -> None:
    mask = np.zeros((4, 4, 8), bool)
    mask[0, 0, :3] = True  # three voxels
    mask[2, 2, 4:6] = mask[3, 3, 6:8] = True  # two and two that share a corner
    assert np.argwhere(largest_component(mask, FACES)).tolist() == [[0, 0, 0], [0, 0, 1], [0, 0, 2]]
    assert np.count_nonzero(largest_component(mask, CORNERS)) == 4


def test_of_equal_components_the_first_stays() -> None:
    mask = np.zeros((1, 1, 5), bool)
    mask[0, 0, [1, 3]] = True
    assert np.argwhere(largest_component(mask)).tolist() == [[0, 0, 1]]
    assert not largest_component(np.zeros((2, 2, 2), bool)).any()


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 1.0, 0.5)])
def test_opening_removes_a_bridge_thinner_than_the_ball(spacing: tuple[float, float, float]) -> None:
    mask = np.zeros((9, 18, 70), bool)
    mask[1:8, 2:16, 2:30] = mask[1:8, 2:16, 40:68] = True
    mask[4, 8, 30:40] = True
    result = opened(mask, 2.0, spacing)
    assert not result[4, 8, 33:37].any()
    assert result[4, 8, 15]
    assert result[4, 8, 55]
    assert not (result & ~mask).any()


def test_the_edge_of_the_scan_erodes_nothing() -> None:
    mask = np.zeros((3, 3, 9), bool)
    mask[:, :, :5] = True
    np.testing.assert_array_equal(opened(mask, 2.0, (1.0, 1.0, 1.0)), mask)
    assert opened(np.ones((2, 2, 2), bool), 5.0, (1.0, 1.0, 1.0)).all()
    assert not opened(mask, 9.0, (1.0, 1.0, 1.0)).any()


def test_what_lies_as_far_as_the_ball_reaches_is_within_it_wherever_it_lies() -> None:
    """Distances of 3 x 0.7 mm differ in their last digit from place to place; the opening of a slab is the slab."""
    for first in range(1, 9):
        mask = np.zeros((5, 5, 30), bool)
        mask[:, :, first : first + 7] = True  # 2.8 mm from its middle to what is outside
        np.testing.assert_array_equal(opened(mask, 2.1, (0.7, 0.7, 0.7)), mask)
        assert not opened(mask, 2.8, (0.7, 0.7, 0.7)).any()
