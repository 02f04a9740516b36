"""Outlines, whose lines and areas are known."""

from __future__ import annotations

import numpy as np
import pytest

from LiverTumorAttentionLib.pictures.contours import contours, level_lines


def area(line: np.ndarray) -> float:
    """The area inside a closed line, its sign telling which way round it runs."""
    row, column = line.T
    return float(np.sum(row * np.roll(column, -1) - column * np.roll(row, -1)) / 2)


def test_a_pixel_is_the_diamond_of_its_sides_midpoints() -> None:
    mask = np.zeros((3, 4), bool)
    mask[1, 2] = True
    (line,) = contours(mask)
    assert {tuple(point) for point in line} == {(0.5, 2), (1, 2.5), (1.5, 2), (1, 1.5)}


def test_straight_stretches_have_no_points_between() -> None:
    (line,) = contours(np.ones((5, 30), bool))
    assert len(line) == 8
    assert abs(area(line)) == pytest.approx(5 * 30 - 4 * 0.125)


def test_a_hole_runs_the_other_way() -> None:
    mask = np.ones((5, 5), bool)
    mask[2, 2] = False
    outer, inner = sorted((area(line) for line in contours(mask)), key=abs, reverse=True)
    assert abs(outer) == pytest.approx(25 - 0.5)
    assert abs(inner) == pytest.approx(0.5)
    assert outer * inner < 0


def test_pixels_that_touch_at_a_corner_are_two_outlines() -> None:
    assert len(contours(np.eye(2, dtype=bool))) == 2
    assert len(contours(np.eye(2, dtype=bool)[::-1])) == 2


def test_nothing_has_no_outline() -> None:
    assert contours(np.zeros((4, 4), bool)) == []


def test_every_crossing_is_on_a_line_once() -> None:
    """On random pixels: the lines go through the midpoint of every two neighbors that differ, and close."""
    mask = np.random.default_rng(3).random((40, 50)) > 0.5
    padded = np.pad(mask, 1)
    rows = np.argwhere(padded[1:] != padded[:-1]) + np.array([0.5, 0]) - 1
    columns = np.argwhere(padded[:, 1:] != padded[:, :-1]) + np.array([0, 0.5]) - 1
    expected = {tuple(point) for point in np.concatenate([rows, columns])}
    steps = []
    for line in contours(mask):
        way = np.roll(line, -1, axis=0) - line
        for start, step in zip(line, way, strict=True):
            count = round(float(np.abs(step).max() / (0.5 if step.all() else 1.0)))
            steps += [tuple(start + step * part / count) for part in range(count)]
    assert len(steps) == len(expected)
    assert set(steps) == expected


def test_lines_of_a_level_are_interpolated() -> None:
    rows, columns = np.indices((12, 15), float)
    (line,) = level_lines(columns - 0.5 * rows - 3.25)
    assert line[:, 1] == pytest.approx(0.5 * line[:, 0] + 3.25)
    assert sorted(line[[0, -1], 0]) == [0.0, 11.0], "from edge to edge"
    (circle,) = level_lines((rows - 6.1) ** 2 + (columns - 7.2) ** 2 - 16.0)
    assert circle[0] == pytest.approx(circle[-1]), "a closed one ends where it begins"
    assert np.hypot(circle[:, 0] - 6.1, circle[:, 1] - 7.2) == pytest.approx(4.0, abs=0.1)
    assert len(level_lines((columns - 4.2) * (columns - 9.7))) == 2
    assert level_lines(np.ones((4, 4))) == []
