"""The section Correct on a real controller: rows, buttons, slider and keys, as a user meets them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from Testing.Slicer import study_cases
from Testing.Slicer.panel_cases import rows, select, voxels


def test_without_a_study_the_section_shows_the_reason(panel, scene):
    assert not panel.ui.correctContent.enabled
    assert "Choose a case first" in panel.ui.correctStatusLabel.text
    bare = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "bare")
    panel.ui.studySelector.setCurrentNode(bare)
    assert not panel.ui.correctContent.enabled
    assert "bare" in panel.ui.correctStatusLabel.text
    assert "portal venous volume" in panel.ui.correctStatusLabel.text


def test_one_row_a_tumor(panel, study):
    assert [[*row[:2], row[-1]] for row in rows(panel)] == [[f"Tumor {n}", "draft", ""] for n in (1, 2, 3)]
    volume_ml = float(rows(panel)[0][2])
    assert volume_ml == pytest.approx(voxels(panel, 1) * 0.8 * 0.9 * 3.0 / 1000, abs=0.006)


def test_a_segment_that_is_left_out_is_said_and_taken_in_by_its_name(panel, scene, tmp_path):
    study = study_cases.add_study(scene, tmp_path)
    segmentation = study.segmentation.GetSegmentation()
    segment = segmentation.GetSegment(segmentation.GetSegmentIdBySegmentName("Tumor 2"))
    segment.SetName("Region")
    for tag in ("TerminologyEntry", "LiverTumorAttention.Lesion"):
        segment.RemoveTag(tag)
    panel.ui.studySelector.setCurrentNode(study.segmentation)
    text = panel.ui.correctStatusLabel.text
    assert text.startswith(
        "1 segment of the segmentation left out: “Region” (neither liver nor tumor by code or name). "
    )
    assert "such as Tumor 3, or choose its terminology" in text
    assert [row[0] for row in rows(panel)] == ["Tumor 1", "Tumor 3"]
    segment.SetName("Tumor 7")
    select(panel, 0)
    panel.ui.acceptButton.click()
    assert [row[0] for row in rows(panel)] == ["Tumor 1", "Tumor 3", "Tumor 4"]


def test_selecting_a_row_shows_the_tumor_in_all_views(panel, scene, study):
    view = scene.AddNewNodeByClass("vtkMRMLSliceNode")
    camera = scene.AddNewNodeByClass("vtkMRMLCameraNode")
    select(panel, 1)
    center = study_cases.ras_of(study, study_cases.BALLS[2][0])
    shown = [view.GetSliceToRAS().GetElement(row, 3) for row in range(3)]
    np.testing.assert_allclose(shown, center, atol=0.01)
    np.testing.assert_allclose(camera.GetFocalPoint(), center, atol=0.01)
    panel.ui.nextButton.click()
    assert panel.correct._table.numbers == [3]
    np.testing.assert_allclose(
        camera.GetFocalPoint(), study_cases.ras_of(study, study_cases.BALLS[3][0]), atol=0.01
    )
    panel.ui.nextButton.click()
    assert panel.correct._table.numbers == [1], "round the end"
    panel.ui.previousButton.click()
    assert panel.correct._table.numbers == [3]


def test_decisions_lock_and_revise_unlocks(panel, study):
    ui = panel.ui
    assert not ui.acceptButton.enabled, "nothing is selected"
    select(panel, 0)
    ui.acceptButton.click()
    assert rows(panel)[0][1] == "accepted"
    assert not ui.growButton.enabled
    assert not ui.lesionThresholdSlider.enabled
    assert ui.reviseButton.enabled
    select(panel, 1)
    ui.rejectButton.click()
    assert rows(panel)[1][1:3] == ["rejected", "–"]
    select(panel, 1)
    ui.reviseButton.click()
    assert rows(panel)[1][1] == "draft"
    select(panel, 0, 1)
    assert not ui.acceptButton.enabled, "one of them is accepted already"


def test_selected_tumors_grow_by_the_distance(panel, study):
    before = voxels(panel, 1), voxels(panel, 2), voxels(panel, 3)
    panel.ui.distanceSpinBox.value = 1.0
    select(panel, 0, 1)
    panel.ui.growButton.click()
    after = voxels(panel, 1), voxels(panel, 2), voxels(panel, 3)
    assert after[0] > before[0]
    assert after[1] > before[1]
    assert after[2] == before[2]
    select(panel, 2)
    panel.ui.removeSelectedButton.click()
    assert [row[0] for row in rows(panel)] == ["Tumor 1", "Tumor 2"]


def test_undo_and_redo_name_the_action(panel, study):
    ui = panel.ui
    assert not ui.undoButton.enabled
    assert "Nothing to undo" in ui.undoButton.toolTip
    start = voxels(panel, 1)
    select(panel, 0)
    ui.growButton.click()
    assert ui.undoButton.enabled
    assert "grow Tumor 1 by 2 mm" in ui.undoButton.toolTip
    ui.undoButton.click()
    assert voxels(panel, 1) == start
    assert "grow Tumor 1 by 2 mm" in ui.redoButton.toolTip
    ui.redoButton.click()
    assert voxels(panel, 1) > start
    assert not ui.redoButton.enabled


def shown(study):
    return int(np.count_nonzero(study_cases.voxels(study, "Tumor 1")))


def test_threshold_is_shown_while_dragged_and_done_once_at_release(panel, study, wait_until):
    slider = panel.ui.lesionThresholdSlider
    assert not slider.enabled
    assert "Select one tumor" in slider.toolTip
    select(panel, 0)
    assert slider.enabled
    start = voxels(panel, 1)
    for value in (0.55, 0.52, 0.5):
        slider.valueIsChanging.emit(value)
    wait_until(lambda: shown(study) > start, "the preview is shown")
    assert voxels(panel, 1) == start
    assert not panel.ui.undoButton.enabled
    slider.value = 0.51
    assert voxels(panel, 1) == shown(study) > start
    assert "threshold Tumor 1 at 0.51" in panel.ui.undoButton.toolTip
    panel.ui.undoButton.click()
    assert voxels(panel, 1) == shown(study) == start
    assert not panel.ui.undoButton.enabled, "one step of undo"


def test_preview_ends_when_another_tumor_is_selected(panel, study, wait_until):
    select(panel, 0)
    start = shown(study)
    panel.ui.lesionThresholdSlider.valueIsChanging.emit(0.5)
    wait_until(lambda: shown(study) > start, "the preview is shown")
    select(panel, 1)
    assert shown(study) == start


def test_no_threshold_without_a_probability(panel, study, scene, wait_until):
    scene.RemoveNode(study.probability)
    wait_until(lambda: "No probability was kept" in panel.ui.lesionThresholdSlider.toolTip, "it is noticed")
    select(panel, 0)
    assert not panel.ui.lesionThresholdSlider.enabled


def test_slider_shows_the_threshold_that_a_tumor_was_given(panel, study):
    select(panel, 0)
    panel.ui.lesionThresholdSlider.value = 0.55
    select(panel, 1)
    assert panel.ui.lesionThresholdSlider.value == 0.5
    select(panel, 0)
    assert panel.ui.lesionThresholdSlider.value == pytest.approx(0.55)
    assert len(panel.active_case.controller.session.entries) == 1, "showing it is no action"


# Keys --------------------------------------------------------------------------------------------------------


def test_shortcuts_click_buttons_and_are_named_in_tooltips(panel, study):
    from LiverTumorAttentionGui.sections.shortcuts import KEYS

    select(panel, 0)
    by_key = {shortcut.key.toString(): shortcut for shortcut, _slot in panel.correct._shortcuts._shortcuts}
    for name, key in KEYS.items():
        assert f"({key})" in getattr(panel.ui, name).toolTip
    by_key[KEYS["acceptButton"]].activated.emit()
    assert rows(panel)[0][1] == "accepted"
    by_key[KEYS["undoButton"]].activated.emit()
    assert rows(panel)[0][1] == "draft"
    by_key[KEYS["nextButton"]].activated.emit()
    assert panel.correct._table.numbers == [2]
    assert by_key["Esc"].isEnabled() is False
    panel.leave()
    assert not any(shortcut.isEnabled() for shortcut in by_key.values())


def test_shortcuts_differ_from_those_of_slicer_and_segment_editor(panel):
    from LiverTumorAttentionGui.sections.shortcuts import KEYS

    assert len(set(KEYS.values())) == len(KEYS)
    assert all(key.startswith("Ctrl+Shift+") for key in KEYS.values())
    assert not {"Ctrl+Shift+Z", "Ctrl+Y", "Ctrl+Z"} & set(KEYS.values()), "the Segment Editor's undo and redo"


# Nodes that come and go ----------------------------------------------------------------------------------------


def test_a_tumor_that_may_be_two_is_marked_until_it_is_split_or_accepted(panel, scene, tmp_path):
    """Two balls of radius 7 mm whose centers lie 12 mm apart: the neck is half as wide as they are."""
    from LiverTumorAttentionGui.sections.lesion_table import MAYBE_TWO, MAYBE_TWO_TIP
    from LiverTumorAttentionLib.correction import Split

    labels = np.where(study_cases.truth() > 0, 1, 0)
    (z, y, x), steps = (7, 22, 24), round(6.0 / 0.8)
    for side in (-steps, steps):
        labels[_ball_mm((z, y, x + side), 7.0, labels.shape)] = 2
    study = study_cases.add_study(scene, tmp_path, labels=labels.astype(np.uint16))
    panel.ui.studySelector.setCurrentNode(study.segmentation)
    assert [row[-1] for row in rows(panel)] == [MAYBE_TWO]
    assert panel.ui.lesionTable.item(0, 6).toolTip() == MAYBE_TWO_TIP
    select(panel, 0)
    panel.ui.acceptButton.click()
    assert [row[-1] for row in rows(panel)] == [""]
    panel.ui.undoButton.click()
    points = tuple(study_cases.lps_of(study, (z, y, x + side)) for side in (-steps, steps))
    panel.correct.perform(Split(points=points))
    assert [row[-1] for row in rows(panel)] == ["by hand", "by hand"]


def _ball_mm(center, radius_mm, shape):
    places = np.stack(np.indices(shape), axis=-1) - np.array(center)
    return np.linalg.norm(places * (3.0, 0.9, 0.8), axis=-1) <= radius_mm


def test_attenuation_and_lesion_probability_stand_in_the_table(panel, scene, study):
    """Portal 50 HU in the tumors, arterial 30 HU more; the run gave the second one a lesion probability."""
    import slicer

    from LiverTumorAttentionGui.scene.node_attributes import REGISTERED_REFERENCE, REPORT_ATTRIBUTE

    table = panel.ui.lesionTable
    assert table.isColumnHidden(4)
    assert table.isColumnHidden(5)
    portal = [float(row[3]) for row in rows(panel)]
    assert portal == pytest.approx([50.0] * 3, abs=2.0)
    arterial = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "arterial")
    slicer.util.updateVolumeFromArray(arterial, slicer.util.arrayFromVolume(study.portal) + 30)
    arterial.CopyOrientation(study.portal)
    study.segmentation.SetNodeReferenceID(REGISTERED_REFERENCE, arterial.GetID())
    size = panel.active_case.controller.rows()[1].size
    finding = {
        "volume_ml": size.volume_ml,
        "mean_hu_portal": size.mean_hu_portal,
        "sd_hu_portal": size.sd_hu_portal,
        "centroid_lps_mm": size.centroid_lps_mm,
        "lesion_probability": 0.876,
    }
    study.segmentation.SetAttribute(REPORT_ATTRIBUTE, json.dumps({"tumors": [finding]}))
    panel.active_case.reopen()
    assert [row[4] for row in rows(panel)] == ["+30"] * 3
    assert [row[5] for row in rows(panel)] == ["\N{EN DASH}", "0.88", "\N{EN DASH}"]
    assert not table.isColumnHidden(4)
    assert not table.isColumnHidden(5)
    select(panel, 1)
    panel.ui.growButton.click()
    assert rows(panel)[1][5] == "\N{EN DASH}", "it is no longer what the run judged"
