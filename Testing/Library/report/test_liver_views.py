"""The liver from three sides: what is seen, where, and how far away."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.analysis import Vessels
from LiverTumorAttentionLib.analysis.planning import Combination, CutPlane, CutSurface
from LiverTumorAttentionLib.errors import Cancelled
from LiverTumorAttentionLib.io import tumor_segment
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.report.liver_views import Scene, View, vessel_color
from LiverTumorAttentionLib.report.projection import (
    VIEW_DIRECTIONS,
    Layer,
    composite,
    shaded,
    visible_surface,
)
from LiverTumorAttentionLib.report.solids import ROOM_MM, SMALLEST_CUBE_MM, IsotropicGrid, smoothed_solid
from LiverTumorAttentionLib.voxels.boxes import bounding_box
from LiverTumorAttentionLib.voxels.geometry import ImageAxes, as_point
from Testing.Library.analysis.bodies import CENTRE_MM, GRIDS, at, ball, grid, painted

RADIUS = 30.0
PLACE = (12.0, -9.0, 14.0)  # to the left, to the front, to the head
SIDES = {
    "from the front": (0, 2, 1),
    "from the patient's right": (1, 2, 0),
    "from below, as slices are seen": (0, 1, 2),
}
"""Which of L, P, S run across, along and into each picture."""


def scene(name: str, *places: tuple[float, float, float]) -> Scene:
    bodies = [(value, ball(place, 5.0)) for value, place in enumerate(places, start=2)]
    return Scene(painted(grid(name, 66.0), (1, ball((0, 0, 0), RADIUS)), *bodies), None, Progress())


def pixel(view: View, place: tuple[float, float, float]) -> tuple[int, int]:
    """Where a place from the middle on lies in a picture, told by the letters at its edges."""
    rows, columns = view.picture.shape[:2]
    alpha = view.picture[..., 3] > 0
    height = np.flatnonzero(alpha.any(axis=1))
    width = np.flatnonzero(alpha.any(axis=0))
    per_mm = (height[-1] - height[0] + 1) / (2 * RADIUS)
    assert per_mm == pytest.approx((width[-1] - width[0] + 1) / (2 * RADIUS), rel=0.05)
    toward = dict(zip("LPS", place, strict=True)) | dict(zip("RAI", (-v for v in place), strict=True))
    _, right, bottom, _ = view.letters
    row = (height[0] + height[-1]) / 2 + per_mm * toward[bottom]
    column = (width[0] + width[-1]) / 2 + per_mm * toward[right]
    assert rows > row >= 0
    assert columns > column >= 0
    return round(row), round(column)


def hue(color: np.ndarray) -> np.ndarray:
    return np.asarray(color, float) / np.linalg.norm(color)


@pytest.mark.parametrize("name", GRIDS)
def test_a_tumor_is_seen_where_it_lies(name: str) -> None:
    views = scene(name, PLACE).views()
    assert [view.name for view in views] == list(SIDES)
    for view in views:
        row, column = pixel(view, PLACE)
        assert view.picture[row, column, 3] == 255
        assert view.picture[0, 0, 3] == 0
        seen = hue(view.picture[row, column, :3])
        assert seen @ hue(tumor_segment(2).color) > 0.97
        mirrored = (-PLACE[0], -PLACE[1], -PLACE[2])
        row, column = pixel(view, mirrored)
        assert 0 < view.picture[row, column, 3] < 255  # glass alone


def test_letters_are_opposite_each_other() -> None:
    opposite = dict(zip("LPSRAI", "RAILPS", strict=True))
    for view in VIEW_DIRECTIONS:
        top, right, bottom, left = view.letters
        assert opposite[top] == bottom
        assert opposite[right] == left
        for letter, direction in (("S", (0, 0, 1)), ("L", (1, 0, 0)), ("P", (0, 1, 0))):
            depth, down, across = view.vector(direction)
            if down:
                assert (bottom if down > 0 else top) == letter
            elif across:
                assert (right if across > 0 else left) == letter
            else:
                assert abs(depth) == 1


def test_of_two_tumors_the_nearer_one_is_seen() -> None:
    """One before the other as seen from the front, from the right and from below."""
    front, right, below = scene("straight", (-10, -10, -10), (-10, 10, -10)).views()
    assert hue(front.picture[pixel(front, (-10, -10, -10))][:3]) @ hue(tumor_segment(2).color) > 0.97
    front, right, below = scene("straight", (10, -10, -10), (-10, -10, -10)).views()
    assert hue(right.picture[pixel(right, (-10, -10, -10))][:3]) @ hue(tumor_segment(3).color) > 0.97
    front, right, below = scene("straight", (-10, -10, 10), (-10, -10, -10)).views()
    assert hue(below.picture[pixel(below, (-10, -10, -10))][:3]) @ hue(tumor_segment(3).color) > 0.97


@pytest.mark.parametrize("name", GRIDS)
def test_the_front_of_a_ball(name: str) -> None:
    """Its middle is half a ball before its center, and faces the viewer; off the middle it faces sideways."""
    image = painted(grid(name, 66.0), (1, ball((0, 0, 0), 20.0)))
    mask = sitk.GetArrayFromImage(image) > 0
    box = bounding_box(mask)
    assert box is not None
    cubes = IsotropicGrid.around(box, ImageAxes.of(image))
    solid = smoothed_solid(mask[box], box, image, cubes, smoothing_voxels=0.5)
    assert solid is not None
    for direction in VIEW_DIRECTIONS:
        front = visible_surface(solid, direction, cubes)
        centre = np.array([[CENTRE_MM]])
        index = ((centre - cubes.origin_mm) / cubes.step_mm)[0, 0][::-1]
        laid = [
            cubes.shape[axis] - 1 - index[axis] if turned else index[axis]
            for axis, turned in zip(direction.order, direction.turned, strict=True)
        ]
        row, column = round(laid[1]), round(laid[2])
        assert front.depth[row, column] * cubes.step_mm == pytest.approx(
            laid[0] * cubes.step_mm - 20.0, abs=0.6 * max(GRIDS[name][1])
        )
        assert front.normal[row, column] @ [-1, 0, 0] > 0.95
        half = round(14.1 / cubes.step_mm)
        assert front.normal[row, column + half] @ [-0.71, 0, 0.71] > 0.95
        assert front.normal[row + half, column] @ [-0.71, 0.71, 0] > 0.95
        assert np.isinf(front.depth[0, 0])


def test_the_cubes_leave_room_around_a_body() -> None:
    image = grid("straight", 20.0)
    box = (slice(4, 10), slice(8, 10), slice(3, 4))
    cubes = IsotropicGrid.around(box, ImageAxes.of(image))
    low = np.array(image.TransformIndexToPhysicalPoint((3, 8, 4))) - 0.5 - ROOM_MM
    np.testing.assert_allclose(cubes.origin_mm - cubes.step_mm / 2, low)
    assert cubes.step_mm == SMALLEST_CUBE_MM
    assert cubes.shape == (28, 20, 18)  # 6, 2 and 1 mm, and 4 mm of room on all sides


@pytest.mark.parametrize("size", [1, 2])
def test_the_smallest_tumor_is_still_seen(size: int) -> None:
    image = painted(grid("thick slices", 66.0), (1, ball((0, 0, 0), RADIUS)))
    middle = [length // 2 for length in image.GetSize()]
    image[middle[0] : middle[0] + size, middle[1], middle[2]] = 2
    color = hue(tumor_segment(2).color)
    for view in Scene(image, None, Progress()).views():
        opaque = view.picture[view.picture[..., 3] == 255][:, :3]
        assert len(opaque) > 3
        assert (opaque / np.linalg.norm(opaque, axis=1, keepdims=True) @ color > 0.95).mean() > 0.9


@pytest.mark.parametrize("name", ["straight", "oblique and left-handed"])
def test_what_a_plane_takes_out_is_in_another_colour(name: str) -> None:
    plane = CutPlane(point_lps_mm=at(5, 0, 0), normal_lps=(-1, 0, 0))  # the patient's right is taken out
    front, right, _ = scene(name).views([plane])
    whole, _, _ = scene(name).views()
    gone, kept = (front.picture[pixel(front, (place, 0, 0))] for place in (0, 10))
    assert gone[2] > gone[0]
    assert kept[0] > kept[2]
    assert (kept == whole.picture[pixel(whole, (10, 0, 0))]).all()
    # Through the right half the cut is seen from the right: more opaque than glass, as wide as the ball is there.
    radius = np.sqrt(RADIUS**2 - 25)
    rows = right.picture[:, pixel(right, (0, 0, 0))[1], 3].astype(int)
    without = scene(name).views()[1].picture[:, pixel(right, (0, 0, 0))[1], 3].astype(int)
    per_mm = np.count_nonzero(without) / (2 * RADIUS)
    assert np.count_nonzero(rows > without + 20) / per_mm == pytest.approx(2 * radius, abs=2.5)


@pytest.mark.parametrize(
    ("combine", "expected"), [("all", [True, False, False]), ("any", [True, True, True])]
)
def test_several_planes_combine_as_the_plan_does(combine, expected: list[bool]) -> None:
    """The right and the upper quarter: both planes, the right one alone, the upper one alone."""
    planes = [
        CutPlane(point_lps_mm=at(0, 0, 0), normal_lps=(-1, 0, 0)),
        CutPlane(point_lps_mm=at(0, 0, 0), normal_lps=(0, 0, 1)),
    ]
    ball_alone = scene("straight")
    front, right, _ = ball_alone.views(planes, combine)
    for place, gone in zip(((-12, 0, 12), (-12, 0, -12), (12, 0, 12)), expected, strict=True):
        red, _, blue = (int(part) for part in front.picture[pixel(front, place)][:3])
        assert (blue > red) is gone
    red, _, blue = (int(part) for part in front.picture[pixel(front, (12, 0, -12))][:3])
    assert red > blue
    # Of the right plane the cut is what borders on the other's side that is taken out, or is not.
    whole = ball_alone.views()[1]
    for place, shown in (((0, 0, 12), combine == "all"), ((0, 0, -12), combine == "any")):
        alpha, without = (int(view.picture[pixel(view, place)][3]) for view in (right, whole))
        assert (alpha > without + 20) is shown


def flat(point: tuple[float, float, float], toward: tuple[float, float, float]) -> CutSurface:
    """Return a plane as a surface through four of its points."""
    first = np.cross(toward, (0.3, 0.5, -0.7))
    second = np.cross(toward, first)
    points = [
        np.array(at(*point)) + 9 * (a * first + b * second) for a, b in ((1, 0), (-1, 0), (0, 1), (0, -1))
    ]
    return CutSurface(points_lps_mm=tuple(as_point(p) for p in points), toward_lps=toward)


@pytest.mark.parametrize("combine", ["all", "any"])
@pytest.mark.parametrize("name", ["straight", "oblique and left-handed"])
def test_a_flat_surface_is_drawn_as_its_plane(name: str, combine: Combination) -> None:
    toward = (-0.8, 0.4, 0.2)
    plane = CutPlane(point_lps_mm=at(4, 0, 0), normal_lps=toward)
    upper = CutPlane(point_lps_mm=at(0, 0, -3), normal_lps=(0, 0.1, 1))
    case = scene(name, PLACE)
    surface = flat((4, 0, 0), toward)
    for others in ([], [upper]):
        drawn = case.views(others, combine, surface)
        for one, other in zip(drawn, case.views([plane, *others], combine), strict=True):
            different = (np.abs(one.picture.astype(int) - other.picture) > 12).any(axis=2)
            assert different.mean() < 0.02, (one.name, len(others))


def test_a_vault_is_seen_where_it_passes_through_the_liver() -> None:
    """Seen from the front, a vault along the line of sight is an arc: in its middle higher than at its sides."""
    points = [(x, y, 8 - 0.02 * x * x) for x in (-24, -12, 0, 12, 24) for y in (-20, 0, 20)]
    surface = CutSurface(points_lps_mm=tuple(at(*point) for point in points), toward_lps=(0, 0, 1))
    case = scene("straight")
    below = case.views((), "all", surface)[2]
    alpha, without = (int(view.picture[pixel(view, (0, 0, 0))][3]) for view in (below, case.views()[2]))
    assert alpha > without + 20, "the vault lies across the way of the eye from below"
    front = case.views((), "all", surface)[0]
    for place, gone in (((0, 0, 11), True), ((0, 0, 5), False), ((18, 0, 5), True), ((18, 0, -2), False)):
        red, _, blue = (int(part) for part in front.picture[pixel(front, place)][:3])
        assert (blue > red) is gone, place


def test_vessels_are_drawn_and_those_far_from_the_liver_left_out() -> None:
    image = painted(grid("straight", 100.0), (1, ball((0, 0, 0), 20.0)))
    labels = painted(image, (1, ball((0, 0, 8), 4.0)), (2, ball((0, 0, 45), 3.0)))
    front = Scene(image, Vessels(labels=labels, names={1: "near", 2: "far"}), Progress()).views()[0]
    opaque = front.picture[front.picture[..., 3] == 255][:, :3]
    assert len(opaque) > 50
    assert (opaque / np.linalg.norm(opaque, axis=1, keepdims=True) @ hue(vessel_color(0)) > 0.93).all()
    assert vessel_color(4) == vessel_color(0) != vessel_color(1)


def test_sheets_lie_over_each_other_by_depth() -> None:
    def sheet(depth: list[float], level: float, opacity: float) -> Layer:
        row = np.array([depth], np.float32)
        return Layer(row, np.full((*row.shape, 3), level, np.float32), np.full_like(row, opacity))

    nothing = float("inf")
    picture = composite([sheet([5, 1, nothing], 1.0, 1.0), sheet([2, 2, 2], 0.0, 0.25)])
    assert composite([sheet([2], 0.8, 0.25)])[0, 0].tolist() == [204, 204, 204, 64]  # glass keeps its color
    assert picture.shape == (1, 3, 4)
    assert picture[0, 0].tolist() == [191, 191, 191, 255]  # a quarter of black glass before white
    assert picture[0, 1].tolist() == [255, 255, 255, 255]
    assert picture[0, 2].tolist() == [0, 0, 0, 64]


def test_light_falls_from_the_viewer() -> None:
    normal = np.array([[[-1, 0, 0], [0, 1, 0], [-0.8, -0.48, -0.36]]], np.float32)
    front, underside, lit = shaded(normal, (0.5, 0.5, 0.5))[0, :, 0]
    assert lit > front > underside > 0.1


def test_it_can_be_cancelled() -> None:
    with pytest.raises(Cancelled):
        Scene(painted(grid("straight", 66.0), (1, ball((0, 0, 0), 9.0))), None, Progress(None, lambda: True))
