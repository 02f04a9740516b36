"""Key slices: what lies where on the page, on grids of every kind."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.analysis import measure_tumors
from LiverTumorAttentionLib.analysis.planning import CutPlane, CutSurface
from LiverTumorAttentionLib.pictures.contours import contours
from LiverTumorAttentionLib.report.key_slice import AROUND_MM, BEYOND, KeySlice
from LiverTumorAttentionLib.voxels.geometry import ImageAxes, as_point
from Testing.Library.analysis.bodies import CENTRE_MM, at, cuboid, empty, grid, painted
from Testing.Library.analysis.bodies import GRIDS as BODY_GRIDS

GRIDS = {
    **BODY_GRIDS,
    "turned in the plane": (np.diag([-1.0, -1.0, 1.0]), (0.8, 1.1, 2.0)),
    "sagittal, left-handed": (np.array([[0, 0, -1.0], [-1.0, 0, 0], [0, 1.0, 0]]), (0.9, 0.8, 1.5)),
}
TUMOR = cuboid((-12, -6, -5), (12, 6, 5))
"""Longer towards L than towards P, so that the longest diameter runs across the picture."""


def case(name: str) -> tuple[sitk.Image, KeySlice]:
    image = painted(empty(*GRIDS[name], (70.0,) * 3), (1, cuboid((-30, -30, -30), (30, 30, 30))), (2, TUMOR))
    (tumor,) = measure_tumors(image, image)
    return image, KeySlice.of(tumor, ImageAxes.of(image))


@pytest.mark.parametrize("name", GRIDS)
def test_right_is_left_and_front_is_on_top(name: str) -> None:
    image, view = case(name)
    rest = painted(image, (1, cuboid((4, -90, -90), (90, 90, 90))), (2, cuboid((-90, -90, -90), (4, -4, 90))))
    labels = view.piece(sitk.GetArrayViewFromImage(rest), 0)
    rows, columns = labels.shape
    assert labels[rows // 2, int(0.75 * columns)] == 1  # the patient's left
    assert labels[int(0.3 * rows), int(0.35 * columns)] == 2  # the front
    assert labels[int(0.7 * rows), int(0.35 * columns)] == 0


@pytest.mark.parametrize("name", GRIDS)
def test_a_voxel_is_drawn_where_its_position_is_placed(name: str) -> None:
    image, view = case(name)
    array = np.zeros(image.GetSize()[::-1], np.uint8)
    index = [length // 2 + 3 for length in array.shape]
    index[view.across] = view.index
    array[tuple(index)] = 1
    row, column = np.argwhere(view.piece(array, 0))[0]
    x, y = view.place(image.TransformIndexToPhysicalPoint(index[::-1]))
    steps = ImageAxes.of(image).spacing_zyx_mm
    assert (x, y) == pytest.approx(((column + 0.5) * steps[view.right], (row + 0.5) * steps[view.down]))
    width, height = view.size_mm
    piece = view.piece(array, 0)
    assert (width, height) == pytest.approx(
        (piece.shape[1] * steps[view.right], piece.shape[0] * steps[view.down])
    )


@pytest.mark.parametrize("name", GRIDS)
def test_diameters_end_on_the_outline(name: str) -> None:
    image, view = case(name)
    (tumor,) = measure_tumors(image, image)
    labels = view.piece(sitk.GetArrayViewFromImage(image), 0, BEYOND)
    corners = np.concatenate(view.outline(labels == 2))
    for end in tumor.longest_axial_diameter_lps_mm:
        assert np.linalg.norm(corners - view.place(end), axis=1).min() < 1e-6
    width, height = view.size_mm
    assert corners.min() > AROUND_MM - 12.0  # the diameter is a diagonal, longer than the tumor is wide
    assert corners[:, 0].max() < width - AROUND_MM + 12.0
    assert min(width, height) >= 90.0


@pytest.mark.parametrize("kind", [np.int16, np.uint8, np.uint16, np.float32])
def test_the_piece_runs_on_beyond_the_image_as_air(kind: type) -> None:
    image = painted(grid("straight", 30.0), (1, cuboid((-15, -15, -15), (15, 15, 15))), (2, TUMOR))
    (tumor,) = measure_tumors(image, image)
    view = KeySlice.of(tumor, ImageAxes.of(image))
    hu = np.full(image.GetSize()[::-1], 200, kind)
    piece = view.piece(hu, -1024)
    assert piece.shape[0] > 90
    assert (piece == 200).sum() == 30 * 30
    assert (piece == -1024).sum() == piece.size - 30 * 30
    gray = view.gray(hu)
    assert gray[0, 0] == 0
    assert gray[gray.shape[0] // 2, gray.shape[1] // 2] == 255
    assert gray.shape[1] == 440


def test_an_outline_runs_on_where_the_page_ends() -> None:
    """A liver that is larger than the page: no line along the page's border."""
    image = painted(grid("straight", 150.0), (1, cuboid((-90, -90, -90), (90, 90, 90))), (2, TUMOR))
    (tumor,) = measure_tumors(image, image)
    view = KeySlice.of(tumor, ImageAxes.of(image))
    (line,) = view.outline(view.piece(sitk.GetArrayViewFromImage(image), 0, BEYOND) > 0)
    width, height = view.size_mm
    assert line.min() < -1.0
    assert (line.max(axis=0) > np.array([width, height]) + 1.0).all()
    assert len(contours(np.ones((3, 3), bool))) == 1


@pytest.mark.parametrize("name", GRIDS)
def test_a_plane_is_the_line_of_its_points(name: str) -> None:
    image, view = case(name)
    axes = ImageAxes.of(image)
    plane = CutPlane(point_lps_mm=at(3, 2, 0), normal_lps=(0.8, 0.5, 0.1))
    ends = view.crossing(plane)
    assert ends is not None
    (x, y), (to_x, to_y) = ends
    normal = np.array([-(to_y - y), to_x - x]) / np.hypot(to_x - x, to_y - y)
    for shift in (-8.0, 0.0, 9.0):
        # A point of the plane within the slice, found without the page: along the slice's own axis to the right.
        start = np.zeros(3)
        start[[view.across, view.down, view.right]] = view.index, 0, 0
        start[view.down] = view.start[0] + 30 + shift
        position, step = axes.position_mm(start), axes.steps_mm[view.right]
        place = position - step * float(plane.height_mm(position)) / float(step @ plane.unit_normal)
        assert abs(float((np.array(view.place(place)) - [x, y]) @ normal)) < 1e-6
    width, height = view.size_mm
    for end in ends:
        at_border = [abs(end[0]), abs(end[0] - width), abs(end[1]), abs(end[1] - height)]
        assert min(at_border) < 1e-9


def test_a_plane_that_misses_the_piece_is_not_drawn() -> None:
    _, view = case("straight")
    assert view.crossing(CutPlane(point_lps_mm=at(0, 0, 25), normal_lps=(0, 0, 1))) is None
    far = CENTRE_MM + np.array([400.0, 0, 0])
    assert view.crossing(CutPlane(point_lps_mm=tuple(far.tolist()), normal_lps=(1, 0, 0))) is None


@pytest.mark.parametrize("name", GRIDS)
def test_the_line_of_a_flat_surface_is_that_of_its_plane(name: str) -> None:
    _, view = case(name)
    plane = CutPlane(point_lps_mm=at(3, 2, 0), normal_lps=(0.8, 0.5, 0.1))
    across = np.cross(plane.unit_normal, (0, 0, 1))
    up = np.cross(across, plane.unit_normal)
    points = [
        np.array(at(3, 2, 0)) + 20 * (a * across + b * up) for a, b in ((1, 0), (-1, 0), (0, 1), (0, -1))
    ]
    surface = CutSurface(points_lps_mm=tuple(as_point(p) for p in points), toward_lps=(0.8, 0.5, 0.1))
    (line,) = view.trace(surface)
    ends = view.crossing(plane)
    assert ends is not None
    for end in ends:
        assert np.linalg.norm(line[[0, -1]] - end, axis=1).min() < 1e-6
    start, way = np.array(ends[0]), np.subtract(ends[1], ends[0])
    off = (line - start) @ np.array([-way[1], way[0]]) / np.linalg.norm(way)
    assert np.abs(off).max() < 1e-6


def test_a_surface_that_misses_the_piece_is_not_drawn() -> None:
    _, view = case("straight")
    points = tuple(at(x, y, 25 + 0.01 * x * y) for x in (-20.0, 20.0) for y in (-20.0, 20.0))
    assert view.trace(CutSurface(points_lps_mm=points, toward_lps=(0, 0, 1))) == []
