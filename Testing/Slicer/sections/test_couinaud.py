"""Couinaud segments in the panel: proposed, imported, corrected, kept with the scene, and resections by them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from Testing.Slicer import cases, couinaud_cases, panel_cases, study_cases
from Testing.Slicer.couinaud_cases import bands, import_bands, labels_of

VOXEL_ML = 0.8 * 0.9 * 3.0 / 1000.0


def message(panel):
    return panel.ui.reviewStatusLabel.text


def column(panel, index):
    table = panel.ui.reviewTable
    return [table.item(row, index).text() for row in range(table.rowCount)]


def test_proposal_in_the_real_child(panel, scene, tmp_path, wait_until):
    """Coded segments in every voxel of a liver of human size and nowhere else, hung on the study."""
    large = np.array(cases.OBLIQUE) * [[3.0, 3.0, 3.0, 1.0]]
    study = study_cases.add_study(scene, tmp_path, portal=study_cases.add_portal(scene, large))
    panel.ui.studySelector.setCurrentNode(study.segmentation)
    ui = panel.ui
    assert study.couinaud is None
    assert not ui.showSegmentsCheckBox.enabled
    assert not ui.namedResectionComboBox.enabled
    assert "Propose or import" in ui.namedResectionLabel.text
    ui.measureButton.click()
    assert ui.reviewTable.isColumnHidden(6)
    ui.proposeSegmentsButton.click()
    for button in (ui.proposeSegmentsButton, ui.importSegmentsButton, ui.reportButton, ui.measureButton):
        assert not button.enabled
    assert ui.reviewCancelButton.enabled
    assert not ui.reviewProgressBar.isHidden()
    wait_until(lambda: not panel.review.busy, "the segments are proposed")
    assert "proposed by the model couinaud 1 from the liver's shape" in message(panel)
    assert "ot for clinical use" in message(panel)
    labels = labels_of(study)
    inside = np.zeros(study_cases.SHAPE, bool)
    inside[study_cases.LIVER] = True
    np.testing.assert_array_equal(labels > 0, inside)
    assert len(np.unique(labels[inside])) > 3
    node = study.segmentation.GetNodeReference("CouinaudSegments")
    colors = {
        tuple(np.round(node.GetSegmentation().GetNthSegment(n).GetColor(), 3))
        for n in range(node.GetSegmentation().GetNumberOfSegments())
    }
    assert len(colors) == node.GetSegmentation().GetNumberOfSegments()
    assert not ui.reviewTable.isColumnHidden(6), "tumors that were measured are told theirs"
    first = np.bincount(labels[study_cases.truth() == 2], minlength=9).argmax()
    assert column(panel, 6)[0].startswith(("I", "II", "III", "IV", "V", "VI", "VII", "VIII")[first - 1])
    assert ui.couinaudLabel.text.startswith("Segments proposed by")
    assert "Tumor 1: " in ui.couinaudLabel.text
    assert ui.couinaudStaleLabel.isHidden()
    assert ui.namedResectionComboBox.enabled
    assert ui.showSegmentsCheckBox.checked
    ui.showSegmentsCheckBox.click()
    assert not node.GetDisplayNode().GetVisibility()


@pytest.mark.parametrize("how", ["cancel", "close", "crash", "small"])
def test_a_proposal_that_ends_early_changes_nothing(panel, scene, study, wait_until, monkeypatch, how):
    from LiverTumorAttentionGui.review.couinaud_run import CouinaudRun

    if how == "crash":
        real = CouinaudRun.prepare
        monkeypatch.setattr(
            CouinaudRun, "prepare", lambda self, folder: [*real(self, folder), "--device", "no"]
        )
    nodes = scene.GetNumberOfNodes()
    panel.ui.proposeSegmentsButton.click()
    assert panel.review.busy
    if how == "cancel":
        panel.ui.reviewCancelButton.click()
    elif how == "close":
        panel.review.abandon()
    wait_until(lambda: not panel.review.busy, "the run has ended")
    assert study.couinaud is None
    assert scene.GetNumberOfNodes() == nodes
    assert panel.ui.proposeSegmentsButton.enabled
    assert panel.ui.reviewProgressBar.isHidden()
    if how == "small":
        assert "The liver measures 44 mL" in message(panel)
    if how == "cancel":
        assert message(panel) == "Cancelled. The scene is unchanged."
    if how == "crash":
        assert panel.ui.reviewStatusLabel.styleSheet
        assert message(panel).endswith(".")


def test_import_is_exact_and_leaves_the_given_node(panel, scene, study, wait_until):
    given = import_bands(panel, scene, study, wait_until)
    np.testing.assert_array_equal(labels_of(study), bands())
    assert study.couinaud is not given
    assert given.GetSegmentation().GetNumberOfSegments() == 8
    assert "from the segmentation that was given" in message(panel)
    panel.ui.measureButton.click()
    for number, text in enumerate(column(panel, 6), start=1):
        inside = np.bincount(bands()[study_cases.truth() == number + 1], minlength=9)
        shares = {n: count / inside.sum() for n, count in enumerate(inside) if count}
        best = max(shares, key=lambda n: (shares[n], -n))
        numeral = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII")[best - 1]
        assert text.startswith(f"{numeral} {100 * shares[best]:.0f} %"), text
    table = study.segmentation.GetNodeReference("TumorTable").GetTable()
    assert table.GetColumnByName("Couinaud segments").GetValue(0) == column(panel, 6)[0]


def test_import_of_a_coarse_grid_elsewhere_takes_the_nearest_voxel(panel, scene, study, wait_until):
    """Voxels of 2 x 2 columns and rows: a segment begins at an even column."""
    import slicer

    from LiverTumorAttentionGui.scene.labelmap_layers import BINARY_LABELMAP, LabelLayers
    from LiverTumorAttentionGui.scene.voxel_grid import VoxelGrid, voxel_array

    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "coarse")
    cases.put_under_transform(scene, node, cases.TURN_AND_SHIFT)
    double = np.diag([2.0, 2.0, 1.0, 1.0])
    double[:2, 3] = 0.5
    coarse = VoxelGrid((16, 22, 24), study.grid.ijk_to_ras @ double)
    image = LabelLayers(node, coarse).new_image(tuple(slice(0, n) for n in coarse.shape))
    voxel_array(image)[..., :10] = 3
    voxel_array(image)[..., 10:] = 7
    for value, name in ((3, "liver_segment_4"), (7, "Couinaud V")):
        segment = slicer.vtkSegment()
        segment.SetName(name)
        segment.AddRepresentation(BINARY_LABELMAP, image)
        segment.SetLabelValue(value)
        node.GetSegmentation().AddSegment(segment, name)
    panel.ui.couinaudSelector.setCurrentNode(node)
    panel.ui.importSegmentsButton.click()
    wait_until(lambda: not panel.review.busy, "the segments are imported")
    assert "holds no Couinaud segment I, II, III, VI, VII, VIII" in message(panel), message(panel)
    labels, inside = labels_of(study), bands() > 0
    np.testing.assert_array_equal(labels[..., :20], 4 * inside[..., :20])
    np.testing.assert_array_equal(labels[..., 20:], 5 * inside[..., 20:])


def test_what_cannot_be_imported_is_said_before_a_run(panel, scene, study):
    ui = panel.ui
    ui.importSegmentsButton.click()
    assert "Choose the segmentation" in message(panel)
    ui.couinaudSelector.setCurrentNode(study.segmentation)
    ui.importSegmentsButton.click()
    assert "has no Couinaud segment where this CT lies; it holds Liver, Tumor 1" in message(panel)
    twice = couinaud_cases.add_node(scene, study, name="Segment {}")
    both = twice.GetSegmentation()
    both.GetSegment(both.GetNthSegmentID(0)).SetName("Segment II")
    both.GetSegment(both.GetNthSegmentID(1)).SetName("Segment III")
    import slicer

    slicer.util.updateSegmentBinaryLabelmapFromArray(
        (bands() <= 3).astype(np.uint8) * (bands() > 0), twice, both.GetNthSegmentID(0), study.portal
    )
    nodes = scene.GetNumberOfNodes()
    ui.couinaudSelector.setCurrentNode(twice)
    ui.importSegmentsButton.click()
    assert "share voxels" in message(panel)
    assert not panel.review.busy
    assert study.couinaud is None
    assert scene.GetNumberOfNodes() == nodes


def test_named_resection_is_the_sum_of_its_segments(panel, scene, study, wait_until):
    ui = panel.ui
    import_bands(panel, scene, study, wait_until)
    assert "Choose a resection" in ui.namedResectionLabel.text
    titles = [ui.namedResectionComboBox.itemText(n) for n in range(ui.namedResectionComboBox.count)]
    assert titles[:2] == ["No resection", "Right hepatectomy"]
    assert "Segmentectomy IV" in titles
    ui.namedResectionComboBox.setCurrentIndex(1)
    wait_until(lambda: "FLR" in ui.namedResectionLabel.text, "the numbers are shown")
    taken, truth = np.isin(bands(), (5, 6, 7, 8)), study_cases.truth()
    left = np.count_nonzero((truth == 1) & ~taken)
    resected = np.count_nonzero(taken) * VOXEL_ML
    percent = 100 * left / np.count_nonzero(truth == 1)
    text = ui.namedResectionLabel.text
    assert f"Resected segments V, VI, VII, VIII: {resected:.1f} mL (50.0 %)" in text
    assert (
        f"FLR without tumors: {left * VOXEL_ML:.1f} mL ({percent:.1f} % of the liver without tumors)" in text
    )
    assert "needs body weight and height" in text
    for number, side in ((1, "FLR"), (2, "cut or resected")):
        its = taken[truth == number + 1]
        assert (f"Tumor {number}" in text) == (not its.any()), (side, text)
    cut = [n for n in (1, 2, 3) if 0 < taken[truth == n + 1].mean() < 1]
    assert ui.namedCutLabel.text == ("Cut: " + ", ".join(f"Tumor {n}" for n in cut) if cut else "")
    ui.caudateCheckBox.click()
    wait_until(lambda: "segments I, V" in ui.namedResectionLabel.text, "the caudate goes with it")
    ui.caudateCheckBox.click()
    ui.weightSpinBox.value = 80.0
    ui.heightSpinBox.value = 180.0
    wait_until(lambda: "estimated from" in ui.namedResectionLabel.text, "the body counts")
    total = -794.41 + 1267.28 * 2.0  # 80 kg and 180 cm have 2 square meters
    assert (
        f"Standardized FLR: {100 * left * VOXEL_ML / total:.1f} % of 1740 mL" in ui.namedResectionLabel.text
    )
    assert "Below 20 % (normal liver; Kishi" in ui.namedResectionLabel.text
    ui.heightSpinBox.value = 20.0
    assert "between 40 and 250 cm, got 20 cm" in ui.bodyLabel.text
    assert study.segmentation.GetAttribute("LiverTumorAttention_HeightCm") == "180.0"
    ui.namedResectedCheckBox.click()
    plan = study.segmentation.GetNodeReference("MarginSegmentation")
    shown = study_cases_array(plan, "NamedResectedPart", study)
    np.testing.assert_array_equal(shown, taken)
    ui.namedResectionComboBox.setCurrentIndex(0)
    wait_until(lambda: "Choose a resection" in ui.namedResectionLabel.text, "nothing is chosen")
    assert not ui.namedResectedCheckBox.checked
    assert study.segmentation.GetNodeReference("MarginSegmentation") is None


def study_cases_array(node, segment_id, study):
    import slicer

    return slicer.util.arrayFromSegmentBinaryLabelmap(node, segment_id, study.portal) != 0


def test_a_corrected_liver_makes_segments_stale(panel, scene, study, wait_until):
    from LiverTumorAttentionGui.review.couinaud import SceneCouinaud

    ui = panel.ui
    import_bands(panel, scene, study, wait_until)
    ui.namedResectionComboBox.setCurrentIndex(1)
    wait_until(lambda: "FLR" in ui.namedResectionLabel.text, "the numbers are shown")
    panel_cases.select(panel, 0)
    ui.growButton.click()
    assert "update the plan" in ui.namedResectionLabel.text
    assert not ui.planUpdateButton.isHidden()
    ui.planUpdateButton.click()
    assert "FLR" in ui.namedResectionLabel.text
    wait_until(lambda: not panel.review.couinaud._check_later.pending, "the liver is looked at")
    assert ui.couinaudStaleLabel.isHidden(), "the whole liver is as it was"
    liver = np.zeros(study_cases.SHAPE, bool)
    liver[study_cases.LIVER] = True
    liver[:, :, 1:4] = liver[:, :, 4:5]
    study_cases.paint(study, "Liver", liver)
    panel._logic.close_controllers()  # as when the scene is loaded: the liver is read when a case is opened
    panel.active_case.reopen()
    assert "corrected since" in ui.couinaudStaleLabel.text
    told = SceneCouinaud(study).on_liver(panel.active_case.instances())
    assert told.source.endswith(", told before the liver was corrected")
    grown = liver[:, 12:] & (bands()[:, 12:] == 0)
    np.testing.assert_array_equal(told.array[:, 12:][grown], 1, "new liver takes the nearest segment")
    panel.ui.importSegmentsButton.click()
    wait_until(lambda: not panel.review.busy, "the segments are imported again")
    assert ui.couinaudStaleLabel.isHidden()


def test_segments_corrected_by_hand_are_said_to_be_and_are_kept(panel, scene, study, wait_until):
    import slicer

    from LiverTumorAttentionGui.review.couinaud import SceneCouinaud

    import_bands(panel, scene, study, wait_until)
    first = study.couinaud
    changed = bands()
    changed[:, 4:10][changed[:, 4:10] == 2] = 1
    for value in (1, 2):
        segment = first.GetSegmentation().GetSegmentIdBySegmentName(f"Segment {'I' * value}")
        mask = (changed == value).astype(np.uint8)
        slicer.util.updateSegmentBinaryLabelmapFromArray(mask, first, segment, study.portal)
    told = SceneCouinaud(study).on_liver(panel.active_case.instances())
    np.testing.assert_array_equal(told.array, changed)
    assert told.source == "from the segmentation that was given, corrected by hand"
    panel.ui.importSegmentsButton.click()
    wait_until(lambda: not panel.review.busy, "the segments are imported again")
    assert study.couinaud is not first
    assert first.GetScene() is scene
    assert "corrected by hand stay" in message(panel)
    np.testing.assert_array_equal(labels_of(study), bands())
    panel.ui.importSegmentsButton.click()
    wait_until(lambda: not panel.review.busy, "and once more")
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 4, "the same node is filled again"


def test_segments_and_resection_survive_saving_and_loading(panel, scene, study, tmp_path, wait_until):
    from LiverTumorAttentionGui.review.couinaud import SceneCouinaud
    from Testing.bench.scenes import load_scene, save_scene

    import_bands(panel, scene, study, wait_until)
    panel.ui.namedResectionComboBox.setCurrentIndex(1)
    panel.ui.caudateCheckBox.click()
    panel.ui.heightSpinBox.value = 172.0
    wait_until(lambda: "FLR" in panel.ui.namedResectionLabel.text, "the numbers are shown")
    text = panel.ui.namedResectionLabel.text
    saved = save_scene(tmp_path / "saved")
    panel.scene_closes()
    panel.cleanup()
    load_scene(saved)
    again = panel_cases.make_panel()
    study = again.active_case.study
    np.testing.assert_array_equal(labels_of(study)[::-1], bands(), "Slicer turns a left-handed grid round")
    told = SceneCouinaud(study).on_liver(again.active_case.instances())
    assert told.source == "from the segmentation that was given"
    assert again.ui.couinaudStaleLabel.isHidden()
    assert again.ui.namedResectionComboBox.currentText == "Right hepatectomy"
    assert again.ui.caudateCheckBox.checked
    assert again.ui.heightSpinBox.value == 172.0
    assert "update the plan" in again.ui.namedResectionLabel.text
    again.ui.planUpdateButton.click()
    assert again.ui.namedResectionLabel.text == text
    again.cleanup()


def test_removed_segments_leave_no_resection(panel, scene, study, wait_until):
    import_bands(panel, scene, study, wait_until)
    panel.ui.namedResectionComboBox.setCurrentIndex(1)
    wait_until(lambda: "FLR" in panel.ui.namedResectionLabel.text, "the numbers are shown")
    scene.RemoveNode(study.couinaud)
    wait_until(lambda: not panel.ui.namedResectionComboBox.enabled, "the box follows")
    wait_until(lambda: "Propose or import" in panel.ui.namedResectionLabel.text, "the numbers are gone")
    assert panel.review.plan.as_json() is None


def test_report_tells_segments_and_resection(panel, scene, study, tmp_path, wait_until):
    import_bands(panel, scene, study, wait_until)
    panel.ui.namedResectionComboBox.setCurrentIndex(1)
    panel.ui.weightSpinBox.value = 70.0
    page = tmp_path / "case.html"
    panel.review.export.choose_file = lambda _parent, _name: str(page)
    panel.ui.reportButton.click()
    wait_until(lambda: not panel.review.export.running, "the report is written")
    assert "is written" in message(panel), message(panel)
    numbers = json.loads(page.with_suffix(".json").read_text())
    assert numbers["segments"]["source"] == "from the segmentation that was given"
    (resection,) = numbers["plan"]["segment_resections"]
    assert resection["resection"] == "right hepatectomy"
    assert resection["resected_ml"] == pytest.approx(np.isin(bands(), (5, 6, 7, 8)).sum() * VOXEL_ML)
    assert numbers["tumors"][0]["measurement"]["segments"].startswith("I")
    assert "Couinaud segments" in page.read_text()
    assert "segments" in page.with_suffix(".csv").read_text().splitlines()[0]
