"""Shapes on blocks: parts that hold a seed, necks that are cut, cavities that count as inside."""

from __future__ import annotations

import numpy as np
import pytest

from LiverTumorAttentionLib.correction.algorithm.shapes import (
    cavities_of,
    closed,
    connected_to,
    without_necks,
)
from Testing.Library.correction.made_case import SHAPE, SPACING_MM, ball, distance_mm

SPACING = np.array(SPACING_MM)


def seed_at(*place: int) -> np.ndarray:
    seed = np.zeros(SHAPE, bool)
    seed[place] = True
    return seed


@pytest.mark.parametrize(("x", "kept"), [(36, 48), (28, 16)])
def test_of_two_balls_on_a_thin_bar_the_one_nearer_to_the_seed_stays(x: int, kept: int) -> None:
    """The seed lies in the bar, so that neither ball holds it."""
    balls = {center: ball((20, 28, center), 9.0) for center in (16, 48)}
    mask = balls[16] | balls[48]
    mask[20, 28, 16:49] = True
    found = without_necks(mask, seed_at(20, 28, x), distance_mm((20, 28, x)), SPACING)
    for center, voxels in balls.items():
        share = found[voxels].mean()
        assert share > 0.95 if center == kept else share == 0


def test_a_seed_beside_a_mask_brings_no_more_than_itself() -> None:
    mask, seed = ball((20, 28, 20), 6.0), seed_at(20, 28, 50)
    np.testing.assert_array_equal(connected_to(mask, seed), seed)
    both = connected_to(mask, seed | seed_at(20, 28, 20))
    np.testing.assert_array_equal(both, mask | seed)


def test_the_inside_of_a_tube_is_enclosed_slice_by_slice() -> None:
    y, x = np.indices(SHAPE[1:])
    radius = np.hypot(y - 28, x - 30)
    tube = np.broadcast_to((radius > 6) & (radius < 11), SHAPE)
    found = cavities_of(tube)
    inside = np.broadcast_to(radius <= 6, SHAPE)
    np.testing.assert_array_equal(found, inside)


def test_the_inside_of_a_shell_is_enclosed_and_no_dent_of_it() -> None:
    shell = ball((20, 28, 30), 12.0) & ~ball((20, 28, 30), 7.0)
    np.testing.assert_array_equal(cavities_of(shell), ball((20, 28, 30), 7.0))


def test_a_cleft_that_holds_nothing_is_no_cavity() -> None:
    """One voxel wide and open to all sides: a closing fills it, but nothing lies in it."""
    plates = np.zeros(SHAPE, bool)
    plates[10:30, 20:36, 20:40] = True
    plates[:, 28] = False
    assert not cavities_of(plates).any()


@pytest.mark.parametrize(("width", "filled"), [(4, True), (8, True), (14, False)])
def test_a_dent_is_filled_when_no_ball_fits_into_it(width: int, filled: bool) -> None:
    """A slot of 5, 10 or 17.5 mm into a block, and a ball of 12 mm across."""
    block = np.zeros(SHAPE, bool)
    block[6:34, 8:48, 8:56] = True
    dented = block.copy()
    dented[:, 24 : 24 + width, 30:] = False
    found = closed(dented, SPACING, 6.0)
    assert found[20, 24 + width // 2, 40] == filled
    assert not (found & ~block).any()
