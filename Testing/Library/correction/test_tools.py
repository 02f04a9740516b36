"""Each tool on balls and blocks whose result geometry tells."""

from __future__ import annotations

import numpy as np
import pytest

from LiverTumorAttentionLib.correction import (
    CorrectionCase,
    CorrectionSession,
    Fill,
    Grow,
    Merge,
    Reject,
    Remove,
    Revise,
    Shrink,
    Smooth,
    Split,
    Threshold,
)
from LiverTumorAttentionLib.errors import InputError
from Testing.Library.correction.made_case import LIVER_BOX, SHAPE, Ball, ball, image, made_case

ONE = (Ball(center=(20, 28, 30), radius_mm=8.0, number=1),)


def session_of(labels: np.ndarray) -> CorrectionSession:
    """A session on labels alone; the phases are flat."""
    flat = np.full(SHAPE, 60, np.int16)
    return CorrectionSession(CorrectionCase(portal=image(flat), instances=image(labels.astype(np.uint16))))


def block(*parts: slice) -> np.ndarray:
    """Labels of a liver with one block of tumour."""
    labels = np.zeros(SHAPE, np.uint16)
    labels[LIVER_BOX] = 1
    labels[parts] = 2
    return labels


@pytest.mark.parametrize("distance_mm", [1.0, 1.25, 2.0, 2.6, 4.1])
def test_growing_adds_what_lies_so_many_mm_away(distance_mm: float) -> None:
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
def test_a_distance_must_be_one(tool: type, distance_mm: float) -> None:
    session = CorrectionSession(made_case(ONE))
    with pytest.raises(InputError, match=r"more than 0 and at most 50 mm, got"):
        session.do(tool(lesion=1, distance_mm=distance_mm))


def test_removing_gives_the_liver_back_and_the_number_is_not_given_again() -> None:
    case = made_case((*ONE, Ball(center=(12, 20, 20), radius_mm=9.0)))
    session = CorrectionSession(case)
    session.do(Remove(point=case.point_at((20, 28, 30))))
    assert session.lesions == {}
    assert set(np.unique(session.labels)) == {0, 1}
    assert session.next_number == 2


def test_what_is_meant_must_be_there() -> None:
    case = made_case(ONE)
    session = CorrectionSession(case)
    with pytest.raises(InputError, match=r"there is no lesion 7: the lesions are 1"):
        session.do(Remove(lesion=7))
    with pytest.raises(InputError, match=r"no lesion within 3 mm of the point .* click on a lesion"):
        session.do(Remove(point=case.point_at((10, 10, 10))))
    with pytest.raises(InputError, match=r"by its number or by a point in it, not both"):
        session.do(Remove())
    with pytest.raises(InputError, match=r"lies outside of the portal volume"):
        session.do(Remove(point=(5000.0, 0.0, 0.0)))
    assert session.entries == ()


def test_a_point_near_a_lesion_means_it() -> None:
    """The ball's edge lies 8 mm from its centre; 2.5 mm beyond it are two voxels in plane."""
    case = made_case(ONE)
    session = CorrectionSession(case)
    assert session.do(Remove(point=case.point_at((20, 28, 30 + 8)))).lesions == (1,)


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


@pytest.mark.parametrize("probability", [0.8, 0.6, 0.4, 0.3])
def test_a_threshold_gives_the_ball_that_reaches_it(probability: float) -> None:
    """The probability falls from 1 at the centre to 0 at 16 mm."""
    session = CorrectionSession(made_case(ONE))
    session.do(Threshold(lesion=1, probability=probability))
    np.testing.assert_array_equal(
        session.labels == 2, ball((20, 28, 30), (1 - probability) * 16.0) & (session.case.start > 0)
    )


def test_a_threshold_can_go_down_and_up_again() -> None:
    session = CorrectionSession(made_case(ONE))
    session.do(Threshold(lesion=1, probability=0.45))
    first = session.labels.copy()
    session.do(Threshold(lesion=1, probability=0.9))
    session.do(Threshold(lesion=1, probability=0.45))
    np.testing.assert_array_equal(session.labels, first)


def test_a_threshold_needs_a_probability_and_something_that_reaches_it() -> None:
    with pytest.raises(InputError, match=r"the result kept no probability"):
        CorrectionSession(made_case(ONE, probability=False)).do(Threshold(lesion=1, probability=0.5))
    case = made_case(ONE)
    session = CorrectionSession(case)
    session.do(Remove(lesion=1))
    with pytest.raises(InputError, match=r"a threshold lies between 0 and 1, got 1\.5"):
        CorrectionSession(case).do(Threshold(lesion=1, probability=1.5))
    low = CorrectionSession(made_case((Ball(center=(20, 28, 30), radius_mm=8.0, number=1),)))
    low.do(Shrink(lesion=1, distance_mm=3.0))
    low.do(Threshold(lesion=1, probability=0.95))
    assert (low.labels == 2).any()
    shifted = CorrectionSession(_without_centre())
    with pytest.raises(
        InputError, match=r"no voxel of lesion 1 reaches 0\.999.*highest probability is 1\.00"
    ):
        shifted.do(Threshold(lesion=1, probability=0.999))


def _without_centre() -> CorrectionCase:
    """The lesion's most probable voxel has 0.998."""
    case = made_case(ONE)
    chances = np.minimum(case.tumor_probability, np.float32(0.998))
    return CorrectionCase(
        portal=case.portal, instances=case.instances, probability=image(chances), model=None
    )


def test_a_rejected_lesion_comes_back_when_it_is_revised() -> None:
    session = CorrectionSession(made_case(ONE))
    before = session.labels.copy()
    session.do(Reject(lesion=1))
    assert not (session.labels == 2).any()
    assert session.lesions[1].status == "rejected"
    with pytest.raises(InputError, match=r"lesion 1 is rejected: make it a draft again"):
        session.do(Grow(lesion=1, distance_mm=2.0))
    session.do(Revise(lesion=1))
    np.testing.assert_array_equal(session.labels, before)
    assert session.lesions[1].status == "draft"


def test_a_lesion_of_one_voxel_survives_every_tool() -> None:
    labels = block(slice(20, 21), slice(28, 29), slice(30, 31))
    session = session_of(labels)
    for action in (Smooth(lesion=1, distance_mm=3.0), Fill(lesion=1, distance_mm=3.0), Reject(lesion=1)):
        session.do(action)
    session.do(Revise(lesion=1))
    np.testing.assert_array_equal(session.labels, labels)
