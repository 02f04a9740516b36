"""Clicks that a network answers in a session: the log names it, and a replay asks for the same one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from LiverTumorAttentionLib.correction import (
    Add,
    ClickModel,
    CorrectionCase,
    CorrectionLog,
    CorrectionSession,
    Exclude,
    Grow,
    Include,
    replay,
)
from LiverTumorAttentionLib.correction.click_network.channels import CHANNELS
from LiverTumorAttentionLib.errors import InputError
from Testing.Library.correction.made_case import BRIGHT, DARK, ball, dice, made_case

PORTAL, INCLUDE, EXCLUDE = (CHANNELS.index(name) for name in ("portal", "include", "exclude"))


def dark(values: np.ndarray) -> np.ndarray:
    """A network's place: what is darker than the liver by 20 HU, but for what lies around a click that excludes."""
    return ((values[PORTAL] < -0.4) & (values[PORTAL] > -3) & (values[EXCLUDE] < 0.6)).astype(np.float32)


MODEL = ClickModel(id="threshold", sha256="0" * 64, predict=dark)


@pytest.fixture(scope="module")
def case() -> CorrectionCase:
    return made_case((DARK, replace(BRIGHT, number=1)))


def session_of(case: CorrectionCase) -> CorrectionSession:
    """Return a session with an added lesion and a correction of either kind."""
    session = CorrectionSession(case, clicks=MODEL)
    z, y, x = DARK.center
    session.do(Add(point=case.point_at((z, y, x))))
    session.do(Exclude(stroke=(case.point_at((z, y + 3, x)),), lesion=2))
    session.do(Include(stroke=(case.point_at((z, y + 3, x)),), lesion=2))
    session.do(Grow(lesion=2, distance_mm=2.0))
    return session


def test_an_added_lesion_is_the_network_s(case: CorrectionCase) -> None:
    session = CorrectionSession(case, clicks=MODEL)
    session.do(Add(point=case.point_at(DARK.center)))
    assert dice(session.labels == 3, ball(DARK.center, DARK.radius_mm)) > 0.97
    np.testing.assert_array_equal(session.labels == 2, ball(BRIGHT.center, BRIGHT.radius_mm))


def test_the_network_sees_all_clicks_on_a_lesion(case: CorrectionCase) -> None:
    peaks: list[tuple[float, float]] = []

    def seen(values: np.ndarray) -> np.ndarray:
        peaks.append((float(values[INCLUDE].sum()), float(values[EXCLUDE].sum())))
        return dark(values)

    session = CorrectionSession(case, clicks=replace(MODEL, predict=seen))
    z, y, x = DARK.center
    session.do(Add(point=case.point_at((z, y, x))))
    assert peaks[-1][0] > 0
    assert peaks[-1][1] == 0
    session.do(Exclude(stroke=(case.point_at((z, y + 6, x)),), lesion=2))
    assert min(peaks[-1]) > 0
    assert session.labels[z, y + 6, x] == 1


def test_the_log_names_the_network_at_clicks_alone_and_is_read_again(case: CorrectionCase) -> None:
    log = CorrectionLog.of(session_of(case))
    name = "threshold sha256:" + "0" * 64
    assert [entry.answered_by for entry in log.entries] == [name, name, name, None]
    assert CorrectionLog.from_text(log.to_text()) == log


def test_a_replay_by_the_same_network_gives_the_same_labels(case: CorrectionCase) -> None:
    session = session_of(case)
    again = replay(case, CorrectionLog.of(session), clicks=MODEL)
    np.testing.assert_array_equal(again.labels, session.labels)


@pytest.mark.parametrize(
    ("clicks", "what"),
    [(None, "none is given"), (replace(MODEL, sha256="1" * 64), "threshold sha256:1{64} is given")],
)
def test_a_replay_says_when_the_network_is_another(
    case: CorrectionCase, clicks: ClickModel | None, what: str
) -> None:
    log = CorrectionLog.of(session_of(case))
    with pytest.raises(
        InputError, match=rf"action 1 of the log \(add\) was answered by the network .*, and {what}"
    ):
        replay(case, log, clicks=clicks)


def test_what_the_random_walker_answered_is_replayed_by_it_whatever_network_is_given(
    case: CorrectionCase,
) -> None:
    session = CorrectionSession(case)
    session.do(Add(point=case.point_at(DARK.center)))
    log = CorrectionLog.of(session)
    assert "answered_by" not in log.to_text()
    again = replay(case, log, clicks=MODEL)
    np.testing.assert_array_equal(again.labels, session.labels)
