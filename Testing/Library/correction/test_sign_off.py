"""Sign-off: every tumor decided, then locked; reopened with a reason; told by the log."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from LiverTumorAttentionLib.correction import (
    Accept,
    CorrectionCase,
    CorrectionLog,
    CorrectionSession,
    Grow,
    Reject,
    Revise,
    resume,
)
from LiverTumorAttentionLib.correction.sign_off import SignOff, bodies_of, sign_off_in_force
from LiverTumorAttentionLib.errors import InputError
from Testing.Library.correction.made_case import Ball, made_case

BALLS = (
    Ball(center=(12, 20, 20), radius_mm=9.0, number=1),
    Ball(center=(24, 36, 40), radius_mm=8.0, number=2),
)


@pytest.fixture(scope="module")
def case() -> CorrectionCase:
    return made_case(BALLS)


def decided(case: CorrectionCase) -> CorrectionSession:
    times = iter(f"2026-11-28T10:00:0{second}+00:00" for second in range(9))
    session = CorrectionSession(case, clock=lambda: next(times))
    session.do(Accept(lesion=1))
    session.do(Reject(lesion=2))
    return session


def later(session: CorrectionSession, case: CorrectionCase) -> CorrectionSession:
    """Return the session of another day, from the log and the segmentation as it was saved."""
    log = CorrectionLog.from_text(CorrectionLog.of(session).to_text())
    return resume(replace(case, instances=session.instances()), log)


def test_a_draft_cannot_be_signed(case: CorrectionCase) -> None:
    session = CorrectionSession(case)
    with pytest.raises(
        InputError, match="Tumor 1, Tumor 2 are drafts: accept or reject every tumor, then sign"
    ):
        session.sign("Jane Doe")
    session.do(Accept(lesion=1))
    with pytest.raises(InputError, match="Tumor 2 is a draft"):
        session.sign("Jane Doe")
    assert session.sign_off is None


def test_a_signed_case_is_locked(case: CorrectionCase) -> None:
    session = decided(case)
    entry = session.sign(" Jane Doe ")
    assert (entry.kind, entry.reader, entry.time) == ("signed", "Jane Doe", "2026-11-28T10:00:02+00:00")
    before = session.labels.copy()
    locked = "signed by Jane Doe on 2026-11-28T10:00:02.00:00, and is locked: reopen it with a reason"
    for change in (
        lambda: session.do(Revise(lesion=1)),
        lambda: session.do(Grow(lesion=1, distance_mm=2.0)),
        session.undo,
        session.redo,
        lambda: session.sign("Someone Else"),
    ):
        with pytest.raises(InputError, match=locked):
            change()
    np.testing.assert_array_equal(session.labels, before)
    assert session.sign_off == entry


def test_reopened_with_a_reason(case: CorrectionCase) -> None:
    session = decided(case)
    with pytest.raises(InputError, match="not signed"):
        session.reopen("Jane Doe", "a lesion in segment 4")
    session.sign("Jane Doe")
    with pytest.raises(InputError, match="the reason for reopening is empty: say why"):
        session.reopen("Jane Doe", "  ")
    assert session.sign_off is not None
    session.reopen("Jane Doe", "a lesion in segment 4")
    assert session.sign_off is None
    session.do(Revise(lesion=1))
    assert [(entry.kind, entry.reason) for entry in session.signing] == [
        ("signed", ""),
        ("reopened", "a lesion in segment 4"),
    ]


@pytest.mark.parametrize("name", ["", "  ", "x" * 65, "Jane\nDoe", "Doe\\Jane"])
def test_a_name_that_is_none(case: CorrectionCase, name: str) -> None:
    session = decided(case)
    with pytest.raises(InputError, match="the reader's name"):
        session.sign(name)
    assert session.signing == ()


def test_the_log_carries_who_and_when(case: CorrectionCase) -> None:
    session = decided(case)
    session.sign("Jane Doe")
    (told,) = json.loads(CorrectionLog.of(session).to_text())["signing"]
    assert (told["kind"], told["reader"], told["time"]) == ("signed", "Jane Doe", "2026-11-28T10:00:02+00:00")
    again = later(session, case)
    assert again.sign_off == session.sign_off
    with pytest.raises(InputError, match="is locked"):
        again.do(Revise(lesion=1))
    again.reopen("John Roe", "second look")
    assert [entry.reader for entry in later(again, case).signing] == ["Jane Doe", "John Roe"]
    assert later(again, case).sign_off is None


def test_a_log_of_before_sign_off_is_read(case: CorrectionCase) -> None:
    values = json.loads(CorrectionLog.of(decided(case)).to_text())
    del values["signing"]
    assert CorrectionLog.from_text(json.dumps(values)).signing == ()


def test_what_was_changed_elsewhere_since_is_a_draft(case: CorrectionCase) -> None:
    session = decided(case)
    session.sign("Jane Doe")
    labels = session.labels.copy()
    assert sign_off_in_force(session.signing, labels) == session.sign_off
    # the same voxels along other axes, as Slicer loads a left-handed volume
    assert sign_off_in_force(session.signing, np.flip(labels.transpose(2, 0, 1), 1)) == session.sign_off
    labels[tuple(np.argwhere(labels == 2)[0])] = 1
    assert sign_off_in_force(session.signing, labels) is None


def test_bodies_by_hand() -> None:
    """A bar of two voxels has ten faces; the liver around it, 3 x 3 x 4 with that hole, 66 and ten."""
    labels = np.ones((3, 3, 4), np.uint16)
    labels[1, 1, 1:3] = 2
    liver, tumor = bodies_of(labels)
    assert (liver.number, liver.voxels, liver.faces) == (0, 34, 2 * (9 + 12 + 12) + 10)
    assert (tumor.number, tumor.voxels, tumor.faces) == (1, 2, 10)


def test_a_tumor_that_was_moved_is_another_one() -> None:
    """All counts and faces stay; along other axes it stays signed."""
    labels = np.zeros((9, 10, 12), np.uint16)
    labels[1:8, 1:9, 1:11] = 1
    labels[2:4, 3, 4] = 2
    history = [SignOff(kind="signed", reader="A", time="t", bodies=bodies_of(labels))]
    assert sign_off_in_force(history, labels) is history[0]
    for other in (
        labels[::-1],
        labels[:, ::-1, ::-1],
        labels.transpose(2, 0, 1),
        labels.transpose(1, 2, 0)[::-1],
    ):
        assert sign_off_in_force(history, other) is history[0]
    for axis in range(3):
        moved = np.where(labels == 2, 1, labels)
        moved[np.roll(labels == 2, 1, axis)] = 2
        assert sign_off_in_force(history, moved) is None
