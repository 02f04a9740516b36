"""What is remembered of a lesion beside its voxels: what was said about it, its number, that a person changed it."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.correction import (
    CorrectionCase,
    CorrectionLog,
    CorrectionSession,
    Exclude,
    Grow,
    Include,
    Merge,
    MergeFindings,
    Reject,
    Revise,
    Threshold,
    replay,
)
from LiverTumorAttentionLib.correction.edits import Edit, Patch
from LiverTumorAttentionLib.correction.lesions import LesionMap
from LiverTumorAttentionLib.correction.tools.strokes import MOST_SEEDS
from LiverTumorAttentionLib.correction.undo import perform
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.boxes import full_box
from Testing.Library.correction.made_case import SHAPE, Ball, ball, image, made_case

ONE = Ball(center=(20, 28, 22), radius_mm=8.0, number=1)
TWO = Ball(center=(20, 28, 42), radius_mm=7.0, number=2)


def test_what_was_said_about_merged_lesions_stays_said() -> None:
    case = made_case((ONE, TWO))
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


def test_a_long_stroke_is_remembered_by_a_few_of_its_voxels() -> None:
    case = made_case((ONE,))
    session = CorrectionSession(case)
    session.do(Include(stroke=(case.point_at((20, 28, 10)), case.point_at((20, 28, 54))), lesion=1))
    said = [seed.voxel for seed in session.lesions[1].include]
    assert len(said) == MOST_SEEDS < 45
    assert (said[0], said[-1]) == ((20, 28, 10), (20, 28, 54)), "both ends are among them"


def test_excluding_the_very_middle_of_a_lesion_leaves_some_of_it() -> None:
    """The outline is as far away as it can be, so that all of it would go: less must have been meant."""
    case = made_case((Ball(center=(20, 28, 30), radius_mm=8.0, number=1),))
    session = CorrectionSession(case)
    session.do(Exclude(stroke=(case.point_at((20, 28, 30)),), lesion=1))
    assert session.labels[20, 28, 30] == 1
    assert 0 < np.count_nonzero(session.labels == 2) < np.count_nonzero(case.start == 2)


def test_a_rejected_lesion_that_others_cover_by_now_stays_rejected() -> None:
    case = made_case((ONE, Ball(center=(20, 28, 32), radius_mm=3.0, number=2)))
    session = CorrectionSession(case)
    session.do(Reject(lesion=2))
    session.do(Grow(lesion=1, distance_mm=10.0))
    assert session.labels[20, 28, 32] == 2
    before = session.labels.copy()
    with pytest.raises(InputError, match=r"other lesions cover all that lesion 2 covered"):
        session.do(Revise(lesion=2))
    np.testing.assert_array_equal(session.labels, before)
    assert session.lesions[2].status == "rejected"


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


def test_what_a_person_changed_stays_marked_whatever_a_network_adds() -> None:
    lesions = LesionMap(made_case((ONE,)))
    perform(lesions, Grow(lesion=1, distance_mm=2.0).edit(lesions, None))
    more = ball(ONE.center, 14.0)
    perform(lesions, Edit(patches=(Patch(full_box(more.shape), more, more * np.uint16(2)),), by_hand=False))
    np.testing.assert_array_equal(lesions.labels == 2, more)
    assert lesions.lesions[1].edited


def test_a_log_whose_first_action_does_nothing_here_is_refused() -> None:
    case = made_case((ONE,))
    session = CorrectionSession(case)
    session.do(Threshold(lesion=1, probability=0.7))
    log = CorrectionLog.of(session)
    sure = image((case.start == 2).astype(np.float32))
    assert sure.GetSize() == case.portal.GetSize()
    other = CorrectionCase(
        portal=case.portal,
        arterial=case.arterial,
        instances=case.instances,
        probability=sitk.Cast(sure, sitk.sitkFloat32),
        model=case.model,
    )
    with pytest.raises(InputError, match=r"action 1 of the log \(threshold\) came out differently"):
        replay(other, log)
