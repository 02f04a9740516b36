"""Grow, shrink, smooth and fill on balls and blocks whose result geometry gives."""

from __future__ import annotations

import numpy as np
import pytest

from LiverTumorAttentionLib.correction import (
    CorrectionSession,
    Fill,
    Grow,
    Reject,
    Remove,
    Revise,
    Shrink,
    Smooth,
)
from LiverTumorAttentionLib.errors import InputError
from Testing.Library.correction.made_case import (
    Ball,
    ball,
    block,
    made_case,
    session_of,
)

ONE = (Ball(center=(20, 28, 30), radius_mm=8.0, number=1),)


@pytest.mark.parametrize("distance_mm", [1.0, 1.25, 2.0, 2.6, 4.1])
def test_growing_adds_voxels_within_the_distance(distance_mm: float) -> None:
    """From one voxel: a ball of this radius, in voxels of 2 x 1.25 x 1.25 mm."""
    session = session_of(block(slice(20, 21), slice(28, 29), slice(30, 31)))
    session.do(Grow(lesion=1, distance_mm=distance_mm))
    expected = ball((20, 28, 30), distance_mm)
    np.testing.assert_array_equal(session.labels == 2, expected)


def test_growing_stops_at_the_liver_and_at_other_lesions() -> None:
    labels = block(slice(20, 24), slice(8, 12), slice(10, 20))
    labels[20:24, 14:20, 10:20] = 3
    session = session_of(labels)
    session.do(Grow(lesion=1, distance_mm=10.0))
    np.testing.assert_array_equal(session.labels == 3, labels == 3)
    np.testing.assert_array_equal(session.labels > 0, labels > 0)
    assert (session.labels[20:24, 6:14, 10:20] == 2).all()


def test_shrinking_takes_off_whole_layers_on_anisotropic_voxels() -> None:
    """1.25 mm: one voxel in plane and none along z, where the next voxel is 2 mm away; 2 mm: one all around."""
    session = session_of(block(slice(10, 20), slice(10, 30), slice(10, 30)))
    session.do(Shrink(lesion=1, distance_mm=1.25))
    np.testing.assert_array_equal(
        session.labels == 2, block(slice(10, 20), slice(11, 29), slice(11, 29)) == 2
    )
    session.undo()
    session.do(Shrink(lesion=1, distance_mm=2.0))
    np.testing.assert_array_equal(
        session.labels == 2, block(slice(11, 19), slice(11, 29), slice(11, 29)) == 2
    )


def test_what_shrinks_away_is_liver_again_or_background() -> None:
    """A lesion that reaches out of the liver counts as liver where it lay at the start."""
    labels = block(slice(10, 20), slice(10, 30), slice(52, 62))
    session = session_of(labels)
    session.do(Shrink(lesion=1, distance_mm=2.0))
    assert (session.labels[labels == 2] >= 1).all()
    session.do(Remove(lesion=1))
    np.testing.assert_array_equal(session.labels, labels > 0)


def test_shrinking_to_nothing_is_refused_and_changes_nothing() -> None:
    session = session_of(block(slice(20, 21), slice(28, 29), slice(30, 31)))
    before = session.labels.copy()
    with pytest.raises(InputError, match=r"nothing would be left of lesion 1 if it shrank by 2 mm"):
        session.do(Shrink(lesion=1, distance_mm=2.0))
    np.testing.assert_array_equal(session.labels, before)
    assert not session.can_undo


def test_smoothing_takes_a_spike_off_and_keeps_the_volume() -> None:
    labels = block(slice(12, 22), slice(15, 35), slice(15, 35))
    labels[16, 25, 35:43] = 2
    session = session_of(labels)
    session.do(Smooth(lesion=1, distance_mm=2.5))
    assert not (session.labels[16, 25, 38:43] == 2).any()
    assert np.count_nonzero(session.labels == 2) == np.count_nonzero(labels == 2)
    assert (session.labels[14:20, 18:32, 18:32] == 2).all()


def test_filling_closes_gaps_as_wide_as_asked_and_all_cavities() -> None:
    """A slit of two voxels (2.5 mm) is closed by a ball of 2 mm, one of six voxels (7.5 mm) is not."""
    labels = block(slice(12, 22), slice(12, 40), slice(12, 40))
    labels[12:22, 12:40, 20:22] = 1
    labels[12:22, 12:40, 28:34] = 1
    labels[16:18, 24:27, 15:18] = 1  # a cavity
    session = session_of(labels)
    session.do(Fill(lesion=1, distance_mm=2.0))
    assert (session.labels[14:20, 16:36, 20:22] == 2).all()
    assert (session.labels[14:20, 16:36, 30:32] == 1).all()
    assert (session.labels[16:18, 24:27, 15:18] == 2).all()


@pytest.mark.parametrize("tool", [Grow, Shrink, Smooth, Fill])
@pytest.mark.parametrize("distance_mm", [0.0, -1.0, 51.0, float("nan")])
def test_a_distance_must_lie_above_0_and_at_most_50_mm(tool: type, distance_mm: float) -> None:
    session = CorrectionSession(made_case(ONE))
    with pytest.raises(InputError, match=r"more than 0 and at most 50 mm, got"):
        session.do(tool(lesion=1, distance_mm=distance_mm))


def test_a_lesion_of_one_voxel_survives_every_tool() -> None:
    labels = block(slice(20, 21), slice(28, 29), slice(30, 31))
    session = session_of(labels)
    for action in (Smooth(lesion=1, distance_mm=3.0), Fill(lesion=1, distance_mm=3.0), Reject(lesion=1)):
        session.do(action)
    session.do(Revise(lesion=1))
    np.testing.assert_array_equal(session.labels, labels)
