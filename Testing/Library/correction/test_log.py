"""The log: its content, replay and resumption, and logs that are refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.correction import (
    Accept,
    Add,
    CorrectionCase,
    CorrectionLog,
    CorrectionSession,
    Exclude,
    Grow,
    Include,
    Reject,
    Remove,
    Revise,
    Threshold,
    merge_new_findings,
    replay,
    resume,
)
from LiverTumorAttentionLib.correction.log_codec import PackedMask
from LiverTumorAttentionLib.errors import InputError
from Testing.Library.correction.made_case import SHAPE, Ball, ball, image, made_case, oblique

BALLS = (
    Ball(center=(12, 20, 20), radius_mm=9.0, number=1),
    Ball(center=(24, 36, 40), radius_mm=8.0, portal=0.0, arterial=45.0, number=2),
    Ball(center=(28, 18, 44), radius_mm=6.0, portal=-60.0),
)


@pytest.fixture(scope="module")
def case() -> CorrectionCase:
    return made_case(BALLS, direction=oblique())


@pytest.fixture
def session(case: CorrectionCase) -> CorrectionSession:
    """Some corrections: a lesion added and refined, one accepted, one rejected."""
    session = CorrectionSession(case, clock=lambda: "2026-01-02T03:04:05+00:00")
    session.do(Add(point=case.point_at((28, 18, 44))))
    session.do(Include(stroke=(case.point_at((28, 18, 48)), case.point_at((27, 18, 48)))))
    session.do(Exclude(stroke=(case.point_at((12, 20, 26)),), lesion=1))
    session.do(Accept(lesion=1))
    session.do(Reject(lesion=2))
    return session


def test_the_content_of_a_log(case: CorrectionCase, session: CorrectionSession) -> None:
    session.do(Grow(lesion=3, distance_mm=2.0))
    session.undo()
    values = json.loads(CorrectionLog.of(session).to_text())
    assert values["notice"].lower().startswith("not for clinical use")
    assert [action["tool"] for action in values["actions"]] == [
        "add",
        "include",
        "exclude",
        "accept",
        "reject",
    ]
    first = values["actions"][0]
    assert first["parameters"]["point"] == pytest.approx(case.point_at((28, 18, 44)))
    assert (first["model"], first["time"]) == ("made", "2026-01-02T03:04:05+00:00")
    assert {lesion["number"]: lesion["status"] for lesion in values["lesions"]} == {
        1: "accepted",
        2: "rejected",
        3: "draft",
    }


def test_a_log_gives_the_same_result_bit_by_bit(case: CorrectionCase, session: CorrectionSession) -> None:
    log = CorrectionLog.from_text(CorrectionLog.of(session).to_text())
    again = replay(case, log)
    assert again.labels.tobytes() == session.labels.tobytes()
    assert dict(again.lesions) == dict(session.lesions)
    assert CorrectionLog.of(again).to_text() == CorrectionLog.of(session).to_text()
    while again.can_undo:
        again.undo()
    np.testing.assert_array_equal(again.labels, case.start)


@pytest.mark.parametrize("answered_by", ["walker", "network"])
def test_the_number_of_threads_changes_nothing(answered_by: str) -> None:
    """The same prompts in processes of one and of four threads, by the random walker and by the network that ships."""
    if answered_by == "network":
        pytest.importorskip("torch")
    script = (
        "from LiverTumorAttentionLib.correction import *\n"
        "from LiverTumorAttentionLib.pipeline.refine import read_click_model\n"
        "from Testing.Library.correction.drawn import circle\n"
        "from Testing.Library.correction.made_case import *\n"
        f"clicks = read_click_model('clicks') if {answered_by == 'network'} else None\n"
        "if clicks is not None:\n"
        "    import os, torch\n"
        "    torch.set_num_threads(int(os.environ['OMP_NUM_THREADS']))\n"
        "case = made_case((DARK, BRIGHT)); session = CorrectionSession(case, clicks=clicks)\n"
        "session.do(Add(point=case.point_at(BRIGHT.center)))\n"
        "session.do(Include(stroke=(case.point_at((24, 36, 47)),)))\n"
        "session.do(Exclude(stroke=(case.point_at((24, 36, 46)),)))\n"
        "session.do(Lasso(points=circle(case, DARK.center, 8.0)))\n"
        "session.do(SameInPhase(lesion=2, phase='portal'))\n"
        "session.do(AddByBox(points=(case.point_at((28, 12, 10)), case.point_at((32, 20, 20)))))\n"
        "session.do(AddByLine(points=(case.point_at((8, 40, 10)), case.point_at((8, 40, 18))), phase='arterial'))\n"
        "if clicks is not None:\n"
        "    print('threads', torch.get_num_threads())\n"
        "print([(entry.answered_by, entry.checksum) for entry in session.entries])\n"
    )
    printed, counted = set(), set()
    for threads in ("1", "4"):
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS")
        environment = {**os.environ, **dict.fromkeys((*names, "MKL_NUM_THREADS"), threads)}
        root = Path(__file__).resolve().parents[3]
        run = subprocess.run(
            [sys.executable, "-c", script],
            cwd=root,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        *count, answers = run.stdout.splitlines()
        printed.add(answers)
        counted.add(tuple(count))
    assert len(printed) == 1
    assert answered_by == "walker" or counted == {("threads 1",), ("threads 4",)}


def test_resuming_keeps_status_and_numbers(case: CorrectionCase, session: CorrectionSession) -> None:
    saved = CorrectionCase(
        portal=case.portal,
        arterial=case.arterial,
        probability=case.probability,
        instances=session.instances(),
    )
    later = resume(saved, CorrectionLog.from_text(CorrectionLog.of(session).to_text()))
    np.testing.assert_array_equal(later.labels, session.labels)
    assert dict(later.lesions) == dict(session.lesions)
    with pytest.raises(InputError, match=r"lesion 1 is accepted"):
        later.do(Grow(lesion=1, distance_mm=2.0))
    found = np.ones(SHAPE, np.uint16)
    found[ball((24, 36, 40), 8.0)] = 2
    merge_new_findings(later, image(found, direction=oblique()))
    assert (later.labels == 3).sum() == 0
    later.do(Remove(lesion=3))
    assert later.next_number == 4
    assert not later.can_redo


def test_a_resumed_log_replays_from_the_first_segmentation(
    case: CorrectionCase, session: CorrectionSession
) -> None:
    saved = CorrectionCase(
        portal=case.portal,
        arterial=case.arterial,
        probability=case.probability,
        instances=session.instances(),
        model="made",
    )
    later = resume(saved, CorrectionLog.of(session))
    later.do(Revise(lesion=2))
    later.do(Grow(lesion=2, distance_mm=2.0))
    again = replay(case, CorrectionLog.from_text(CorrectionLog.of(later).to_text()))
    np.testing.assert_array_equal(again.labels, later.labels)
    assert len(again.entries) == 7


def test_another_segmentation_volume_or_grid_is_refused(
    case: CorrectionCase, session: CorrectionSession
) -> None:
    log = CorrectionLog.of(session)
    with pytest.raises(InputError, match=r"not the segmentation that the log of corrections begins with"):
        replay(made_case(BALLS[:1], direction=oblique()), log)
    noisier = made_case(BALLS, direction=oblique(), seed=1)
    with pytest.raises(InputError, match=r"action 3 of the log \(exclude\) came out differently"):
        replay(noisier, log)
    with pytest.raises(InputError, match=r"is about a volume of .* or lies elsewhere"):
        replay(made_case(BALLS), log)
    with pytest.raises(InputError, match=r"knows lesion 3, but the segmentation has none of this number"):
        resume(case, log)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v.update(format="corrections 9"), r"no log of corrections that this version can read"),
        (lambda v: v.update(color="red"), r"unknown key 'color'"),
        (lambda v: v["actions"][0].update(tool="ad"), r"action 1: there is no tool 'ad'; did you mean 'add'"),
        (lambda v: v["actions"][0]["parameters"].update(pint=1), r"unknown key 'pint'; did you mean 'point'"),
        (lambda v: v["lesions"][0].update(status="maybe"), r"lesion 1 cannot be 'maybe'"),
        (lambda v: v.pop("grid"), r"the key 'grid' is missing"),
        (lambda v: v["grid"].update(size=[2, 3]), r"needs 3 numbers as size, got 2"),
        (lambda v: v["grid"].update(spacing_mm=[1.0] * 4), r"needs 3 numbers as spacing_mm, got 4"),
        (lambda v: v["grid"].update(origin_mm=[]), r"needs 3 numbers as origin_mm, got 0"),
        (lambda v: v["grid"].update(direction=[1.0] * 3), r"needs 9 numbers as direction, got 3"),
        (lambda v: v["grid"].update(size=[0, 3, 3]), r"must have voxels of some size"),
        (lambda v: v["grid"].update(spacing_mm=[0.0, 1.0, 1.0]), r"must have voxels of some size"),
    ],
)
def test_invalid_logs_are_refused(session: CorrectionSession, change, message: str) -> None:
    values = json.loads(CorrectionLog.of(session).to_text())
    change(values)
    with pytest.raises(InputError, match=message):
        CorrectionLog.from_text(json.dumps(values))


def test_text_that_is_no_json() -> None:
    with pytest.raises(InputError, match=r"the log of corrections is no valid JSON"):
        CorrectionLog.from_text("{")
    with pytest.raises(InputError, match=r"no log of corrections"):
        CorrectionLog.from_text("[1, 2]")


def test_masks_survive_as_text() -> None:
    rng = np.random.default_rng(0)
    mask = rng.random((5, 7, 9)) < 0.3
    packed = PackedMask.of((slice(2, 7), slice(1, 8), slice(0, 9)), mask)
    np.testing.assert_array_equal(packed.mask(), mask)
    assert packed.box == (slice(2, 7), slice(1, 8), slice(0, 9))


@pytest.mark.parametrize(
    "change",
    [
        {"bits": "no base64!"},
        {"bits": "AAAA"},
        {"shape": (5, 7, 900)},
        {"shape": (0, 7, 9)},
        {"corner": (-1, 0, 0)},
    ],
)
def test_a_damaged_mask_is_refused(change: dict) -> None:
    packed = PackedMask.of((slice(0, 5), slice(0, 7), slice(0, 9)), np.ones((5, 7, 9), bool))
    values = {"corner": packed.corner, "shape": packed.shape, "bits": packed.bits} | change
    with pytest.raises(InputError, match=r"a mask in the log of corrections is damaged"):
        PackedMask(**values).mask()


def test_a_log_whose_first_action_does_nothing_here_is_refused() -> None:
    case = made_case((Ball(center=(20, 28, 22), radius_mm=8.0, number=1),))
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
