"""Undo, redo, numbers and decisions: whatever is done, every state comes back bit by bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from LiverTumorAttentionLib.correction import (
    Accept,
    Action,
    Add,
    CorrectionCase,
    CorrectionLog,
    CorrectionSession,
    Draw,
    Drawing,
    Exclude,
    Fill,
    Grow,
    Include,
    Merge,
    MergeFindings,
    PackedMask,
    Reject,
    Remove,
    Revise,
    Shrink,
    Smooth,
    Split,
    Threshold,
    replay,
)
from LiverTumorAttentionLib.errors import Cancelled, InputError
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import full_box
from Testing.Library.correction.made_case import BRIGHT, DARK, SHAPE, Ball, ball, image, made_case

BALLS = (
    Ball(center=(12, 20, 20), radius_mm=9.0, number=1),
    Ball(center=(24, 36, 40), radius_mm=8.0, portal=0.0, arterial=45.0, number=2),
    Ball(center=(28, 18, 44), radius_mm=6.0, portal=-60.0, number=3),
    Ball(center=(28, 18, 52), radius_mm=5.0, portal=-60.0),
    Ball(center=(10, 42, 18), radius_mm=5.0, portal=-70.0, arterial=-40.0),
)


@pytest.fixture(scope="module")
def case() -> CorrectionCase:
    return made_case(BALLS)


def random_action(rng: np.random.Generator, case: CorrectionCase, session: CorrectionSession) -> Action:
    """Draw an action; many of them cannot be done as things stand, which is part of the trial."""
    numbers = [*session.lesions, session.next_number]
    lesion = int(rng.choice(numbers))
    places = [case.point_at(tuple(int(rng.integers(4, n - 4)) for n in SHAPE)) for _ in range(3)]
    centre = case.point_at(BALLS[int(rng.integers(len(BALLS)))].center)
    mm = float(rng.uniform(0.5, 5.0))
    findings = np.zeros(SHAPE, np.uint16)
    findings[ball(tuple(int(rng.integers(8, n - 8)) for n in SHAPE), mm + 2)] = 2
    draws: list[Callable[[], Action]] = [
        lambda: Add(point=centre),
        lambda: Add(point=places[0]),
        lambda: Remove(lesion=lesion),
        lambda: Merge(lesions=(lesion, int(rng.choice(numbers)))),
        lambda: Split(points=(centre, places[0])),
        lambda: Include(stroke=(places[0],)),
        lambda: Include(stroke=(centre, places[1]), lesion=lesion),
        lambda: Exclude(stroke=(centre,)),
        lambda: Exclude(stroke=(places[2],), lesion=lesion),
        lambda: Threshold(lesion=lesion, probability=float(rng.uniform(0.2, 0.9))),
        lambda: Grow(lesion=lesion, distance_mm=mm),
        lambda: Shrink(lesion=lesion, distance_mm=mm),
        lambda: Smooth(lesion=lesion, distance_mm=mm),
        lambda: Fill(lesion=lesion, distance_mm=mm),
        lambda: Draw(drawings=(Drawing(mask=PackedMask.of(full_box(findings.shape), findings > 0)),)),
        lambda: Draw(
            drawings=(Drawing(mask=PackedMask.of(full_box(findings.shape), findings > 0), lesion=lesion),)
        ),
        lambda: Accept(lesion=lesion),
        lambda: Reject(lesion=lesion),
        lambda: Revise(lesion=lesion),
        lambda: MergeFindings.of(case, image(findings), replace_drafts=bool(rng.integers(2))),
    ]
    return draws[int(rng.integers(len(draws)))]()


def state(session: CorrectionSession) -> tuple[bytes, dict[int, Any], int]:
    return session.labels.tobytes(), dict(session.lesions), session.next_number


def check_bookkeeping(session: CorrectionSession) -> None:
    """What is known of the lesions is what the labels show."""
    values = {int(value) - 1 for value in np.unique(session.labels) if value > 1}
    alive = {number for number, lesion in session.lesions.items() if lesion.status != "rejected"}
    assert values == alive
    for number in alive:
        places = np.argwhere(session.labels == number + 1)
        box = session.lesions[number].box
        assert [part.start for part in box] == places.min(axis=0).tolist()
        assert [part.stop for part in box] == (places.max(axis=0) + 1).tolist()
    assert session.next_number > max(session.lesions, default=0)


@pytest.mark.parametrize("seed", range(6))
def test_every_state_comes_back(case: CorrectionCase, seed: int) -> None:
    """A random sequence, undone and done again at random on the way, then to both ends; and replayed from its log."""
    rng = np.random.default_rng(seed)
    session = CorrectionSession(case)
    states = [state(session)]
    for _ in range(25):
        try:
            outcome = session.do(random_action(rng, case, session))
        except InputError:
            assert state(session) == states[-1]
            continue
        check_bookkeeping(session)
        if not outcome.boxes and not outcome.lesions:
            assert state(session) == states[-1]
            continue
        states.append(state(session))
        back = int(rng.integers(0, 3))
        for step in range(min(back, len(states) - 1)):
            session.undo()
            assert state(session) == states[-2 - step]
        for step in range(min(back, len(states) - 1), 0, -1):
            session.redo()
            assert state(session) == states[-step]
    assert len(states) > 8
    log = CorrectionLog.of(session)
    for expected in reversed(states[:-1]):
        session.undo()
        assert state(session) == expected
    assert not session.can_undo
    for expected in states[1:]:
        session.redo()
        assert state(session) == expected
    assert not session.can_redo
    again = replay(case, CorrectionLog.from_text(log.to_text()))
    assert state(again) == states[-1]
    assert [entry.checksum for entry in again.entries] == [entry.checksum for entry in log.entries]


def test_the_inputs_never_change(case: CorrectionCase) -> None:
    before = case.start.tobytes(), case.portal_hu.tobytes(), case.tumor_probability.tobytes()
    session = CorrectionSession(case)
    session.do(Grow(lesion=1, distance_mm=3.0))
    session.do(Remove(lesion=2))
    assert (case.start.tobytes(), case.portal_hu.tobytes(), case.tumor_probability.tobytes()) == before
    with pytest.raises(ValueError, match="read-only"):
        session.labels[0, 0, 0] = 1


def test_a_lesion_keeps_its_number_while_it_lives(case: CorrectionCase) -> None:
    session = CorrectionSession(case)
    session.do(Remove(lesion=1))
    outcome = session.do(Add(point=case.point_at(BALLS[4].center)))
    assert outcome.subject == 4  # 1 is not given again
    assert set(session.lesions) == {2, 3, 4}
    session.undo()
    assert session.do(Add(point=case.point_at(BALLS[3].center))).subject == 4


def test_a_new_action_forgets_what_was_undone(case: CorrectionCase) -> None:
    session = CorrectionSession(case)
    session.do(Remove(lesion=1))
    session.undo()
    assert [entry.action for entry in session.undone] == [Remove(lesion=1)]
    session.do(Remove(lesion=2))
    assert session.undone == ()
    assert not session.can_redo
    with pytest.raises(InputError, match="there is nothing to redo"):
        session.redo()
    session.undo()
    with pytest.raises(InputError, match="there is nothing to undo"):
        session.undo()


def test_an_outcome_tells_where_labels_changed(case: CorrectionCase) -> None:
    session = CorrectionSession(case)
    before = session.labels.copy()
    outcome = session.do(Grow(lesion=1, distance_mm=3.0))
    told = np.zeros(SHAPE, bool)
    for box in outcome.boxes:
        told[box] = True
    places = np.argwhere(session.labels != before)
    assert outcome.lesions == (1,)
    assert told.sum() == np.prod(places.max(axis=0) - places.min(axis=0) + 1)
    assert told[tuple(places.T)].all()


def test_a_preview_changes_nothing(case: CorrectionCase) -> None:
    session = CorrectionSession(case)
    before = state(session)
    edit = session.preview(Threshold(lesion=1, probability=0.7))
    assert edit.patches[0].where.any()
    assert state(session) == before
    assert not session.can_undo


@pytest.mark.parametrize(
    "action",
    [
        lambda case: Add(point=case.point_at(BALLS[4].center)),
        lambda case: Include(stroke=(case.point_at((12, 20, 30)),), lesion=1),
        lambda case: Exclude(stroke=(case.point_at((12, 20, 26)),), lesion=1),
    ],
)
def test_cancelling_in_the_middle_leaves_the_state_as_it_was(
    case: CorrectionCase, action: Callable[[CorrectionCase], Action]
) -> None:
    """Cancelled at the first, the fifth and the tenth time it is asked for."""
    for patience in (0, 4, 9):
        asked = 0

        def impatient(patience: int = patience) -> bool:
            nonlocal asked
            asked += 1
            return asked > patience

        session = CorrectionSession(case)
        before = state(session)
        with pytest.raises(Cancelled):
            session.do(action(case), Progress(cancelled=impatient))
        assert state(session) == before
        assert session.entries == ()


def test_five_hundred_lesions(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Every second voxel of a lattice is a lesion of its own; one is grown, one removed."""
    labels = np.zeros(SHAPE, np.uint16)
    labels[3:37, 6:50, 6:58] = 1
    places = [(z, y, x) for z in range(4, 36, 4) for y in range(8, 48, 4) for x in range(8, 56, 7)][:500]
    for value, place in enumerate(places, start=2):
        labels[place] = value
    portal = made_case((DARK, BRIGHT)).portal
    session = CorrectionSession(CorrectionCase(portal=portal, instances=image(labels)))
    assert len(session.lesions) == 500
    session.do(Grow(lesion=250, distance_mm=1.3))
    session.do(Remove(lesion=499))
    assert len(session.lesions) == 499
    check_bookkeeping(session)
