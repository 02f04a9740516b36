"""A lesion drawn around in one slice: there it is what was drawn, its neighbouring slices follow."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from LiverTumorAttentionLib.correction import (
    Accept,
    ClickModel,
    CorrectionCase,
    CorrectionSession,
    Exclude,
    Include,
    Lasso,
    Point,
    replay,
)
from LiverTumorAttentionLib.correction.algorithm.outline import Outline
from LiverTumorAttentionLib.correction.log import CorrectionLog, resume
from LiverTumorAttentionLib.correction.prompts import read_prompts
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.boxes import full_box
from Testing.Library.correction.drawn import AXES, circle
from Testing.Library.correction.made_case import BRIGHT, DARK, SHAPE, ball, dice, made_case

SEEN = replace(BRIGHT, number=1)
Z, Y, X = DARK.center


@pytest.fixture(scope="module")
def case() -> CorrectionCase:
    return made_case((DARK, SEEN))


def drawn(case: CorrectionCase, points: tuple[Point, ...]) -> np.ndarray:
    return Outline(case, points).enclosed(full_box(SHAPE))


@pytest.mark.parametrize("plane", AXES)
def test_the_lesion_is_what_was_drawn_in_its_slice_and_the_rest_follows(
    case: CorrectionCase, plane: str
) -> None:
    points = circle(case, DARK.center, DARK.radius_mm, plane)
    session = CorrectionSession(case)
    session.do(Lasso(points=points))
    lesion = session.labels == 3
    assert dice(lesion, ball(DARK.center, DARK.radius_mm)) > 0.97
    here = DARK.center[AXES[plane]]
    planes = np.moveaxis(lesion, AXES[plane], 0)[here], np.moveaxis(drawn(case, points), AXES[plane], 0)[here]
    np.testing.assert_array_equal(*planes)
    np.testing.assert_array_equal(session.labels == 2, ball(SEEN.center, SEEN.radius_mm))


@pytest.mark.parametrize("radius_mm", [5.0, 13.0])
def test_it_holds_in_its_slice_whatever_the_volume_shows(case: CorrectionCase, radius_mm: float) -> None:
    """Drawn much smaller than the dark ball, and much larger."""
    points = circle(case, DARK.center, radius_mm)
    session = CorrectionSession(case)
    session.do(Lasso(points=points))
    np.testing.assert_array_equal(session.labels[Z] == 3, drawn(case, points)[Z])


def test_a_network_s_answer_is_held_to_the_outline_too(case: CorrectionCase) -> None:
    for value in (0.0, 1.0):
        model = ClickModel(
            id="all", sha256="0" * 64, predict=lambda v, value=value: np.full(v.shape[1:], value, np.float32)
        )
        points = circle(case, DARK.center, DARK.radius_mm)
        session = CorrectionSession(case, clicks=model)
        session.do(Lasso(points=points))
        np.testing.assert_array_equal(session.labels[Z] == 3, drawn(case, points)[Z])
        assert session.entries[0].answered_by == model.name
        np.testing.assert_array_equal(session.labels == 2, ball(SEEN.center, SEEN.radius_mm))


def test_it_takes_nothing_of_other_lesions_accepted_or_not(case: CorrectionCase) -> None:
    z, y, x = SEEN.center
    points = circle(case, (z, y - 12, x), 10.0)
    for accepted in (False, True):
        session = CorrectionSession(case)
        if accepted:
            session.do(Accept(lesion=1))
        outcome = session.do(Lasso(points=points))
        assert outcome.subject == 2
        assert "drawn voxels lie outside of the liver or in other lesions" in outcome.note
        np.testing.assert_array_equal(session.labels == 2, ball(SEEN.center, SEEN.radius_mm))
        wanted = drawn(case, points) & ~ball(SEEN.center, SEEN.radius_mm)
        np.testing.assert_array_equal(session.labels[z] == 3, wanted[z])


def test_what_is_drawn_outside_of_the_liver_is_left_out_and_said(case: CorrectionCase) -> None:
    points = circle(case, (20, 28, 9), 8.0)
    session = CorrectionSession(case)
    note = session.do(Lasso(points=points)).note
    lesion = session.labels == 3
    assert lesion[20].any()
    assert not (lesion & (case.start == 0)).any()
    left = np.count_nonzero(drawn(case, points) & (case.start == 0))
    assert left
    assert note.startswith(f"{left} of {np.count_nonzero(drawn(case, points))} drawn voxels")


def test_an_outline_on_a_draft_redraws_it(case: CorrectionCase) -> None:
    """The marked ball, drawn smaller in one slice: it keeps its number, and far off the slice its shape."""
    z = SEEN.center[0]
    points = circle(case, SEEN.center, 5.0)
    session = CorrectionSession(case)
    assert session.do(Lasso(points=points)).subject == 1
    np.testing.assert_array_equal(session.labels[z] == 2, drawn(case, points)[z])
    assert len(session.lesions) == 1
    top = ball(SEEN.center, SEEN.radius_mm)[z - 3]
    assert dice(session.labels[z - 3] == 2, top) > 0.9


def test_an_outline_beside_a_draft_is_a_new_lesion_unless_one_is_named(case: CorrectionCase) -> None:
    points = circle(case, DARK.center, DARK.radius_mm)
    assert CorrectionSession(case).do(Lasso(points=points)).subject == 2
    assert CorrectionSession(case).do(Lasso(points=points, lesion=1)).subject == 1


def test_several_slices_of_a_lesion_all_hold(case: CorrectionCase) -> None:
    """A lesion that widens to one side: each slice is as it was drawn, and an outline drawn again replaces itself."""
    session = CorrectionSession(case)
    slices = {Z - 3: 4.0, Z: 7.0, Z + 3: 10.0}
    for z, radius in slices.items():
        session.do(
            Lasso(points=circle(case, (z, Y, X), radius), lesion=2 if len(session.lesions) > 1 else None)
        )
    for z, radius in slices.items():
        wanted = drawn(case, circle(case, (z, Y, X), radius))
        np.testing.assert_array_equal(session.labels[z] == 3, wanted[z], err_msg=f"slice {z}")
    assert len(session.lesions[2].outlines) == 3
    again = circle(case, (Z, Y, X), 5.0)
    session.do(Lasso(points=again, lesion=2))
    np.testing.assert_array_equal(session.labels[Z] == 3, drawn(case, again)[Z])
    assert len(session.lesions[2].outlines) == 3
    assert session.lesions[2].outlines[-1] == again


def test_later_clicks_change_its_slice_only_where_they_lie_in_it(case: CorrectionCase) -> None:
    points = circle(case, DARK.center, 5.0)
    session = CorrectionSession(case)
    session.do(Lasso(points=points))
    before = (session.labels == 3).copy()
    session.do(Include(stroke=(case.point_at((Z + 3, Y, X + 5)),), lesion=2))
    assert np.count_nonzero((session.labels == 3) & ~before), "the click had an effect"
    np.testing.assert_array_equal(session.labels[Z] == 3, before[Z])
    session.do(Exclude(stroke=(case.point_at((Z, Y, X + 3)),), lesion=2))
    assert session.labels[Z, Y, X + 3] == 1
    assert session.lesions[2].outlines == ()


def test_it_is_undone_logged_replayed_and_resumed(case: CorrectionCase) -> None:
    session = CorrectionSession(case)
    points = circle(case, DARK.center, DARK.radius_mm)
    session.do(Lasso(points=points))
    session.do(Lasso(points=circle(case, (Z + 2, Y, X), 8.0), phase="portal"))
    log = CorrectionLog.from_text(CorrectionLog.of(session).to_text())
    assert log == CorrectionLog.of(session)
    again = replay(case, log)
    np.testing.assert_array_equal(again.labels, session.labels)
    assert dict(again.lesions) == dict(session.lesions)
    saved = replace(case, instances=session.instances())
    assert resume(saved, log).lesions[2].outlines == session.lesions[2].outlines
    (prompt,) = read_prompts(json.dumps({"lasso": [points]}), case.portal)
    assert prompt.action == Lasso(points=points)
    (prompt,) = read_prompts(
        json.dumps({"lasso": [{"points": points, "lesion": 2, "phase": "portal"}]}), case.portal
    )
    assert prompt.action == Lasso(points=points, lesion=2, phase="portal")
    while session.can_undo:
        session.undo()
    np.testing.assert_array_equal(session.labels, case.start)


@pytest.mark.parametrize(
    ("lasso", "what"),
    [
        (lambda case: {"points": circle(case, SEEN.center, 4.0), "lesion": 3}, "there is no lesion 3"),
        (lambda case: {"points": circle(case, (Z, Y + 0.5, X + 0.5), 0.4)}, "encloses no voxel"),
        (lambda case: {"points": circle(case, (1, 3, 2), 2.4)}, "outside of the liver"),
        (
            lambda case: {"points": circle(case, DARK.center, 9.0), "phase": "venous"},
            "must be 'portal' or 'arterial'",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused(case: CorrectionCase, lasso, what: str) -> None:
    session = CorrectionSession(case)
    with pytest.raises(InputError, match=what):
        session.do(Lasso(**lasso(case)))
    assert not session.entries


def test_a_lesion_within_an_accepted_one_is_refused(case: CorrectionCase) -> None:
    session = CorrectionSession(case)
    session.do(Accept(lesion=1))
    with pytest.raises(InputError, match="what was drawn belongs to lesion 1"):
        session.do(Lasso(points=circle(case, SEEN.center, 4.0)))
    with pytest.raises(InputError, match="lesion 1 is accepted"):
        session.do(Lasso(points=circle(case, SEEN.center, 4.0), lesion=1))
