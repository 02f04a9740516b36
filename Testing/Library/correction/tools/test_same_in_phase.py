"""Prompts answered by one phase alone, and a lesion redrawn as the other phase shows it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from LiverTumorAttentionLib.correction import (
    TOOLS,
    Accept,
    Add,
    AddByBox,
    AddByLine,
    ClickModel,
    CorrectionCase,
    CorrectionSession,
    Exclude,
    Include,
    Lasso,
    SameInPhase,
    replay,
)
from LiverTumorAttentionLib.correction.click_network.channels import CHANNELS
from LiverTumorAttentionLib.correction.log import CorrectionLog
from LiverTumorAttentionLib.correction.prompts import read_prompts
from LiverTumorAttentionLib.errors import InputError
from Testing.Library.correction.drawn import circle
from Testing.Library.correction.made_case import BRIGHT, Ball, ball, dice, made_case

CENTER = (20, 28, 30)
WIDE = Ball(center=CENTER, radius_mm=13.0, portal=-40.0, arterial=0.0)
"""Dark in the portal phase, and not to be seen in the arterial one,"""
CORE = Ball(center=CENTER, radius_mm=7.0, portal=-40.0, arterial=50.0)
"""but for a core that enhances."""
EXTENT = {"portal": ball(CENTER, 13.0), "arterial": ball(CENTER, 7.0)}
OTHER = {"portal": "arterial", "arterial": "portal"}


@pytest.fixture(scope="module")
def case() -> CorrectionCase:
    return made_case((WIDE, CORE))


def prompts(case: CorrectionCase, phase: str) -> dict[str, object]:
    z, y, x = CENTER
    half = round((13.0 if phase == "portal" else 7.0) / 1.25)
    return {
        "add": Add(point=case.point_at(CENTER), phase=phase),
        "line": AddByLine(
            points=(case.point_at((z, y, x - half)), case.point_at((z, y, x + half))), phase=phase
        ),
        "box": AddByBox(
            points=(case.point_at((z, y - half, x - half)), case.point_at((z, y + half, x + half))),
            phase=phase,
        ),
        "lasso": Lasso(points=circle(case, CENTER, 13.0 if phase == "portal" else 7.0), phase=phase),
    }


@pytest.mark.parametrize("phase", OTHER)
@pytest.mark.parametrize("tool", ["add", "line", "box", "lasso"])
def test_a_prompt_placed_in_a_phase_is_answered_by_what_that_shows(
    case: CorrectionCase, tool: str, phase: str
) -> None:
    session = CorrectionSession(case)
    session.do(prompts(case, phase)[tool])
    assert dice(session.labels == 2, EXTENT[phase]) > 0.9


@pytest.mark.parametrize("phase", OTHER)
def test_a_phase_s_answer_does_not_depend_on_the_other_nor_on_the_probability(
    case: CorrectionCase, phase: str
) -> None:
    changed = {
        "portal": {"arterial": None, "probability": None},
        "arterial": {
            "portal": case.portal + 3,
            "probability": None,
        },  # fat is told by the portal phase: not noise
    }
    other = replace(case, **changed[phase])
    labels = []
    for each in (case, other):
        session = CorrectionSession(each)
        session.do(Add(point=each.point_at(CENTER), phase=phase))
        session.do(Exclude(stroke=(each.point_at((20, 28, 33)),), phase=phase))
        labels.append(session.labels)
    if phase == "portal":
        np.testing.assert_array_equal(*labels)
    else:  # where the arterial liver is sampled depends on the portal mode, by a voxel of noise
        assert dice(*(each == 2 for each in labels)) > 0.98


def test_a_stroke_in_a_phase_follows_that_phase(case: CorrectionCase) -> None:
    """From the enhancing core, a click on the dark rim: it is included by the portal phase, which shows the rim."""
    z, y, x = CENTER
    grown = {}
    for phase in OTHER:
        session = CorrectionSession(case)
        session.do(Add(point=case.point_at(CENTER), phase="arterial"))
        session.do(Include(stroke=(case.point_at((z, y, x + 8)),), phase=phase))
        grown[phase] = dice(session.labels == 2, EXTENT["portal"])
    assert grown["portal"] > grown["arterial"] + 0.1


@pytest.mark.parametrize("phase", OTHER)
@pytest.mark.parametrize("tool", ["add", "line", "box", "lasso"])
def test_the_same_lesion_is_redrawn_as_the_other_phase_shows_it(
    case: CorrectionCase, tool: str, phase: str
) -> None:
    session = CorrectionSession(case)
    session.do(prompts(case, phase)[tool])
    before = session.labels.copy()
    outcome = session.do(SameInPhase(lesion=1, phase=OTHER[phase]))
    assert outcome.subject == 1
    assert dice(session.labels == 2, EXTENT[OTHER[phase]]) > 0.9
    assert session.lesions[1].outlines == ()
    session.undo()
    np.testing.assert_array_equal(session.labels, before)


def test_the_note_says_the_volume_in_both(case: CorrectionCase) -> None:
    session = CorrectionSession(case)
    session.do(Add(point=case.point_at(CENTER), phase="portal"))
    before = np.count_nonzero(session.labels == 2) * case.voxel_mm3 / 1000
    note = session.do(SameInPhase(lesion=1, phase="arterial")).note
    after = np.count_nonzero(session.labels == 2) * case.voxel_mm3 / 1000
    assert note == f"lesion 1 has {after:.2f} mL in the arterial phase, and had {before:.2f} mL"


def test_what_was_excluded_stays_out(case: CorrectionCase) -> None:
    z, y, x = CENTER
    out = (z, y + 7, x)
    session = CorrectionSession(case)
    session.do(Add(point=case.point_at(CENTER), phase="portal"))
    session.do(Exclude(stroke=(case.point_at(out),), phase="portal"))
    session.do(SameInPhase(lesion=1, phase="arterial"))
    session.do(SameInPhase(lesion=1, phase="portal"))
    assert session.labels[out] == 1
    assert session.labels[CENTER] == 2


def test_a_lesion_without_clicks_is_answered_from_its_deepest_voxel() -> None:
    case = made_case((replace(WIDE, number=1), CORE))
    session = CorrectionSession(case)
    session.do(SameInPhase(lesion=1, phase="arterial"))
    assert dice(session.labels == 2, EXTENT["arterial"]) > 0.9


def test_a_lesion_that_the_phase_does_not_show_stays_and_it_is_said() -> None:
    dark = Ball(center=(12, 20, 20), radius_mm=9.0, portal=-40.0, arterial=0.0, number=1)
    session = CorrectionSession(made_case((dark, BRIGHT)))
    with pytest.raises(
        InputError, match=r"lesion 1 does not stand out from the liver in the arterial phase \(\d HU, noise"
    ):
        session.do(SameInPhase(lesion=1, phase="arterial"))
    assert not session.entries


def test_a_network_answers_by_the_portal_phase_and_is_shown_no_other(case: CorrectionCase) -> None:
    seen: list[np.ndarray] = []

    def dark(values: np.ndarray) -> np.ndarray:
        seen.append(values)
        portal = values[CHANNELS.index("portal")]
        return ((portal < -0.4) & (portal > -3)).astype(np.float32)

    model = ClickModel(id="dark", sha256="0" * 64, predict=dark)
    session = CorrectionSession(case, clicks=model)
    session.do(Add(point=case.point_at(CENTER), phase="arterial"))
    assert not seen, "the network knows no lesion by the arterial phase alone"
    session.do(SameInPhase(lesion=1, phase="portal"))
    session.do(Lasso(points=circle(case, (10, 15, 15), 5.0), phase="portal"))
    hidden = [CHANNELS.index(name) for name in ("arterial", "arterial given", "probability given")]
    assert len(seen) >= 2
    assert not any(values[hidden].any() for values in seen)
    assert [entry.answered_by for entry in session.entries] == [None, model.name, model.name]


def test_it_is_logged_replayed_and_read_from_prompts(case: CorrectionCase) -> None:
    session = CorrectionSession(case)
    session.do(Add(point=case.point_at(CENTER), phase="arterial"))
    session.do(SameInPhase(lesion=1, phase="portal"))
    log = CorrectionLog.from_text(CorrectionLog.of(session).to_text())
    np.testing.assert_array_equal(replay(case, log).labels, session.labels)
    (prompt,) = read_prompts('{"same_in_phase": [{"lesion": 1, "phase": "portal"}]}', case.portal)
    assert prompt.action == SameInPhase(lesion=1, phase="portal")


def test_what_cannot_be_answered_by_a_phase_is_refused(case: CorrectionCase) -> None:
    alone = replace(case, arterial=None)
    session = CorrectionSession(alone)
    session.do(Add(point=case.point_at(CENTER)))
    with pytest.raises(
        InputError, match="the arterial phase shows nothing of the liver here, or is not given"
    ):
        session.do(SameInPhase(lesion=1, phase="arterial"))
    with pytest.raises(InputError, match="the phase must be 'portal' or 'arterial', got 'venous'"):
        session.do(SameInPhase(lesion=1, phase="venous"))
    session.do(Accept(lesion=1))
    with pytest.raises(InputError, match="lesion 1 is accepted"):
        session.do(SameInPhase(lesion=1, phase="portal"))
    assert "same_in_phase" in TOOLS
