"""Merge and split: numbers, voxels and seeds."""

from __future__ import annotations

import numpy as np
import pytest

from LiverTumorAttentionLib.correction import (
    CorrectionSession,
    Exclude,
    Include,
    Merge,
    Split,
)
from LiverTumorAttentionLib.errors import InputError
from Testing.Library.correction.made_case import (
    LIVER_BOX,
    SHAPE,
    Ball,
    ball,
    block,
    made_case,
    session_of,
)

ONE = (Ball(center=(20, 28, 30), radius_mm=8.0, number=1),)
LEFT = Ball(center=(20, 28, 22), radius_mm=8.0, number=1)
RIGHT = Ball(center=(20, 28, 42), radius_mm=7.0, number=2)


def test_merged_lesions_have_the_lowest_number() -> None:
    """Three boxes that overlap, so that painting one must not bring another back."""
    labels = block(slice(10, 20), slice(10, 20), slice(10, 20))
    labels[14:24, 18:28, 14:24] = 3
    labels[16:26, 14:24, 20:30] = 4
    session = session_of(labels)
    outcome = session.do(Merge(lesions=(3, 1, 2)))
    assert outcome.subject == 1
    np.testing.assert_array_equal(session.labels == 2, labels > 1)
    assert set(session.lesions) == {1}
    with pytest.raises(InputError, match=r"two lesions or more are needed to merge, got 1"):
        session.do(Merge(lesions=(1, 1)))


def test_splitting_cuts_touching_balls_at_their_neck() -> None:
    """Two balls of 8 mm, 15 mm apart along x: the cut lies in the middle, where they touch."""
    both = ball((20, 28, 24), 8.0) | ball((20, 28, 36), 8.0)
    labels = np.zeros(SHAPE, np.uint16)
    labels[LIVER_BOX] = 1
    labels[both] = 2
    session = session_of(labels)
    points = tuple(session.case.point_at((20, 28, x)) for x in (22, 39))
    session.do(Split(points=points))
    assert set(session.lesions) == {1, 2}
    np.testing.assert_array_equal(session.labels > 1, both)
    left, right = session.labels == 2, session.labels == 3
    assert left[:, :, :29].sum() == both[:, :, :29].sum()
    assert right[:, :, 32:].sum() == both[:, :, 32:].sum()


def test_splitting_asks_for_points_in_one_lesion() -> None:
    case = made_case((*ONE, Ball(center=(12, 20, 20), radius_mm=5.0, number=2)))
    session = CorrectionSession(case)
    a, b = case.point_at((20, 28, 30)), case.point_at((12, 20, 20))
    with pytest.raises(InputError, match=r"two points or more are needed to split a lesion.* got 1"):
        session.do(Split(points=(a,)))
    with pytest.raises(InputError, match=r"the points lie in lesions 1 and 2"):
        session.do(Split(points=(a, b)))
    with pytest.raises(InputError, match=r"two points lie in the same voxel"):
        session.do(Split(points=(a, a)))


def test_merged_lesions_have_the_seeds_of_all() -> None:
    case = made_case((LEFT, RIGHT))
    session = CorrectionSession(case)
    places = {
        "in one": (20, 28, 24),
        "off one": (20, 28, 15),
        "in two": (20, 28, 40),
        "off two": (20, 28, 48),
    }
    for number, name in ((1, "one"), (2, "two")):
        session.do(Include(stroke=(case.point_at(places[f"in {name}"]),), lesion=number))
        session.do(Exclude(stroke=(case.point_at(places[f"off {name}"]),), lesion=number))
    session.do(Merge(lesions=(1, 2)))
    merged = session.lesions[1]
    assert {seed.voxel for seed in merged.include} == {places["in one"], places["in two"]}
    assert {seed.voxel for seed in merged.exclude} == {places["off one"], places["off two"]}
