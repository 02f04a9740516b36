"""The correction controller: rows, actions, undo, preview, listeners and merged findings."""

from __future__ import annotations

import json

import numpy as np
import pytest

from Testing.Slicer import cases, study_cases
from Testing.Slicer.study_cases import (
    BALLS,
    UNSEEN,
    ball,
    check_scene_is_session,
    lps_of,
    names,
    status_of,
    truth,
    voxels,
)


def test_rows_list_number_status_volume_and_center(study, controller):
    from LiverTumorAttentionLib.correction import Reject

    controller.do(Reject(lesion=2))
    rows = {row.number: row for row in controller.rows()}
    assert list(rows) == [1, 2, 3]
    assert [rows[n].status for n in rows] == ["draft", "rejected", "draft"]
    assert rows[2].volume_ml == 0
    assert rows[2].center_ras is None
    voxel_ml = 0.8 * 0.9 * 3.0 / 1000
    for number in (1, 3):
        center, radius = BALLS[number]
        assert rows[number].volume_ml == pytest.approx(np.count_nonzero(ball(center, radius)) * voxel_ml)
        np.testing.assert_allclose(rows[number].center_ras, study_cases.ras_of(study, center), atol=1e-4)
        assert rows[number].name == f"Tumor {number}"


def test_every_action_is_written_undone_and_redone(study, controller):
    from LiverTumorAttentionLib.correction import (
        HEADER_KEY,
        Accept,
        Add,
        Exclude,
        Grow,
        Merge,
        Reject,
        Remove,
    )

    places = [lps_of(study, center) for center, _ in BALLS.values()]
    actions = [
        Add(point=lps_of(study, UNSEEN[0])),
        Grow(lesion=2, distance_mm=3.0),
        Accept(lesion=2),
        Reject(lesion=1),
        Exclude(stroke=(lps_of(study, (9, 14, 37)),), lesion=4),
        Merge(lesions=(3, 4)),
        Remove(point=places[2]),
    ]
    logs = []
    for action in actions:
        logs.append((study.segmentation.GetAttribute(HEADER_KEY), names(study)))
        outcome = controller.do(action)
        assert outcome.lesions
        check_scene_is_session(study, controller)
        tools = [each["tool"] for each in json.loads(study.segmentation.GetAttribute(HEADER_KEY))["actions"]]
        assert tools == [each.tool for each in actions[: len(tools)]]
    assert names(study) == ["Liver", "Tumor 1", "Tumor 2"]
    for log, before in reversed(logs):
        controller.undo()
        check_scene_is_session(study, controller)
        assert study.segmentation.GetAttribute(HEADER_KEY) == log
        assert names(study) == before
    np.testing.assert_array_equal(controller.session.labels, truth())
    assert not controller.can_undo
    for _ in actions:
        controller.redo()
        check_scene_is_session(study, controller)
    assert not controller.can_redo
    assert [status_of(study, f"Tumor {n}") for n in (1, 2)] == ["Flagged", "Completed"]


def test_refused_action_changes_nothing(study, controller):
    from LiverTumorAttentionGui.errors import PanelError
    from LiverTumorAttentionLib.correction import HEADER_KEY, Accept, Add, Grow, Threshold
    from LiverTumorAttentionLib.errors import Cancelled
    from LiverTumorAttentionLib.progress import Progress

    controller.do(Accept(lesion=1))
    log = study.segmentation.GetAttribute(HEADER_KEY)
    outcomes = []
    controller.add_listener(outcomes.append)
    for action, words in (
        (Grow(lesion=1, distance_mm=2.0), r"^Lesion 1 is accepted: .*\.$"),
        (Threshold(lesion=2, probability=0.5), "kept no probability"),
        (Add(point=(0.0, 0.0, 0.0)), "outside of the portal volume"),
        (Grow(lesion=9, distance_mm=2.0), "There is no lesion 9"),
    ):
        with pytest.raises(PanelError, match=words):
            controller.do(action)
        with pytest.raises(PanelError, match=words):
            controller.preview(action)
    stopped = Progress(cancelled=lambda: True)
    with pytest.raises(Cancelled):
        controller.do(Add(point=lps_of(study, UNSEEN[0])), stopped)
    with pytest.raises(PanelError, match="nothing to redo"):
        controller.redo()
    controller.undo()
    with pytest.raises(PanelError, match="nothing to undo"):
        controller.undo()
    controller.redo()
    np.testing.assert_array_equal(controller.session.labels, truth())
    check_scene_is_session(study, controller)
    assert study.segmentation.GetAttribute(HEADER_KEY) == log
    assert len(outcomes) == 2


def test_listeners_are_called_until_removed(study, controller):
    from LiverTumorAttentionLib.correction import Accept

    outcomes = []
    controller.add_listener(outcomes.append)
    outcome = controller.do(Accept(lesion=1))
    assert outcomes == [outcome]
    controller.remove_listener(outcomes.append)
    controller.close()
    controller.undo()
    assert outcomes == [outcome]


@pytest.mark.parametrize("rows", [cases.TURN_AND_SHIFT, cases.SHEAR], ids=["moved", "sheared"])
def test_actions_under_a_transform(scene, tmp_path, rows):
    from LiverTumorAttentionGui.correction.correction_controller import CorrectionController
    from LiverTumorAttentionLib.correction import Grow, Reject

    portal = study_cases.add_portal(scene)
    cases.put_under_transform(scene, portal, rows)
    study = study_cases.add_study(scene, tmp_path, portal=portal)
    controller = CorrectionController(study)
    controller.do(Grow(point=lps_of(study, BALLS[1][0]), distance_mm=3.0))
    controller.do(Reject(lesion=3))
    np.testing.assert_array_equal(study_cases.sitk_array(study.instances()), controller.session.labels)
    if rows is cases.TURN_AND_SHIFT:
        check_scene_is_session(study, controller)


def test_preview_is_shown_and_restored(study, controller):
    from LiverTumorAttentionLib.correction import HEADER_KEY, Accept, Add, Grow, Remove

    controller.do(Accept(lesion=2))
    before, log = names(study), study.segmentation.GetAttribute(HEADER_KEY)
    controller.preview(Grow(lesion=1, distance_mm=3.0))
    assert np.count_nonzero(voxels(study, "Tumor 1")) > np.count_nonzero(truth() == 2)
    controller.preview(Add(point=lps_of(study, UNSEEN[0])))
    np.testing.assert_array_equal(voxels(study, "Tumor 1"), truth() == 2)
    assert voxels(study, "Tumor 4")[UNSEEN[0]]
    controller.preview(Remove(lesion=3))
    assert not voxels(study, "Tumor 3").any()
    controller.end_preview()
    controller.end_preview()
    assert names(study) == before
    assert study.segmentation.GetAttribute(HEADER_KEY) == log
    np.testing.assert_array_equal(controller.session.labels, truth())
    check_scene_is_session(study, controller)
    controller.preview(Grow(lesion=1, distance_mm=3.0))
    controller.do(Grow(lesion=3, distance_mm=1.0))
    np.testing.assert_array_equal(voxels(study, "Tumor 1"), truth() == 2)
    assert len(controller.session.entries) == 2, "a preview is no action"


def test_merge_leaves_accepted_rejected_and_edited_lesions(study, controller):
    from LiverTumorAttentionLib.correction import Accept, Add, Reject, Shrink

    controller.do(Accept(lesion=1))
    controller.do(Reject(lesion=2))
    controller.do(Shrink(lesion=3, distance_mm=1.0))
    controller.do(Add(point=lps_of(study, UNSEEN[0])))
    before = controller.session.labels.copy()
    found = np.minimum(truth(), 1)
    found[ball(BALLS[1][0], 7.0)] = 2
    found[ball(BALLS[2][0], 5.0)] = 3
    found[ball((11, 33, 38), 3.0)] = 4
    outcome = controller.merge(study.grid.image(found), model="other")
    assert outcome.lesions == (5,)
    after = before.copy()
    after[ball((11, 33, 38), 3.0)] = 6
    np.testing.assert_array_equal(controller.session.labels, after)
    check_scene_is_session(study, controller)
    assert [row.edited for row in controller.rows()] == [False, False, True, True, False]
    controller.undo()
    np.testing.assert_array_equal(controller.session.labels, before)
    check_scene_is_session(study, controller)


def test_merge_on_another_grid_is_refused(study, controller):
    from LiverTumorAttentionGui.errors import PanelError

    image = study.grid.image(truth())
    image.SetOrigin((0, 0, 0))
    with pytest.raises(PanelError, match="do not lie on the same grid"):
        controller.merge(image, model=None)
    check_scene_is_session(study, controller)


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("std::bad_alloc"), RuntimeError("Failed to allocate memory for image.")],
    ids=["numpy", "C++", "SimpleITK"],
)
def test_a_click_that_finds_no_memory_says_so_and_changes_nothing(study, controller, monkeypatch, error):
    from LiverTumorAttentionGui.errors import PanelError
    from LiverTumorAttentionLib.correction import Add, Grow
    from LiverTumorAttentionLib.correction.algorithm import click_segmentation

    def fail(*_, **__):
        raise error

    before = (controller.session.labels.tobytes(), names(study), controller.can_undo)
    with monkeypatch.context() as patched:
        patched.setattr(click_segmentation, "random_walk", fail)
        with pytest.raises(PanelError, match=r"This computer has too little free memory .* more memory\.$"):
            controller.do(Add(point=lps_of(study, UNSEEN[0])))
    assert (controller.session.labels.tobytes(), names(study), controller.can_undo) == before
    check_scene_is_session(study, controller)
    assert controller.do(Grow(lesion=2, distance_mm=3.0)).lesions
