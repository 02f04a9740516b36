"""Steps: accepted lesions are locked, and manual edits stay marked."""

from __future__ import annotations

import numpy as np
import pytest

from LiverTumorAttentionLib.correction import (
    TOOLS,
    Accept,
    Action,
    Add,
    AddByBox,
    AddByLine,
    CorrectionCase,
    CorrectionSession,
    Draw,
    Drawing,
    Exclude,
    Fill,
    Grow,
    Include,
    Lasso,
    Merge,
    MergeFindings,
    PackedMask,
    Reject,
    Remove,
    SameInPhase,
    Shrink,
    Smooth,
    Split,
    Threshold,
)
from LiverTumorAttentionLib.correction.edits import Edit, Patch
from LiverTumorAttentionLib.correction.lesions import LesionMap
from LiverTumorAttentionLib.correction.undo import perform
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.boxes import full_box
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


def square(
    case: CorrectionCase, z: int, low: tuple[int, int], high: tuple[int, int]
) -> tuple[tuple[float, float, float], ...]:
    """Return an outline around a rectangle of an axial slice."""
    corners = [(low[0], low[1]), (low[0], high[1]), (high[0], high[1]), (high[0], low[1])]
    return tuple(case.point_at((z, y, x)) for y, x in corners)


def around(case: CorrectionCase) -> list[Action]:
    """Every tool, used on what lies beside the accepted lesion, as greedily as can be."""
    inside = case.point_at(ACCEPTED.center)
    beside, unseen = case.point_at(BESIDE.center), case.point_at(UNSEEN.center)
    everything = np.full(SHAPE, 2, np.uint16)
    return [
        Add(point=unseen),
        AddByLine(points=(inside, case.point_at((36, 28, 26)))),
        AddByBox(points=(case.point_at((12, 18, 16)), case.point_at((32, 48, 42)))),
        Lasso(points=square(case, 20, (16, 12), (50, 50)), lesion=2),
        SameInPhase(lesion=2, phase="portal"),
        Remove(lesion=2),
        Merge(lesions=(2, 3)),
        Split(points=(beside, case.point_at((22, 30, 42)))),
        Include(stroke=(beside, inside), lesion=2),
        Exclude(stroke=(inside,), lesion=2),
        Threshold(lesion=2, probability=0.05),
        Grow(lesion=2, distance_mm=20.0),
        Shrink(lesion=2, distance_mm=1.0),
        Smooth(lesion=2, distance_mm=10.0),
        Fill(lesion=2, distance_mm=20.0),
        Draw(drawings=(Drawing(mask=PackedMask.of(full_box(everything.shape), everything > 0), lesion=2),)),
        Accept(lesion=2),
        Reject(lesion=2),
        MergeFindings.of(case, image(everything), replace_drafts=True),
    ]


@pytest.mark.parametrize("tool", sorted(TOOLS))
def test_no_tool_beside_it_changes_an_accepted_lesion(
    case: CorrectionCase, session: CorrectionSession, tool: str
) -> None:
    accepted = session.labels == 2
    session.do(Add(point=case.point_at(UNSEEN.center)))
    np.testing.assert_array_equal(session.labels == 2, accepted)
    actions = [action for action in around(case) if action.tool == tool and tool != "add"]
    for action in actions:
        session.do(action)
        np.testing.assert_array_equal(session.labels == 2, accepted)
        session.undo()
        np.testing.assert_array_equal(session.labels == 2, accepted)
    assert actions or tool in ("add", "revise")


@pytest.mark.parametrize(
    "action",
    [
        Remove(lesion=1),
        Merge(lesions=(1, 2)),
        Threshold(lesion=1, probability=0.3),
        Grow(lesion=1, distance_mm=2.0),
        Shrink(lesion=1, distance_mm=2.0),
        Smooth(lesion=1, distance_mm=2.0),
        Fill(lesion=1, distance_mm=2.0),
        Reject(lesion=1),
    ],
    ids=lambda action: action.tool,
)
def test_no_tool_takes_an_accepted_lesion_as_its_own(session: CorrectionSession, action: Action) -> None:
    before = session.labels.copy()
    with pytest.raises(InputError, match=r"lesion 1 is accepted: make it a draft again to change it"):
        session.do(action)
    np.testing.assert_array_equal(session.labels, before)


@pytest.mark.parametrize("tool", ["include", "exclude", "split"])
def test_no_click_changes_an_accepted_lesion(
    case: CorrectionCase, session: CorrectionSession, tool: str
) -> None:
    points = tuple(case.point_at((20, 28, x)) for x in (24, 28))
    action = Split(points=points) if tool == "split" else TOOLS[tool](stroke=points, lesion=1)
    with pytest.raises(InputError, match=r"lesion 1 is accepted"):
        session.do(action)


def test_the_state_itself_keeps_what_is_accepted(case: CorrectionCase) -> None:
    """Even a tool that paints over everything cannot take its voxels, nor give it others."""
    lesions = LesionMap(case)
    lesions.lesions[1] = Accept(lesion=1).edit(lesions, None).records[1]
    whole = tuple(slice(0, n) for n in SHAPE)
    accepted = lesions.labels == 2
    for value in (0, 2, 3):
        labels = np.full(SHAPE, value, np.uint16)
        perform(lesions, Edit(patches=(Patch(whole, np.ones(SHAPE, bool), labels),)))
        np.testing.assert_array_equal(lesions.labels == 2, accepted)


def test_a_lesion_stays_marked_as_edited_whatever_a_network_adds() -> None:
    lesions = LesionMap(made_case((Ball(center=(20, 28, 22), radius_mm=8.0, number=1),)))
    perform(lesions, Grow(lesion=1, distance_mm=2.0).edit(lesions, None))
    more = ball((20, 28, 22), 14.0)
    perform(lesions, Edit(patches=(Patch(full_box(more.shape), more, more * np.uint16(2)),), by_hand=False))
    np.testing.assert_array_equal(lesions.labels == 2, more)
    assert lesions.lesions[1].edited
