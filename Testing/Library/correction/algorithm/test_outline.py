"""An outline in one slice: its plane, what it encloses, and the solid that it swells to."""

from __future__ import annotations

import numpy as np
import pytest

from LiverTumorAttentionLib.correction import CorrectionCase, Point
from LiverTumorAttentionLib.correction.algorithm.block_grid import BlockGrid
from LiverTumorAttentionLib.correction.algorithm.outline import Outline
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.boxes import full_box
from Testing.Library.correction.drawn import AXES, circle, circle_across
from Testing.Library.correction.made_case import SHAPE, SPACING_MM, distance_mm, made_case, oblique

CENTER = (20, 28, 30)
RADIUS_MM = 10.0
EVERYTHING = full_box(SHAPE)


@pytest.fixture(scope="module", params=["straight", "oblique"])
def case(request: pytest.FixtureRequest) -> CorrectionCase:
    """Return a case whose grid lies along the patient, or not: which must not matter."""
    return made_case((), direction=None if request.param == "straight" else oblique())


@pytest.mark.parametrize("plane", AXES)
def test_a_circle_in_a_slice_encloses_the_voxels_nearer_to_its_center(
    case: CorrectionCase, plane: str
) -> None:
    """A polygon of 400 corners lies within 0.01 mm of its circle, and no voxel lies so near to that."""
    outline = Outline(case, circle(case, CENTER, RADIUS_MM, plane, points=400))
    slab = np.zeros(SHAPE, bool)
    np.moveaxis(slab, AXES[plane], 0)[CENTER[AXES[plane]]] = True
    np.testing.assert_array_equal(outline.slab(EVERYTHING), slab)
    wanted = slab & (distance_mm(CENTER) <= RADIUS_MM)
    off = np.abs(distance_mm(CENTER) - RADIUS_MM)[slab]
    assert off[off > 1e-6].min() > 0.01
    clear = np.abs(distance_mm(CENTER) - RADIUS_MM) > 0.01
    np.testing.assert_array_equal(outline.enclosed(EVERYTHING)[clear], wanted[clear])


def test_a_slice_across_the_grid_holds_the_voxels_that_it_passes_through(case: CorrectionCase) -> None:
    """A plane that rises by a voxel along y per voxel along z passes through their diagonal alone."""
    ways = np.array([[0, 0, 1.0], [SPACING_MM[0], SPACING_MM[1], 0]])
    ways[1] /= np.linalg.norm(ways[1])
    outline = Outline(case, circle_across(case, CENTER, RADIUS_MM, ways))
    z, y = np.indices(SHAPE)[:2]
    passed = z - CENTER[0] == y - CENTER[1]
    np.testing.assert_array_equal(outline.slab(EVERYTHING), passed)
    inside = outline.enclosed(EVERYTHING)
    assert inside.any()
    assert distance_mm(CENTER)[inside].max() <= RADIUS_MM + 0.5 * np.linalg.norm(SPACING_MM)


def test_it_is_closed_and_its_direction_and_crossings_do_not_matter(case: CorrectionCase) -> None:
    points = circle(case, CENTER, RADIUS_MM)
    inside = Outline(case, points).enclosed(EVERYTHING)
    for same in (points[::-1], (*points, *points), (*points, points[0])):
        np.testing.assert_array_equal(Outline(case, same).enclosed(EVERYTHING), inside)


def test_the_depth_of_a_circle_is_what_its_radius_leaves(case: CorrectionCase) -> None:
    outline = Outline(case, circle(case, CENTER, RADIUS_MM, points=200))
    assert outline.radius_mm == pytest.approx(RADIUS_MM, abs=0.2)
    voxel, depth = outline.deepest(outline.enclosed(EVERYTHING), EVERYTHING)
    assert voxel == CENTER
    assert depth == pytest.approx(RADIUS_MM, abs=SPACING_MM[1])


def test_a_circle_swells_to_a_ball(case: CorrectionCase) -> None:
    outline = Outline(case, circle(case, CENTER, RADIUS_MM, points=200))
    grid = BlockGrid(EVERYTHING, SPACING_MM, SHAPE, most_blocks=10**9)
    excess = outline.excess(grid)
    distance = distance_mm(CENTER)
    assert (excess[distance < RADIUS_MM - 1.0] <= 1e-6).all()
    assert (excess[distance > RADIUS_MM + 2.0] > 0).all()
    z, y, x = CENTER
    assert excess[z + 10, y, x] == pytest.approx(1.0, abs=0.1), "at twice the radius off the slice"
    assert excess[z, y, x + 16] == pytest.approx(1.0, abs=0.1), "and in it"


def test_places_by_which_a_network_is_told_lie_well_inside_and_around(case: CorrectionCase) -> None:
    outline = Outline(case, circle(case, CENTER, RADIUS_MM))
    inside, around = outline.beside(5, 8, 3.0)
    distance = distance_mm(CENTER)
    assert 3 <= len(inside) <= 5
    assert 6 <= len(around) <= 8
    assert max(distance[voxel] for voxel in inside) <= 0.5 * RADIUS_MM + 1.5
    assert all(RADIUS_MM + 1.5 < distance[voxel] < RADIUS_MM + 7 for voxel in around)


def _bent(case: CorrectionCase) -> tuple[Point, ...]:
    points = list(circle(case, CENTER, RADIUS_MM))
    points[5] = case.point_at((CENTER[0] + 3, 28, 38))
    return tuple(points)


@pytest.mark.parametrize(
    ("points", "what"),
    [
        (lambda case: circle(case, CENTER, RADIUS_MM)[:2], "3 to 5000 points, got 2: draw around"),
        (_bent, "off one slice: draw it in one slice"),
        (lambda case: (case.point_at(CENTER),) * 5, "encloses nothing"),
        (lambda case: tuple(case.point_at((20, 20, x)) for x in (10, 20, 30)), "encloses nothing"),
        (lambda case: circle(case, CENTER, 60.0), "lies outside of the portal volume"),
    ],
)
def test_what_is_no_outline_in_one_slice_is_refused(case: CorrectionCase, points, what: str) -> None:
    with pytest.raises(InputError, match=what):
        Outline(case, points(case))
