"""Include and Exclude: seeds hold, change their neighborhood and similar voxels, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from LiverTumorAttentionLib.correction import CorrectionCase, CorrectionSession, Exclude, Include, Shrink
from LiverTumorAttentionLib.correction.tools.strokes import MOST_SEEDS
from LiverTumorAttentionLib.errors import InputError
from Testing.Library.correction.made_case import (
    SHAPE,
    Ball,
    ball,
    dice,
    distance_mm,
    image,
    made_case,
    oblique,
)

CENTER = (20, 28, 30)
BALL = Ball(center=CENTER, radius_mm=11.0)


def case_with(mask: np.ndarray, *balls: Ball, **options: object) -> CorrectionCase:
    """A case whose lesion 1 is segmented as `mask`."""
    case = made_case(balls or (BALL,), **options)
    labels = np.minimum(case.start, 1).astype(np.uint16)
    labels[mask] = 2
    grid = {"direction": options.get("direction"), "spacing": case.spacing_mm}
    return CorrectionCase(
        portal=case.portal,
        arterial=case.arterial,
        probability=case.probability,
        instances=image(labels, **grid),
    )


def test_including_the_middle_of_a_missing_half_brings_it() -> None:
    truth = ball(CENTER, 11.0)
    half = truth & (np.arange(SHAPE[2]) < 30)
    case = case_with(half)
    session = CorrectionSession(case)
    session.do(Include(stroke=(case.point_at((20, 28, 34)),), lesion=1))
    assert dice(session.labels == 2, truth) > 0.9


def test_excluding_the_middle_of_a_leak_takes_it_away() -> None:
    """The lesion runs into plain liver to one side."""
    truth = ball(CENTER, 11.0)
    leak = ball((20, 28, 43), 7.0) & ~truth
    case = case_with(truth | leak)
    session = CorrectionSession(case)
    session.do(Exclude(stroke=(case.point_at((20, 28, 44)),)))
    assert dice(session.labels == 2, truth) > 0.93
    assert (session.labels == 2)[leak].mean() < 0.15


def test_excluding_a_second_lesion_that_was_taken_along() -> None:
    """Both look alike, and touch."""
    one, two = ball((20, 28, 22), 8.0), ball((20, 28, 34), 8.0)
    balls = (Ball(center=(20, 28, 22), radius_mm=8.0), Ball(center=(20, 28, 34), radius_mm=8.0))
    case = case_with(one | two, *balls, probability=False)
    session = CorrectionSession(case)
    session.do(Exclude(stroke=(case.point_at((20, 28, 35)),)))
    assert dice(session.labels == 2, one) > 0.85


@pytest.mark.parametrize("include", [True, False])
def test_a_seed_holds_to_the_voxel(include: bool) -> None:
    """Against all evidence: plain liver included, the middle of the lesion excluded."""
    case = case_with(ball(CENTER, 11.0))
    session = CorrectionSession(case)
    voxels = [(20, 28, 40), (21, 20, 30)] if include else [(20, 28, 30), (20, 24, 31)]
    for voxel in voxels:
        kind = Include if include else Exclude
        session.do(kind(stroke=(case.point_at(voxel),), lesion=1))
    for voxel in voxels:
        assert bool(session.labels[voxel] == 2) == include


def test_a_new_seed_replaces_an_earlier_one() -> None:
    case = case_with(ball(CENTER, 11.0))
    session = CorrectionSession(case)
    point = case.point_at((20, 28, 33))
    session.do(Exclude(stroke=(point,), lesion=1))
    assert session.labels[20, 28, 33] == 1
    session.do(Include(stroke=(point,), lesion=1))
    assert session.labels[20, 28, 33] == 2
    assert [seed.voxel for seed in session.lesions[1].include] == [(20, 28, 33)]
    assert session.lesions[1].exclude == ()


def test_a_stroke_counts_along_its_length() -> None:
    """From one end of a long lesion to the other: all of the stroke belongs to it afterwards."""
    case = case_with(ball((20, 28, 20), 4.0))
    session = CorrectionSession(case)
    session.do(Include(stroke=tuple(case.point_at((20, 28, x)) for x in (20, 38)), lesion=1))
    assert (session.labels[20, 28, 20:39] == 2).all()


def test_outside_of_the_box_nothing_changes() -> None:
    """A bar of 60 mm that no image shows, drawn by hand: 45 mm from the click it stays as it was."""
    bar = np.zeros(SHAPE, bool)
    bar[18:22, 26:31, 8:56] = True
    case = case_with(bar, Ball(center=(8, 12, 12), radius_mm=3.0))
    session = CorrectionSession(case)
    outcome = session.do(Exclude(stroke=(case.point_at((20, 28, 8)),), lesion=1))
    assert outcome.boxes
    far = distance_mm((20, 28, 8)) > 45.0
    assert far[bar].sum() > 100
    np.testing.assert_array_equal((session.labels == 2)[far], bar[far])


def test_nothing_of_other_lesions_is_taken() -> None:
    case = made_case(
        (Ball(center=CENTER, radius_mm=9.0, number=1), Ball(center=(20, 28, 45), radius_mm=6.0, number=2))
    )
    session = CorrectionSession(case)
    with pytest.raises(
        InputError, match=r"what was marked for lesion 1 belongs to lesion 2: exclude it there first"
    ):
        session.do(Include(stroke=(case.point_at((20, 28, 45)),), lesion=1))
    session.do(Include(stroke=tuple(case.point_at((20, 28, x)) for x in (34, 46)), lesion=1))
    np.testing.assert_array_equal(session.labels == 3, case.start == 3)


def test_the_nearest_lesion_is_meant_when_none_is_named() -> None:
    case = made_case(
        (Ball(center=CENTER, radius_mm=8.0, number=1), Ball(center=(20, 28, 52), radius_mm=4.0, number=2))
    )
    session = CorrectionSession(case)
    assert session.do(Include(stroke=(case.point_at((20, 28, 38)),))).subject == 1
    assert session.do(Include(stroke=(case.point_at((20, 28, 47)),))).subject == 2


def test_strokes_without_eligible_voxels_are_refused() -> None:
    case = case_with(ball(CENTER, 3.0))
    session = CorrectionSession(case)
    before = session.labels.copy()
    with pytest.raises(InputError, match=r"a stroke needs at least one point, got none"):
        session.do(Include(stroke=(), lesion=1))
    with pytest.raises(
        InputError, match=r"lies outside of the liver, by more than 5 mm: mark voxels in the liver"
    ):
        session.do(Include(stroke=(case.point_at((20, 0, 30)),), lesion=1))
    with pytest.raises(InputError, match=r"no lesion within 40 mm of the point"):
        CorrectionSession(made_case((Ball(center=(5, 8, 8), radius_mm=3.0, number=1),))).do(
            Include(stroke=(case.point_at((34, 48, 56)),))
        )
    session.do(Shrink(lesion=1, distance_mm=2.4))
    assert (session.labels == 2).sum() == 1
    with pytest.raises(InputError, match=r"nothing would be left of lesion 1: remove or reject it instead"):
        session.do(Exclude(stroke=(case.point_at(CENTER),), lesion=1))
    session.undo()
    np.testing.assert_array_equal(session.labels, before)


@pytest.mark.parametrize("direction", [oblique(), np.diag([-1.0, 1.0, 1.0])])
def test_the_axes_of_the_volume_do_not_matter(direction: np.ndarray) -> None:
    results = []
    for given in (None, direction):
        case = case_with(ball((20, 28, 26), 7.0), direction=given)
        session = CorrectionSession(case)
        session.do(Include(stroke=(case.point_at((20, 28, 36)),), lesion=1))
        results.append(session.labels.copy())
    np.testing.assert_array_equal(*results)


def test_without_probability_and_arterial_phase() -> None:
    truth = ball(CENTER, 11.0)
    case = case_with(truth & (np.arange(SHAPE[2]) < 30), arterial=False, probability=False)
    session = CorrectionSession(case)
    session.do(Include(stroke=(case.point_at((20, 28, 34)),), lesion=1))
    assert dice(session.labels == 2, truth) > 0.9


def test_a_long_stroke_is_thinned_to_a_limited_number_of_seeds() -> None:
    case = made_case((Ball(center=(20, 28, 22), radius_mm=8.0, number=1),))
    session = CorrectionSession(case)
    session.do(Include(stroke=(case.point_at((20, 28, 10)), case.point_at((20, 28, 54))), lesion=1))
    seeds = [seed.voxel for seed in session.lesions[1].include]
    assert len(seeds) == MOST_SEEDS < 45
    assert (seeds[0], seeds[-1]) == ((20, 28, 10), (20, 28, 54)), "both ends are among them"


def test_excluding_the_very_middle_of_a_lesion_leaves_some_of_it() -> None:
    """The seed's reach to the outline would leave nothing of the lesion, so that a smaller one is used."""
    case = made_case((Ball(center=(20, 28, 30), radius_mm=8.0, number=1),))
    session = CorrectionSession(case)
    session.do(Exclude(stroke=(case.point_at((20, 28, 30)),), lesion=1))
    assert session.labels[20, 28, 30] == 1
    assert 0 < np.count_nonzero(session.labels == 2) < np.count_nonzero(case.start == 2)
