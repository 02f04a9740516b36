"""Necks of balls that touch: the ratio follows from where their centers lie."""

from __future__ import annotations

import math

import numpy as np
import pytest

from LiverTumorAttentionLib.analysis.neck import (
    LEVELS,
    MAYBE_TWO,
    is_neck_warning,
    may_be_two,
    neck_ratio,
    neck_warnings,
)

SPACINGS = ((1.0, 1.0, 1.0), (2.5, 0.8, 0.8), (5.0, 0.75, 0.75))
RADIUS_MM = 15.0


def bodies(spacing: tuple[float, ...], *inside: object) -> np.ndarray:
    """Return the voxels whose centers lie in any of the bodies, which are functions of (z, y, x) in mm."""
    axes = [np.arange(-44.0, 44.0, step) for step in spacing]
    places = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    return np.any([body(places) for body in inside], axis=0)


def ball(x: float, radius: float = RADIUS_MM) -> object:
    return lambda p: np.linalg.norm(p - (0.0, 0.0, x), axis=-1) <= radius


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("apart", [1.6, 1.8])
def test_two_balls_have_the_neck_of_their_circle(spacing: tuple[float, ...], apart: float) -> None:
    """The circle in which two balls meet has the radius r sqrt(1 - (d / 2r)^2)."""
    half = apart * RADIUS_MM / 2
    ratio = neck_ratio(bodies(spacing, ball(-half), ball(half)), spacing)
    # one level of the depth, and a voxel at the circle
    assert ratio == pytest.approx(math.sqrt(1 - (apart / 2) ** 2), abs=1 / LEVELS + min(spacing) / RADIUS_MM)
    assert may_be_two(ratio)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_one_body_has_no_neck(spacing: tuple[float, ...]) -> None:
    def ellipsoid(p: np.ndarray) -> np.ndarray:
        return np.linalg.norm(p / (12.0, 18.0, 40.0), axis=-1) <= 1.0

    def bar(p: np.ndarray) -> np.ndarray:
        return (np.abs(p) <= (10.0, 12.0, 35.0)).all(axis=-1)

    for body in (ball(0.0), ball(0.0, 4.0), ellipsoid, bar):
        assert not may_be_two(neck_ratio(bodies(spacing, body), spacing))


def test_balls_whose_centers_lie_in_each_other_are_one_tumor() -> None:
    ratio = neck_ratio(bodies((1.0, 1.0, 1.0), ball(-7.0), ball(7.0)), (1.0, 1.0, 1.0))
    assert ratio is None or ratio > MAYBE_TWO


def test_a_spur_is_no_second_body_and_a_piece_apart_is_one() -> None:
    spacing = (1.0, 1.0, 1.0)
    assert neck_ratio(bodies(spacing, ball(0.0, 20.0), ball(22.0, 4.0)), spacing) is None
    assert neck_ratio(bodies(spacing, ball(-20.0), ball(20.0, 10.0)), spacing) == 0.0


def test_a_large_tumor_is_looked_at_in_coarser_steps() -> None:
    """Of 60 and 40 mm across, 42 mm between the centers: the neck's circle has a radius of 16.2 mm."""
    spacing = (1.0, 0.4, 0.4)
    mask = bodies(spacing, ball(-21.0, 30.0), ball(21.0, 20.0))
    from_first = (42.0**2 + 30.0**2 - 20.0**2) / (2 * 42.0)
    expected = math.sqrt(30.0**2 - from_first**2) / 20.0
    assert neck_ratio(mask, spacing) == pytest.approx(expected, abs=1 / LEVELS * 1.5 + 0.1)


def test_who_is_marked_is_told_once() -> None:
    (warning,) = neck_warnings({1: None, 2: 0.52, 3: 0.9})
    assert warning == (
        "Tumor 2 may be two tumors that touch (neck ratio 0.52, below 0.7): look at it, and split it before its "
        "diameter is believed"
    )
    assert is_neck_warning(warning)
    assert not is_neck_warning("the liver reaches the edge of the portal volume")
