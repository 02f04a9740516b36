"""Centerlines as rooted trees: a Y of tubes, gaps, radii and roots."""

from __future__ import annotations

import numpy as np
import pytest

from LiverTumorAttentionLib.analysis.vasculature.vessel_tree import vessel_tree
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.geometry import ImageAxes
from Testing.Library.analysis.vasculature.bodies import Points, grid, places, tube, tubes

STEM: list[Points] = [[(0, 0, -25), (0, 0, 0)]]
ARMS: list[Points] = [[(0, 0, 0), (20, 0, 20)], [(0, 0, 0), (-20, 0, 20)]]
IMAGE = grid((1.25, 1.25, 1.25), reach=35.0)
PLACE = places(IMAGE)
AXES = ImageAxes.of(IMAGE)


def test_a_y_has_its_stem_upstream_of_both_arms() -> None:
    tree = vessel_tree(tubes(PLACE, STEM + ARMS, 3.0), AXES, root_mm=(0, 0, -25))
    assert tree.parent[0] == -1
    assert (tree.parent[1:] < np.arange(1, len(tree.parent))).all()
    stem, _ = tree.nearest((0, 0, -15))
    arm, _ = tree.nearest((12, 0, 12))
    tips = [tree.nearest(end)[0] for end in ((19, 0, 19), (-19, 0, 19))]
    assert tree.downstream(stem)[tips].all()
    assert tree.downstream(arm)[tips].tolist() == [True, False]
    assert float(tree.step_mm.sum()) == pytest.approx(25 + 2 * 28.3, rel=0.15)


def test_radii_are_those_of_the_tubes() -> None:
    for radius in (2.0, 3.0, 5.0):
        tree = vessel_tree(tube(PLACE, [(1, 2, -25), (4, 2, 25)], radius), AXES, root_mm=(1, 2, -25))
        inner = np.abs(tree.points_mm[:, 2]) < 15
        assert float(np.median(tree.radius_mm[inner])) == pytest.approx(radius, abs=0.65)
        assert np.abs(tree.points_mm[inner, 1] - 2).max() < 1.5


def test_a_part_beyond_a_gap_hangs_on_the_nearest_point() -> None:
    whole = tubes(PLACE, [*STEM, ARMS[0]], 3.0)
    gap = np.abs(PLACE[..., 2] - 10) < 3
    tree = vessel_tree(whole & ~gap, AXES, root_mm=(0, 0, -25))
    tip, _ = tree.nearest((19, 0, 19))
    middle, _ = tree.nearest((0, 0, -10))
    assert tree.part[tip] == 1
    assert tree.downstream(middle)[tip]
    assert float(tree.step_mm.sum()) == pytest.approx(25 + 19, rel=0.25)  # without the gap


def test_the_root_is_the_wide_place_farthest_out() -> None:
    organ = np.linalg.norm(PLACE, axis=-1) <= 20
    body = tubes(PLACE, STEM, 4.0) | tubes(PLACE, ARMS, 2.0)
    tree = vessel_tree(body, AXES, organ=organ)
    assert tree.points_mm[0][2] < -18


def test_no_vessel_is_refused() -> None:
    with pytest.raises(InputError, match="there is no vessel"):
        vessel_tree(np.zeros((4, 4, 4), bool), AXES)
