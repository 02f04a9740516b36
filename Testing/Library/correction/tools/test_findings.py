"""New findings beside accepted, edited and rejected lesions."""

from __future__ import annotations

import numpy as np
import pytest

from LiverTumorAttentionLib.correction import (
    Accept,
    CorrectionCase,
    CorrectionSession,
    Grow,
    MergeFindings,
    Reject,
    merge_new_findings,
)
from LiverTumorAttentionLib.errors import InputError
from Testing.Library.correction.made_case import SHAPE, Ball, ball, image, made_case

ACCEPTED = Ball(center=(20, 28, 26), radius_mm=8.0, number=1)
BESIDE = Ball(center=(20, 28, 39), radius_mm=8.0, number=2)
UNSEEN = Ball(center=(20, 41, 28), radius_mm=7.0)
"""Touches the accepted one, and no one found it yet."""


@pytest.fixture(scope="module")
def case() -> CorrectionCase:
    return made_case((ACCEPTED, BESIDE, UNSEEN))


@pytest.fixture
def session(case: CorrectionCase) -> CorrectionSession:
    session = CorrectionSession(case)
    session.do(Accept(lesion=1))
    return session


def test_new_findings_are_added_beside_accepted_lesions(
    case: CorrectionCase, session: CorrectionSession
) -> None:
    """The new run drew the accepted lesion larger, and found two more, one of which laps over it."""
    accepted = session.labels == 2
    found = np.ones(SHAPE, np.uint16)
    found[ball((20, 28, 26), 10.0)] = 2
    found[ball((10, 14, 14), 5.0)] = 3
    lapping = ball((20, 28, 14), 9.0) & (found == 1)
    lapping |= ball((20, 28, 20), 3.0)
    found[lapping] = 4
    outcome = merge_new_findings(session, image(found), model="another")
    np.testing.assert_array_equal(session.labels == 2, accepted)
    assert outcome.note == "2 of 3 findings were taken in, the others are known already"
    assert outcome.lesions == (3, 4)
    assert [session.lesions[n].status for n in (3, 4)] == ["draft", "draft"]
    np.testing.assert_array_equal(session.labels == 4, ball((10, 14, 14), 5.0))
    np.testing.assert_array_equal(session.labels == 5, lapping & ~accepted)


@pytest.mark.parametrize(
    ("lesions", "note"), [(1, "all findings were taken in"), (0, "nothing was there to take in")]
)
def test_the_note_on_a_run_without_known_findings(
    session: CorrectionSession, lesions: int, note: str
) -> None:
    found = np.ones(SHAPE, np.uint16)
    if lesions:
        found[ball((10, 14, 14), 5.0)] = 2
    assert merge_new_findings(session, image(found)).note == note


def test_drafts_stay_unless_they_are_to_be_replaced(case: CorrectionCase) -> None:
    """Lesion 2 is found again, smaller; lesion 1 is not."""
    session = CorrectionSession(made_case((ACCEPTED, BESIDE)))
    found = np.ones(SHAPE, np.uint16)
    found[ball(BESIDE.center, 5.0)] = 2
    before = session.labels.copy()
    assert merge_new_findings(session, image(found)).lesions == ()
    np.testing.assert_array_equal(session.labels, before)
    merge_new_findings(session, image(found), replace_drafts=True)
    assert set(session.lesions) == {2}
    np.testing.assert_array_equal(session.labels == 3, ball(BESIDE.center, 5.0))


def test_what_a_person_drew_is_not_replaced(case: CorrectionCase) -> None:
    session = CorrectionSession(case)
    session.do(Grow(lesion=2, distance_mm=1.3))
    drawn = session.labels == 3
    found = np.ones(SHAPE, np.uint16)
    found[ball(BESIDE.center, 5.0)] = 2
    merge_new_findings(session, image(found), replace_drafts=True)
    np.testing.assert_array_equal(session.labels == 3, drawn)
    assert 1 not in session.lesions


def test_a_rejected_finding_does_not_come_back(case: CorrectionCase) -> None:
    session = CorrectionSession(case)
    session.do(Reject(lesion=2))
    before = session.labels.copy()
    for radius_mm in (5.0, 8.0, 9.5):
        found = np.ones(SHAPE, np.uint16)
        found[ball(BESIDE.center, radius_mm)] = 2
        outcome = merge_new_findings(session, image(found))
        assert outcome.note.startswith("0 of 1 findings were taken in")
    np.testing.assert_array_equal(session.labels, before)


def test_new_findings_must_lie_on_the_same_grid(session: CorrectionSession) -> None:
    with pytest.raises(
        InputError, match=r"the portal volume and the new segmentation do not lie on the same grid"
    ):
        merge_new_findings(session, image(np.ones((4, 5, 6), np.uint16)))


def test_of_two_findings_that_are_one_draft_each_has_its_number() -> None:
    labels = np.ones(SHAPE, np.uint16)
    labels[10:20, 20:30, 20:40] = 2
    new = np.ones(SHAPE, np.uint16)
    new[10:20, 20:30, 20:28], new[10:20, 20:30, 32:40] = 2, 3
    volume = image(np.zeros(SHAPE, np.int16))
    case = CorrectionCase(portal=volume, instances=image(labels))
    session = CorrectionSession(case)
    session.do(MergeFindings.of(case, image(new), replace_drafts=True))
    np.testing.assert_array_equal(session.labels, new)
    assert set(session.lesions) == {1, 2}
