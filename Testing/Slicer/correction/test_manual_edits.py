"""Edits made in the Segment Editor become one action, or are reverted."""

from __future__ import annotations

import numpy as np
import pytest

from Testing.Slicer.study_cases import (
    BALLS,
    SHAPE,
    UNSEEN,
    ball,
    check_scene_is_session,
    names,
    paint,
    status_of,
    truth,
    voxels,
)


def test_edits_of_several_lesions_are_one_action(study, controller):
    assert controller.apply_manual_edits() is None
    one, two = ball((7, 15, 15), 6.0), ball((8, 26, 31), 3.0)
    paint(study, "Tumor 1", one)
    paint(study, "Tumor 2", two)
    outcome = controller.apply_manual_edits()
    assert outcome.lesions == (1, 2)
    np.testing.assert_array_equal(controller.session.labels == 2, one)
    np.testing.assert_array_equal(controller.session.labels == 3, two)
    check_scene_is_session(study, controller)
    assert [row.edited for row in controller.rows()] == [True, True, False]
    assert len(controller.session.entries) == 1
    assert controller.apply_manual_edits() is None
    controller.undo()
    np.testing.assert_array_equal(controller.session.labels, truth())
    check_scene_is_session(study, controller)


def test_edits_are_applied_before_the_next_action(study, controller):
    from LiverTumorAttentionLib.correction import Accept

    painted = ball((7, 15, 15), 6.0)
    paint(study, "Tumor 1", painted)
    controller.do(Accept(lesion=2))
    assert [entry.action.tool for entry in controller.session.entries] == ["draw", "accept"]
    np.testing.assert_array_equal(voxels(study, "Tumor 1"), painted)
    check_scene_is_session(study, controller)


def test_edits_of_accepted_and_rejected_lesions_are_reverted(study, controller):
    """The brush goes over an accepted lesion, into a rejected one, and widens a draft onto the accepted one."""
    from LiverTumorAttentionLib.correction import Accept, Reject

    controller.do(Accept(lesion=1))
    controller.do(Reject(lesion=2))
    paint(study, "Tumor 1", np.zeros(SHAPE, bool))
    paint(study, "Tumor 2", ball(BALLS[2][0], 5.0))
    paint(study, "Tumor 3", ball((6, 22, 14), 9.0))
    outcome = controller.apply_manual_edits()
    assert outcome.note == "Lesion 1 is accepted and was put back, lesion 2 is rejected and was put back."
    np.testing.assert_array_equal(voxels(study, "Tumor 1"), truth() == 2)
    assert not voxels(study, "Tumor 2").any()
    np.testing.assert_array_equal(voxels(study, "Tumor 3"), ball((6, 22, 14), 9.0) & (truth() != 2))
    check_scene_is_session(study, controller)


def test_deleted_draft_is_removed_and_accepted_lesion_restored(study, controller):
    """A draft is removed with its segment; an accepted lesion gets its segment again."""
    from LiverTumorAttentionLib.correction import Accept

    controller.do(Accept(lesion=1))
    segmentation = study.segmentation.GetSegmentation()
    segmentation.RemoveSegment("Tumor_1")
    segmentation.RemoveSegment("Tumor_2")
    controller.apply_manual_edits()
    assert names(study) == ["Liver", "Tumor 1", "Tumor 3"]
    np.testing.assert_array_equal(voxels(study, "Tumor 1"), truth() == 2)
    check_scene_is_session(study, controller)
    assert status_of(study, "Tumor 1") == "Completed"
    controller.undo()
    assert names(study) == ["Liver", "Tumor 1", "Tumor 2", "Tumor 3"]
    check_scene_is_session(study, controller)


def test_painted_segment_becomes_a_lesion(study, controller):
    segmentation = study.segmentation.GetSegmentation()
    made = segmentation.AddEmptySegment("", "")
    name = segmentation.GetSegment(made).GetName()
    painted = ball(*UNSEEN)
    paint(study, name, painted)
    assert controller.apply_manual_edits() is None, "a segment of another name is no lesion by itself"
    outcome = controller.apply_manual_edits([made])
    assert (outcome.subject, outcome.lesions) == (4, (4,))
    row = controller.rows()[-1]
    assert (row.number, row.segment_id, row.name, row.edited) == (4, made, "Tumor 4", True)
    np.testing.assert_array_equal(voxels(study, "Tumor 4"), painted)
    check_scene_is_session(study, controller)
    controller.undo()
    controller.redo()
    check_scene_is_session(study, controller)


def test_refused_edit_is_reverted(study, controller):
    """A new lesion on nothing but another lesion's voxels."""
    import slicer

    from LiverTumorAttentionGui.errors import PanelError
    from LiverTumorAttentionGui.scene.voxel_grid import voxel_array

    image = study.layers().new_image(tuple(slice(0, n) for n in SHAPE))
    voxel_array(image)[...] = truth() == 2
    segment = slicer.vtkSegment()
    segment.SetName("mine")
    segment.AddRepresentation("Binary labelmap", image)
    study.segmentation.GetSegmentation().AddSegment(segment, "mine")
    with pytest.raises(PanelError, match="belongs to other lesions"):
        controller.apply_manual_edits(["mine"])
    np.testing.assert_array_equal(controller.session.labels, truth())
    assert not controller.can_undo
