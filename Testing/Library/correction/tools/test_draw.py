"""What a person paints is what a lesion gets, voxel by voxel."""

from __future__ import annotations

import numpy as np
import pytest

from LiverTumorAttentionLib.correction import (
    Accept,
    CorrectionCase,
    CorrectionLog,
    CorrectionSession,
    Draw,
    Drawing,
    PackedMask,
    replay,
)
from LiverTumorAttentionLib.errors import InputError
from Testing.Library.correction.made_case import LIVER_BOX, SHAPE, image

FIRST = (slice(10, 14), slice(10, 20), slice(10, 20))
SECOND = (slice(10, 14), slice(10, 20), slice(30, 40))
PAINTED = (slice(8, 12), slice(8, 26), slice(12, 26))


@pytest.fixture
def session() -> CorrectionSession:
    """A liver with two blocks."""
    labels = np.zeros(SHAPE, np.uint16)
    labels[LIVER_BOX] = 1
    labels[FIRST], labels[SECOND] = 2, 3
    flat = np.full(SHAPE, 60, np.int16)
    return CorrectionSession(CorrectionCase(portal=image(flat), instances=image(labels)))


def block(*boxes: tuple[slice, ...]) -> np.ndarray:
    mask = np.zeros(SHAPE, dtype=bool)
    for box in boxes:
        mask[box] = True
    return mask


def drawn(mask: np.ndarray, lesion: int | None = None) -> Drawing:
    whole = tuple(slice(0, n) for n in SHAPE)
    return Drawing(mask=PackedMask.of(whole, mask), lesion=lesion)


def test_lesion_gets_what_was_painted_and_the_rest_is_liver_again(session: CorrectionSession) -> None:
    before = session.labels.copy()
    outcome = session.do(Draw(drawings=(drawn(block(PAINTED), 1),)))
    np.testing.assert_array_equal(session.labels == 2, block(PAINTED))
    assert (session.labels[block(FIRST) & ~block(PAINTED)] == 1).all()
    np.testing.assert_array_equal(session.labels == 3, before == 3)
    assert outcome.subject == 1
    assert session.lesions[1].edited
    assert session.lesions[1].box == PAINTED
    session.undo()
    np.testing.assert_array_equal(session.labels, before)


def test_a_new_lesion_gets_the_next_number(session: CorrectionSession) -> None:
    free = (slice(20, 24), slice(20, 24), slice(20, 24))
    outcome = session.do(Draw(drawings=(drawn(block(free)),)))
    np.testing.assert_array_equal(session.labels == 4, block(free))
    assert outcome.subject == 3
    assert session.lesions[3].edited
    assert not outcome.note


@pytest.mark.parametrize("accepted", [False, True])
def test_other_lesions_keep_their_voxels(session: CorrectionSession, accepted: bool) -> None:
    if accepted:
        session.do(Accept(lesion=2))
    session.do(Draw(drawings=(drawn(block(FIRST, SECOND), 1),)))
    np.testing.assert_array_equal(session.labels == 2, block(FIRST))
    np.testing.assert_array_equal(session.labels == 3, block(SECOND))


def test_one_action_takes_from_a_lesion_what_another_gets(session: CorrectionSession) -> None:
    """In either order of the drawings."""
    half = (*SECOND[:2], slice(30, 35))
    less = block(SECOND) & ~block(half)
    for order in (1, -1):
        session.do(Draw(drawings=(drawn(block(FIRST, half), 1), drawn(less, 2))[::order]))
        np.testing.assert_array_equal(session.labels == 2, block(FIRST, half))
        np.testing.assert_array_equal(session.labels == 3, less)
        session.undo()
    assert not session.can_undo


def test_voxels_outside_of_the_liver_count_and_are_noted(session: CorrectionSession) -> None:
    """A block of 2 x 2 x 4 at the liver's end: half of it lies outside, and is background when it is erased."""
    across = (slice(20, 22), slice(20, 22), slice(56, 60))
    outcome = session.do(Draw(drawings=(drawn(block(across)),)))
    np.testing.assert_array_equal(session.labels == 4, block(across))
    assert outcome.note == "8 of 16 painted voxels lie outside of the liver"
    session.do(Draw(drawings=(drawn(block((*across[:2], slice(56, 57))), 3),)))
    assert (session.labels[20:22, 20:22, 57] == 1).all()
    assert (session.labels[20:22, 20:22, 58:60] == 0).all()


def test_erasing_everything_removes_the_lesion(session: CorrectionSession) -> None:
    outcome = session.do(Draw(drawings=(drawn(block(), 1),)))
    assert list(session.lesions) == [2]
    assert outcome.lesions == (1,)
    assert outcome.subject is None
    session.undo()
    assert sorted(session.lesions) == [1, 2]


def test_drawing_is_replayed_from_its_log(session: CorrectionSession) -> None:
    free = (slice(20, 24), slice(20, 24), slice(20, 24))
    session.do(Draw(drawings=(drawn(block(PAINTED), 1), drawn(block(free)))))
    log = CorrectionLog.from_text(CorrectionLog.of(session).to_text())
    again = replay(session.case, log)
    np.testing.assert_array_equal(again.labels, session.labels)
    assert again.entries == session.entries


def test_what_cannot_be_drawn_is_refused(session: CorrectionSession) -> None:
    before = session.labels.copy()
    beyond = Drawing(mask=PackedMask.of((slice(39, 41), slice(0, 2), slice(0, 2)), np.ones((2, 2, 2), bool)))
    session.do(Accept(lesion=2))
    for drawings, words in (
        ((), "at least one lesion"),
        ((drawn(block()),), "nothing was painted"),
        ((drawn(block(FIRST)),), "what belongs to other lesions"),
        ((drawn(block(FIRST), 1), drawn(block(PAINTED), 1)), "once in an action"),
        ((drawn(block(PAINTED), 2),), "lesion 2 is accepted"),
        ((drawn(block(PAINTED), 7),), "there is no lesion 7"),
        ((beyond,), "outside of the volume"),
    ):
        with pytest.raises(InputError, match=words):
            session.do(Draw(drawings=drawings))
        np.testing.assert_array_equal(session.labels, before)


def test_other_volumes_on_the_way_keep_the_log_replayable(session: CorrectionSession) -> None:
    """A new run's probability comes in between two actions."""
    session.do(Draw(drawings=(drawn(block(PAINTED), 1),)))
    chances = image(np.full(SHAPE, 0.5, np.float32))
    session.replace_volumes(arterial=None, probability=chances)
    session.do(Draw(drawings=(drawn(block(FIRST), 1),)))
    assert session.case.probability is chances
    assert replay(session.case, CorrectionLog.of(session)).entries == session.entries
    with pytest.raises(InputError, match="same grid"):
        session.replace_volumes(arterial=None, probability=image(np.zeros((2, 2, 2), np.float32)))
    assert session.case.probability is chances
