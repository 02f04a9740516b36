"""Gaps between bodies of voxels: exact where rows decide, near the truth where surfaces are curved."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.voxels.geometry import ImageAxes
from LiverTumorAttentionLib.voxels.surfaces import (
    Surface,
    distance_map_mm,
    gap_between,
    surface_distances_mm,
    surface_voxels,
)
from Testing.Library.analysis.bodies import CENTRE_MM, GRIDS, ball, grid, painted

AXES = ImageAxes(np.array([10.0, 20.0, 30.0]), np.array([[0, 0, 3.0], [0, 0.8, 0], [0.5, 0, 0]]))


def gap(*voxels: list[tuple[int, int, int]]) -> float:
    first, second = (Surface(np.array(body), AXES) for body in voxels)
    return gap_between(first, second).distance_mm


def surfaces(image: sitk.Image) -> list[Surface]:
    values = sitk.GetArrayViewFromImage(image)
    whole = tuple(slice(0, length) for length in values.shape)
    return [
        Surface.of(values == value, whole, ImageAxes.of(image)) for value in range(1, int(values.max()) + 1)
    ]


@pytest.mark.parametrize("between", [0, 1, 5])
def test_so_many_voxels_in_a_row_lie_between(between: int) -> None:
    for axis, step in enumerate((3.0, 0.8, 0.5)):
        other = [4, 4, 4]
        other[axis] += between + 1
        assert gap([(4, 4, 4)], [tuple(other)]) == pytest.approx(between * step)


def test_voxels_that_share_an_edge_or_a_corner_alone_do_not_touch() -> None:
    """From diamond to diamond along the line: all of it but 1 / 2 and 1 / 3."""
    assert gap([(0, 0, 0)], [(0, 1, 1)]) == pytest.approx(np.hypot(0.8, 0.5) / 2)
    assert gap([(0, 0, 0)], [(1, 1, 1)]) == pytest.approx(np.sqrt(9 + 0.64 + 0.25) * 2 / 3)


def test_a_shared_face_is_contact_though_other_centres_lie_nearer() -> None:
    """Faces across thick slices touch, while in the slice the nearest voxels lie 1 mm apart."""
    first, second = [(0, 0, 0), (1, 5, 5)], [(1, 0, 0), (1, 5, 7)]
    assert gap(first, second) == gap(second, first) == 0.0
    found = gap_between(Surface(np.array(first), AXES), Surface(np.array(second), AXES))
    assert found.line_lps_mm == (pytest.approx((10.0, 20.0, 31.5)), pytest.approx((10.0, 20.0, 31.5)))


def test_of_equally_near_pairs_the_smallest_gap_counts() -> None:
    """On voxels of 1 mm, (3, 0, 0) and (2, 2, 1) are both 3 mm away: 2 mm and 2.4 mm of it lie between."""
    axes = ImageAxes(np.zeros(3), np.eye(3))
    body = Surface(np.array([(0, 0, 0)]), axes)
    for others in ([(2, 2, 1), (0, 0, 3)], [(0, 0, 3), (2, 2, 1)]):
        assert gap_between(body, Surface(np.array(others), axes)).distance_mm == pytest.approx(2.0)


def test_the_line_runs_from_the_first_surface_to_the_second() -> None:
    first, second = Surface(np.array([(0, 0, 0), (0, 1, 0)]), AXES), Surface(np.array([(0, 0, 4)]), AXES)
    start, end = (10.25, 20.0, 30.0), (11.75, 20.0, 30.0)
    assert gap_between(first, second).line_lps_mm == (pytest.approx(start), pytest.approx(end))
    assert gap_between(second, first).line_lps_mm == (pytest.approx(end), pytest.approx(start))


def step_mm(name: str, line: tuple) -> float:
    """Return how long one step along the grid's axes is on a line."""
    direction, spacing = GRIDS[name]
    way = np.subtract(line[1], line[0])
    return float(np.linalg.norm(way) / np.abs(direction.T @ way / spacing).sum())


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("way", [(0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (0.6, 0.0, 0.8), (0.48, -0.6, 0.64)])
def test_two_balls(name: str, way: tuple[float, float, float]) -> None:
    """Radii 9 and 6 mm, 8 mm apart: less than 1.3 steps along the line wrong, and the line runs along `way`."""
    image = grid(name, 52.0)
    first, second = -10.0 * np.array(way), 13.0 * np.array(way)
    found = gap_between(*surfaces(painted(image, (1, ball(first, 9.0)), (2, ball(second, 6.0)))))
    assert found.distance_mm == pytest.approx(8.0, abs=1.3 * step_mm(name, found.line_lps_mm))
    start, end = (np.array(point) for point in found.line_lps_mm)
    assert np.linalg.norm(end - start) == pytest.approx(found.distance_mm)
    assert start - CENTRE_MM == pytest.approx(-np.array(way), abs=4.0)
    assert (end - start) @ way > 5.9


@pytest.mark.parametrize("name", GRIDS)
def test_a_ball_in_a_ball_lies_the_difference_of_the_radii_away(name: str) -> None:
    """Never farther, since the nearest centres are as near as the surfaces; at most one step too near."""
    inner, outer = ball((0, 0, 0), 11.0), ball((0, 0, 0), 26.0)
    found = gap_between(*surfaces(painted(grid(name, 60.0), (1, inner), (2, lambda p: ~outer(p)))))
    assert 15.0 - step_mm(name, found.line_lps_mm) < found.distance_mm < 15.0


def test_many_voxels_are_searched_as_thoroughly_as_few() -> None:
    """Against all pairs, each way round."""
    rng = np.random.default_rng(5)
    for _ in range(20):
        first = rng.integers(0, 12, (150, 3))
        second = rng.integers(0, 12, (400, 3)) + [0, 0, int(rng.integers(8, 40))]
        steps = second[None] - first[:, None]
        length = np.linalg.norm(steps @ AXES.steps_mm, axis=2)
        along = np.abs(steps).sum(axis=2)
        if (along <= 1).any():
            continue
        expected = (length - length / along)[length <= length.min() + 1e-9].min()
        assert gap(first, second) == pytest.approx(expected)
        assert gap(second, first) == pytest.approx(expected)


def test_surface_voxels_are_those_with_a_face_outside() -> None:
    mask = np.ones((3, 4, 5), bool)
    assert len(surface_voxels(mask)) == 60 - 1 * 2 * 3
    assert len(surface_voxels(mask, beyond=True)) == 0
    mask[1, 1, 1] = False
    assert len(surface_voxels(mask, beyond=True)) == 6


def test_distance_map_against_every_pair() -> None:
    rng = np.random.default_rng(2)
    body = rng.uniform(size=(5, 7, 9)) > 0.97
    steps = np.array((3.0, 0.8, 0.5))
    everywhere = np.argwhere(np.ones_like(body)) * steps
    to_body = np.linalg.norm(everywhere[:, None] - np.argwhere(body)[None] * steps, axis=2).min(axis=1)
    np.testing.assert_allclose(distance_map_mm(body, steps).ravel(), to_body, atol=1e-5)
    assert np.isinf(distance_map_mm(np.zeros_like(body), steps)).all()


def test_distances_between_shifted_planes() -> None:
    """Single slices four apart: every voxel is as far as the slices, whichever body it is of."""
    first, second = np.zeros((9, 5, 6), bool), np.zeros((9, 5, 6), bool)
    first[1], second[5] = True, True
    forth, back = surface_distances_mm(first, second, (2.5, 1.0, 1.0))
    assert forth.tolist() == back.tolist() == [10.0] * 30
    assert [part.size for part in surface_distances_mm(first, second & False, (2.5, 1.0, 1.0))] == [0, 0]
