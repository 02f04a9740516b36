"""The section Review and plan: measures, margin, planes and what is handed on, as a user meets them."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from Testing.Slicer import panel_cases, study_cases
from Testing.Slicer.panel_cases import select


def cells(table, row):
    return [table.item(row, column).text() for column in range(table.columnCount)]


def segment_names(study):
    """Return the names of what a plan shows, which is a segmentation beside the study's own."""
    node = study.segmentation.GetNodeReference("MarginSegmentation")
    if node is None:
        return []
    segments = node.GetSegmentation()
    return [segments.GetNthSegment(index).GetName() for index in range(segments.GetNumberOfSegments())]


def test_without_a_study_the_section_shows_the_reason(panel, scene):
    assert not panel.ui.reviewContent.enabled
    assert "Choose a case first" in panel.ui.reviewStatusLabel.text


def test_measure_fills_the_table_and_the_node(panel, scene, study):
    assert not panel.ui.diametersCheckBox.enabled
    assert panel.ui.diametersCheckBox.toolTip == "Measure first."
    panel.ui.measureButton.click()
    assert panel.ui.reviewTable.rowCount == 3
    first = cells(panel.ui.reviewTable, 0)
    assert first[0] == "Tumor 1"
    row = panel.active_case.controller.rows()[0]
    assert float(first[1]) == pytest.approx(row.volume_ml, abs=0.006)
    assert first[4] == "–"
    table = study.segmentation.GetNodeReference("TumorTable")
    assert table.GetNumberOfRows() == 3
    lines = [
        table.GetTable().GetColumnByName(f"{name} (mm)") for name in ("Longest diameter", "Perpendicular")
    ]
    for row in range(3):
        shown = [float(part) for part in cells(panel.ui.reviewTable, row)[2].split(" × ")]
        assert shown == pytest.approx([line.GetValue(row) for line in lines], abs=0.051)
    assert "Measured 3 tumors" in panel.ui.reviewStatusLabel.text
    assert panel.ui.reviewProgressBar.isHidden()
    assert not panel.ui.reviewCancelButton.enabled


def test_tumors_that_are_as_the_run_left_them_show_their_lesion_probability(panel, scene, study):
    """What is corrected by hand has none; without any the column is not there."""
    import json

    from LiverTumorAttentionGui.scene.node_attributes import REPORT_ATTRIBUTE
    from LiverTumorAttentionLib.analysis import measure_tumors

    table = panel.ui.reviewTable
    panel.ui.measureButton.click()
    assert table.isColumnHidden(5)
    found = measure_tumors(
        panel.active_case.instances(), study.portal_image(), lesion_probabilities={1: 0.875, 2: 0.5, 3: 0.25}
    )
    report = {"tumors": [asdict(each) for each in found]}
    study.segmentation.SetAttribute(REPORT_ATTRIBUTE, json.dumps(report))
    panel.ui.measureButton.click()
    assert not table.isColumnHidden(5)
    assert table.horizontalHeaderItem(5).text() == "Lesion\nprobability"
    assert "not what a lesion is" in table.horizontalHeaderItem(5).toolTip()
    assert [cells(table, row)[5] for row in range(3)] == ["0.88", "0.50", "0.25"]
    select(panel, 1)
    panel.ui.growButton.click()
    panel.ui.measureButton.click()
    assert [cells(table, row)[5] for row in range(3)] == ["0.88", "", "0.25"]
    node = study.segmentation.GetNodeReference("TumorTable").GetTable()
    assert node.GetColumnByName("Lesion probability").GetValue(0) == 0.875


def test_diameter_lines_are_added_and_removed(panel, scene, study):
    lines = "vtkMRMLMarkupsLineNode"
    panel.ui.measureButton.click()
    panel.ui.diametersCheckBox.click()
    assert scene.GetNumberOfNodesByClass(lines) >= 6
    panel.ui.diametersCheckBox.click()
    assert scene.GetNumberOfNodesByClass(lines) == 0


def test_lines_of_a_changed_tumor_are_removed(panel, scene, study):
    """Accepting one changes nothing of what was measured."""
    from LiverTumorAttentionGui.review.measurement import DiameterLines

    panel.ui.measureButton.click()
    panel.ui.diametersCheckBox.click()
    panel_cases.select(panel, 0)
    panel.ui.acceptButton.click()
    assert DiameterLines(study).numbers == (1, 2, 3)
    assert "Measured 3 tumors" in panel.ui.reviewStatusLabel.text
    panel_cases.select(panel, 1)
    panel.ui.rejectButton.click()
    assert DiameterLines(study).numbers == (1, 3)
    assert scene.GetNumberOfNodesByClass("vtkMRMLMarkupsLineNode") == 4
    assert "measure again" in panel.ui.reviewStatusLabel.text
    panel.ui.measureButton.click()
    assert DiameterLines(study).numbers == (1, 3)
    assert panel.ui.reviewTable.rowCount == 2


def test_lines_can_be_removed_after_reentering_the_panel(panel, scene, study):
    panel.ui.measureButton.click()
    panel.ui.diametersCheckBox.click()
    panel.leave()
    panel.enter()
    assert scene.GetNumberOfNodesByClass("vtkMRMLMarkupsLineNode") == 6
    assert panel.ui.diametersCheckBox.checked
    assert panel.ui.diametersCheckBox.enabled
    panel.ui.diametersCheckBox.click()
    assert scene.GetNumberOfNodesByClass("vtkMRMLMarkupsLineNode") == 0
    assert not panel.ui.diametersCheckBox.enabled, "there is nothing to draw before it is measured"


def test_measuring_shows_progress_and_blocks_other_actions(panel, study, monkeypatch):
    from LiverTumorAttentionGui.review.measurement import SceneReview

    seen = []
    measure = SceneReview.measure

    def watched(self, instances, progress=None):
        progress.update(0.5)
        ui = panel.ui
        seen.append(ui.reviewProgressBar.value)
        seen.extend(
            widget.enabled
            for widget in (ui.measureButton, ui.correctContent, ui.studySelector, ui.segmentSectionButton)
        )
        seen.append(ui.reviewCancelButton.enabled)
        return measure(self, instances, progress)

    monkeypatch.setattr(SceneReview, "measure", watched)
    panel.ui.measureButton.click()
    assert seen == [50, False, False, False, False, True]
    assert panel.ui.measureButton.enabled
    assert panel.ui.correctContent.enabled


def test_measuring_can_be_cancelled(panel, scene, study, monkeypatch):
    from LiverTumorAttentionGui.review.measurement import SceneReview

    measure = SceneReview.measure

    def cancelled(self, instances, progress=None):
        panel.ui.reviewCancelButton.click()
        return measure(self, instances, progress)

    monkeypatch.setattr(SceneReview, "measure", cancelled)
    nodes = scene.GetNumberOfNodes()
    panel.ui.measureButton.click()
    assert panel.ui.reviewStatusLabel.text == "Cancelled. The scene is unchanged."
    assert panel.ui.reviewTable.rowCount == 0
    assert scene.GetNumberOfNodes() == nodes
    monkeypatch.undo()
    panel.ui.measureButton.click()
    assert panel.ui.reviewTable.rowCount == 3


def test_study_removed_while_it_is_measured(panel, scene, study, monkeypatch):
    from LiverTumorAttentionGui.review.measurement import SceneReview

    measure = SceneReview.measure

    def removed(self, instances, progress=None):
        scene.RemoveNode(study.segmentation)
        return measure(self, instances, progress)

    monkeypatch.setattr(SceneReview, "measure", removed)
    panel.ui.measureButton.click()
    assert not panel.ui.reviewContent.enabled


def test_a_correction_makes_measures_stale(panel, study):
    panel.ui.measureButton.click()
    select(panel, 0)
    panel.ui.growButton.click()
    assert "measure again" in panel.ui.reviewStatusLabel.text


def test_manual_edits_are_measured(panel, study):
    import slicer

    segmentation = study.segmentation.GetSegmentation()
    tumor = segmentation.GetSegmentIdBySegmentName("Tumor 1")
    voxels = slicer.util.arrayFromSegmentBinaryLabelmap(study.segmentation, tumor, study.portal).copy()
    voxels[7:9, 12:15, 18:22] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(voxels, study.segmentation, tumor, study.portal)
    panel.ui.measureButton.click()
    expected = np.count_nonzero(voxels) * 0.8 * 0.9 * 3.0 / 1000
    assert float(cells(panel.ui.reviewTable, 0)[1]) == pytest.approx(expected, abs=0.006)


def add_vessels(scene, study):
    """Add a segmentation with one vessel along the left side of the liver."""
    import slicer

    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "vessels")
    node.SetReferenceImageGeometryParameterFromVolumeNode(study.portal)
    segment = node.GetSegmentation().AddEmptySegment("portal", "portal vein")
    voxels = np.zeros(study_cases.SHAPE, np.uint8)
    voxels[3:13, 26:28, 37:39] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(voxels, node, segment, study.portal)
    return node


def test_vessels_are_stored_with_the_study(panel, scene, study):
    vessels = add_vessels(scene, study)
    panel.ui.vesselsSelector.setCurrentNode(study.segmentation)
    assert "of their own" in panel.ui.reviewStatusLabel.text
    assert panel.ui.vesselsSelector.currentNode() is None
    panel.ui.vesselsSelector.setCurrentNode(vessels)
    assert study.vessels is vessels
    panel.ui.measureButton.click()
    # 7 voxels of 0.8 mm between the columns of tumor 2's centre and the vessel, less the tumor's 4 and half steps.
    assert float(cells(panel.ui.reviewTable, 1)[4]) == pytest.approx(2 * 0.8, abs=0.5)
    panel.leave()
    panel.enter()
    assert panel.ui.vesselsSelector.currentNode() is vessels


def test_segments_that_are_no_vessels_are_said_to_be_left_out(panel, scene, study):
    import slicer

    vessels = add_vessels(scene, study)
    kidney = vessels.GetSegmentation().AddEmptySegment("kidney", "left kidney")
    vessels.GetSegmentation().AddEmptySegment("spleen", "spleen")  # without voxels
    voxels = np.zeros(study_cases.SHAPE, np.uint8)
    voxels[2:4, 2:4, 2:4] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(voxels, vessels, kidney, study.portal)
    panel.ui.vesselsSelector.setCurrentNode(vessels)
    text = panel.ui.reviewStatusLabel.text
    assert text.startswith(
        "1 segment of the vessels left out: “left kidney” (another organ, or a lesion of one). To take"
    )
    panel.ui.vesselsSelector.setCurrentNode(None)
    assert panel.ui.reviewStatusLabel.text == ""


# Margin and planes -------------------------------------------------------------------------------------------


def test_margin_is_updated_with_the_slider(panel, study, wait_until):
    label = panel.ui.marginLabel
    assert label.isHidden()
    panel.ui.marginGroupBox.checked = True
    wait_until(lambda: "of the liver" in label.text, "the margin is shown")
    assert "Margin 10 mm" in segment_names(study)
    wide = float(label.text.split(" mL")[0])
    panel.ui.marginSlider.value = 3.0
    wait_until(lambda: "Margin 3 mm" in segment_names(study), "the margin is narrower")
    assert float(label.text.split(" mL")[0]) < wide
    assert "Margin 10 mm" not in segment_names(study)
    assert study.segmentation.GetAttribute("LiverTumorAttention_MarginMm") == "3.0"
    panel.ui.marginGroupBox.checked = False
    assert "Margin 3 mm" not in segment_names(study)
    assert label.isHidden()


def test_margin_around_one_tumor_names_the_others_in_it(panel, scene, study, wait_until):
    panel.ui.vesselsSelector.setCurrentNode(add_vessels(scene, study))
    panel.ui.marginTumorsComboBox.setCurrentIndex(2)
    assert panel.ui.marginTumorsComboBox.currentText == "Tumor 2"
    panel.ui.marginSlider.value = 20.0
    panel.ui.marginGroupBox.checked = True
    wait_until(lambda: "Other tumors in it" in panel.ui.marginLabel.text, "the margin is shown")
    assert "Tumor 1" in panel.ui.marginLabel.text
    assert "Touches portal vein" in panel.ui.marginLabel.text


def test_resection_is_updated_while_a_plane_moves(panel, scene, study, wait_until):
    label = panel.ui.resectionLabel
    assert "Add a plane" in label.text
    assert not panel.ui.removePlaneButton.enabled
    panel.ui.addPlaneButton.click()
    wait_until(lambda: "Resected volume" in label.text, "the plan is shown")
    assert panel.ui.planesList.count == 1
    assert "mL/kg" not in label.text
    panel.ui.weightSpinBox.value = 70.0
    wait_until(lambda: "mL/kg" in label.text, "the weight counts")
    plane = scene.GetFirstNodeByClass("vtkMRMLMarkupsPlaneNode")
    before = label.text
    origin = np.array(plane.GetOriginWorld())
    plane.SetOriginWorld(*(origin + 4.0 * np.array(plane.GetNormalWorld())))
    wait_until(lambda: label.text != before, "the drag is followed")
    plane.SetOriginWorld(*(origin + 500.0 * np.array(plane.GetNormalWorld())))
    wait_until(lambda: "does not pass through the liver" in label.text, "the refusal is said")
    scene.RemoveNode(plane)
    wait_until(lambda: panel.ui.planesList.count == 0, "the list follows")
    assert "Add a plane" in label.text


def test_planes_combine_and_are_removed(panel, study, wait_until):
    ui = panel.ui
    ui.addPlaneButton.click()
    assert not ui.combineComboBox.enabled
    ui.addPlaneButton.click()
    assert ui.combineComboBox.enabled
    ui.combineComboBox.setCurrentIndex(1)
    assert study.segmentation.GetAttribute("LiverTumorAttention_Combine") == "any"
    assert ui.planesList.currentRow == 1
    ui.removePlaneButton.click()
    assert ui.planesList.count == 1
    ui.resectedCheckBox.click()
    assert any("Resected" in name for name in segment_names(study))
    ui.resectedCheckBox.click()
    assert not any("Resected" in name for name in segment_names(study))


def test_a_correction_makes_the_plan_stale_until_it_is_updated(panel, study, wait_until):
    ui = panel.ui
    ui.addPlaneButton.click()
    wait_until(lambda: "Resected volume" in ui.resectionLabel.text, "the plan is shown")
    assert ui.planUpdateButton.isHidden()
    select(panel, 1)
    ui.removeSelectedButton.click()
    assert "update the plan" in ui.resectionLabel.text
    assert not ui.planUpdateButton.isHidden()
    assert [ui.marginTumorsComboBox.itemText(n) for n in range(ui.marginTumorsComboBox.count)] == [
        "All tumors",
        "Tumor 1",
        "Tumor 3",
    ]
    ui.planUpdateButton.click()
    assert "Resected volume" in ui.resectionLabel.text
    assert "Tumor 2" not in ui.resectionLabel.text
    assert ui.planUpdateButton.isHidden()


def test_plan_is_restored_with_its_study(panel, scene, study, tmp_path, wait_until):
    ui = panel.ui
    ui.addPlaneButton.click()
    ui.weightSpinBox.value = 55.0
    ui.marginSlider.value = 7.0
    ui.marginGroupBox.checked = True
    wait_until(lambda: "of the liver" in ui.marginLabel.text, "the margin is shown")
    other = study_cases.add_study(scene, tmp_path)
    ui.studySelector.setCurrentNode(other.segmentation)
    assert (ui.planesList.count, ui.weightSpinBox.value, ui.marginGroupBox.checked) == (0, 0.0, False)
    ui.studySelector.setCurrentNode(study.segmentation)
    assert (ui.planesList.count, ui.weightSpinBox.value, ui.marginGroupBox.checked) == (1, 55.0, True)
    assert ui.marginSlider.value == 7.0
    assert "update the plan" in ui.resectionLabel.text
    ui.planUpdateButton.click()
    assert "Resected volume" in ui.resectionLabel.text
    assert "of the liver" in ui.marginLabel.text


def resected(study):
    return any("Resected" in name for name in segment_names(study))


def test_shown_segments_and_margin_tumors_are_restored_after_loading(
    panel, scene, study, tmp_path, wait_until
):
    from LiverTumorAttentionGui.review.plan_settings import PlanSettings
    from Testing.bench.scenes import load_scene, save_scene

    ui = panel.ui
    ui.addPlaneButton.click()
    ui.resectedCheckBox.click()
    ui.marginTumorsComboBox.setCurrentIndex(2)
    ui.marginGroupBox.checked = True
    wait_until(lambda: "of the liver" in ui.marginLabel.text, "the margin is shown")
    for chosen, text in (((2,), "Tumor 2"), ((1, 3), "Tumor 1, Tumor 3")):
        PlanSettings(study.segmentation).set_margin(10.0, chosen)
        saved = save_scene(tmp_path / f"saved{len(chosen)}")
        name = study.segmentation.GetName()
        panel.scene_closes()
        panel.cleanup()
        loaded = load_scene(saved)
        panel = panel_cases.make_panel()
        ui = panel.ui
        study = panel.active_case.study
        assert study.segmentation is loaded.GetFirstNodeByName(name)
        assert ui.marginTumorsComboBox.currentText == text
        assert ui.resectedCheckBox.checked
        ui.planUpdateButton.click()
        assert PlanSettings(study.segmentation).margin_tumors == chosen, "the update did not choose others"
    ui.resectedCheckBox.click()
    assert not resected(study)
    panel.cleanup()


def test_checkbox_of_the_resected_part_matches_the_scene(panel, scene, study, wait_until):
    ui = panel.ui
    ui.addPlaneButton.click()
    ui.resectedCheckBox.click()
    plane = scene.GetFirstNodeByClass("vtkMRMLMarkupsPlaneNode")
    origin = np.array(plane.GetOriginWorld())
    plane.SetOriginWorld(*(origin + 500.0 * np.array(plane.GetNormalWorld())))
    wait_until(lambda: not resected(study), "there is no such part any more")
    plane.SetOriginWorld(*origin)
    wait_until(lambda: resected(study), "the part is back, as the box says")
    ui.resectedCheckBox.click()
    plane.SetOriginWorld(*(origin + 500.0 * np.array(plane.GetNormalWorld())))
    ui.resectedCheckBox.click()
    assert "does not pass through the liver" in ui.resectionLabel.text
    assert not ui.resectedCheckBox.checked


def test_export_to_slicer_liver_shows_what_was_set(panel, study):
    panel.ui.handOverButton.click()
    assert "Ready for Slicer-Liver" in panel.ui.reviewStatusLabel.text


@pytest.mark.parametrize("gone", ["segmentation", "portal"])
def test_nodes_that_go_leave_no_dead_window(panel, scene, study, wait_until, gone):
    panel.ui.measureButton.click()
    panel.ui.diametersCheckBox.click()
    panel.ui.marginGroupBox.checked = True
    panel.ui.addPlaneButton.click()
    scene.RemoveNode(getattr(study, gone))
    wait_until(lambda: not panel.ui.reviewContent.enabled, "the section is disabled")
    assert panel.ui.reviewTable.rowCount == 0
    assert panel.ui.reviewStatusLabel.text
    assert panel.ui.planUpdateButton.isHidden()
