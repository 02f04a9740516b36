"""Diameters in a slice against geometry."""

from __future__ import annotations

import numpy as np
import pytest

from LiverTumorAttentionLib.analysis.axial_diameter import (
    Chord,
    hull_outline,
    longest_chord,
    perpendicular_chord,
)

STEPS = np.array([[0.8, 0.0], [0.0, 0.5]])  # 0.8 mm from row to row, 0.5 mm from column to column


def measured(mask: np.ndarray, steps: np.ndarray = STEPS) -> tuple[float, float]:
    outline = hull_outline(mask, steps)
    chord = longest_chord(outline)
    return chord.length_mm, perpendicular_chord(outline, chord).length_mm


def test_a_single_pixel_is_as_long_and_wide_as_its_sides() -> None:
    assert measured(np.ones((1, 1), bool)) == pytest.approx((0.8, 0.5))


@pytest.mark.parametrize(("shape", "length", "width"), [((1, 12), 6.0, 0.8), ((12, 1), 9.6, 0.5)])
def test_a_row_of_pixels_is_as_long_as_all_of_them(
    shape: tuple[int, int], length: float, width: float
) -> None:
    assert measured(np.ones(shape, bool)) == pytest.approx((length, width))


def test_a_diagonal_line_of_pixels() -> None:
    """Ten pixels of 1 mm on a diagonal: between the outer side midpoints 9.5 * sqrt 2 … 9 * sqrt 2 + 1."""
    length, width = measured(np.eye(10, dtype=bool), np.eye(2))
    assert 9 * np.sqrt(2) < length < 9 * np.sqrt(2) + 1
    assert 0.5 < width < 1.5


@pytest.mark.parametrize("diameter_mm", [6.0, 12.0, 30.0, 80.0])
def test_discs_come_out_less_than_a_pixel_too_long(diameter_mm: float) -> None:
    rng = np.random.default_rng(7)
    for _ in range(20):
        centre = rng.uniform(0, 1, 2)
        rows, columns = (np.arange(-1, int(diameter_mm / step) + 3) * step for step in (0.8, 0.5))
        r = rows[:, None] - diameter_mm / 2 - centre[0]
        c = columns[None, :] - diameter_mm / 2 - centre[1]
        length, width = measured(r**2 + c**2 <= (diameter_mm / 2) ** 2)
        assert -0.1 < length - diameter_mm < 0.8
        assert abs(width - diameter_mm) < 0.8


@pytest.mark.parametrize("angle_degrees", [0, 25, 45, 70, 90])
def test_ellipse_at_any_angle(angle_degrees: float) -> None:
    """Axes of 40 and 16 mm, on pixels of 0.8 by 0.5 mm."""
    angle = np.deg2rad(angle_degrees)
    r, c = np.meshgrid(np.arange(-30, 30, 0.8), np.arange(-30, 30, 0.5), indexing="ij")
    along, across = r * np.cos(angle) + c * np.sin(angle), c * np.cos(angle) - r * np.sin(angle)
    length, width = measured((along / 20) ** 2 + (across / 8) ** 2 <= 1)
    assert length == pytest.approx(40.0, abs=0.8)
    assert width == pytest.approx(16.0, abs=0.8)


def test_pixels_whose_axes_are_not_at_right_angles() -> None:
    """Rows shifted by half a row height: a column of 11 pixels runs obliquely, 11 * sqrt 1.25 mm long."""
    assert measured(np.ones((11, 1), bool), np.array([[1.0, 0.5], [0.0, 1.0]]))[0] == pytest.approx(
        11 * np.sqrt(1.25)
    )


def test_the_longest_section_of_a_triangle_goes_through_its_corner() -> None:
    """Base 10, height 3 above x = 4: the longest chord is the base, across it the height, from (4, 0) to (4, 3)."""
    triangle = np.array([[0.0, 0.0], [10.0, 0.0], [4.0, 3.0]])
    base = longest_chord(triangle)
    height = perpendicular_chord(triangle, base)
    assert base.length_mm == pytest.approx(10.0)
    assert height.length_mm == pytest.approx(3.0)
    np.testing.assert_allclose(
        sorted([height.start.tolist(), height.end.tolist()]), [[4, 0], [4, 3]], atol=1e-9
    )


def test_the_chord_across_is_a_section_and_not_the_whole_width() -> None:
    """A parallelogram leaning along its long diagonal: its extent across is 4, its longest section is shorter.

    Corners (0, 0), (6, 2), (10, 0), (4, -2): across the diagonal of 10, the section at x = 4 runs from -2 up to
    the upper side at 4/3: 10/3 mm.
    """
    leaning = np.array([[0.0, 0.0], [4.0, -2.0], [10.0, 0.0], [6.0, 2.0]])
    diagonal = Chord(start=leaning[0], end=leaning[2])
    assert longest_chord(leaning).length_mm == pytest.approx(10.0)
    assert perpendicular_chord(leaning, diagonal).length_mm == pytest.approx(10 / 3)


def test_sides_across_the_chord_count_in_full() -> None:
    square = np.array([[0.0, 0.0], [5.0, 0.0], [5.0, 3.0], [0.0, 3.0]])
    along = Chord(start=np.array([0.0, 0.0]), end=np.array([5.0, 0.0]))
    assert perpendicular_chord(square, along).length_mm == pytest.approx(3.0)
