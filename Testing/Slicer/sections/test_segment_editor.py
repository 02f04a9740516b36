"""The Segment Editor inside the panel: restricted to the liver, its painting one step of the correction."""

from __future__ import annotations

import numpy as np
import pytest

from Testing.Slicer import study_cases
from Testing.Slicer.panel_cases import select

BOX = np.s_[7:9, 12:15, 18:22]


def paint(study, number, box):
    """Paint voxels of a tumor as the Segment Editor does: into its segment alone."""
    import slicer

    segmentation = study.segmentation.GetSegmentation()
    segment_id = segmentation.GetSegmentIdBySegmentName(f"Tumor {number}")
    voxels = slicer.util.arrayFromSegmentBinaryLabelmap(study.segmentation, segment_id, study.portal).copy()
    voxels[box] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(voxels, study.segmentation, segment_id, study.portal)


def test_brush_is_restricted_to_the_liver(panel, scene, study):
    import slicer

    box, editor = panel.ui.brushGroupBox, panel.ui.segmentEditor
    assert box.collapsed
    box.collapsed = False
    node = editor.mrmlSegmentEditorNode()
    assert editor.segmentationNode() is study.segmentation
    assert editor.sourceVolumeNode() is study.portal
    assert node.GetMaskMode() == slicer.vtkMRMLSegmentationNode.EditAllowedInsideSingleSegment
    liver = study.segmentation.GetSegmentation().GetSegmentIdBySegmentName("Liver")
    assert node.GetMaskSegmentID() == liver
    assert node.GetOverwriteMode() == node.OverwriteNone
    box.collapsed = True
    assert editor.mrmlSegmentEditorNode() is None


def test_brush_paints_the_selected_tumor_and_never_the_liver(panel, study):
    editor = panel.ui.segmentEditor
    segmentation = study.segmentation.GetSegmentation()

    def painted():
        return segmentation.GetSegment(editor.currentSegmentID()).GetName()

    panel.ui.brushGroupBox.collapsed = False
    assert painted() == "Tumor 1", "the first draft"
    select(panel, 1)
    assert painted() == "Tumor 2"
    panel.ui.acceptButton.click()
    select(panel, 2)
    select(panel, 1)
    assert painted() == "Tumor 1", "an accepted tumor keeps its shape"


@pytest.mark.parametrize("how", ["close", "tool", "button", "effect", "leave"])
def test_painting_becomes_one_action(panel, study, wait_until, how):
    panel.ui.brushGroupBox.collapsed = False
    select(panel, 1)
    panel.ui.segmentEditor.setActiveEffectByName("Paint")
    paint(study, 1, BOX)
    session = panel.active_case.controller.session
    if how == "close":
        panel.ui.brushGroupBox.collapsed = True
    elif how == "tool":
        panel.ui.addButton.click()
        assert panel.ui.brushGroupBox.collapsed
    elif how == "button":
        panel.ui.smoothButton.click()
    elif how == "effect":
        panel.ui.segmentEditor.setActiveEffectByName("Erase")
        wait_until(lambda: session.entries, "the painting was taken in")
    else:
        panel.leave()
    assert session.entries[0].action.tool == "draw"
    assert (session.labels[BOX] == 2).all()
    assert len(session.entries) == (2 if how == "button" else 1)


def test_accepted_tumors_keep_their_shape_under_the_brush(panel, study):
    select(panel, 0)
    panel.ui.acceptButton.click()
    before = study_cases.voxels(study, "Tumor 1")
    panel.ui.brushGroupBox.collapsed = False
    paint(study, 1, BOX)
    panel.ui.brushGroupBox.collapsed = True
    np.testing.assert_array_equal(study_cases.voxels(study, "Tumor 1"), before)
    assert "accepted" in panel.ui.correctStatusLabel.text
