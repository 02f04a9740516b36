"""Vessels in the panel: proposed in the real child, corrected, kept with the scene; cuts through points."""

from __future__ import annotations

import json

import numpy as np
import pytest

from Testing.Slicer import ball_cases, cases, panel_cases, study_cases

SCALE = 1.5
"""Of the study's grid: the liver then has 150 mL."""
TUBE = (slice(6, 9), slice(19, 23), slice(6, 42))
"""A vessel (z, y, x) across the liver of `study_cases`, between its tumors."""


@pytest.fixture
def large(panel, scene, tmp_path):
    """A study with a bright tube in its portal volume, chosen in the panel."""
    import slicer

    portal = study_cases.add_portal(scene, np.array(cases.OBLIQUE) * [[SCALE, SCALE, SCALE, 1.0]])
    voxels = study_cases.hounsfield()
    voxels[TUBE] += np.where(study_cases.truth()[TUBE] == 1, 70, 0).astype(np.int16)
    slicer.util.updateVolumeFromArray(portal, voxels)
    study = study_cases.add_study(scene, tmp_path, portal=portal)
    panel.ui.studySelector.setCurrentNode(study.segmentation)
    return study


def place(study, folder, warnings=()):
    """Place vessels as a run does: the tube is the portal vein. Return whether corrected ones were kept."""
    from LiverTumorAttentionGui.review.couinaud import liver_checksum
    from LiverTumorAttentionGui.review.vessel_nodes import SceneVessels
    from LiverTumorAttentionGui.scene.result_files import read_segments
    from LiverTumorAttentionLib.io.named_labels import write_named_labels
    from LiverTumorAttentionLib.io.terminology import vessel_segments

    voxels = np.zeros(study_cases.SHAPE, np.uint8)
    voxels[TUBE] = 1
    path = folder / "vessels.seg.nrrd"
    write_named_labels(path, study.grid.image(voxels), vessel_segments(), "vessels")
    found = read_segments(path, "segmentation of vessels")
    return SceneVessels(study).place(found, "by a test", liver_checksum(study.instances()), warnings)


def add_points(scene, study, voxels, name):
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", name)
    for voxel in voxels:
        node.AddControlPointWorld(list(study_cases.ras_of(study, voxel)))
    return node


def test_proposal_in_the_real_child(panel, scene, large, wait_until):
    ui = panel.ui
    ui.proposeVesselsButton.click()
    assert panel.review.busy
    assert not ui.proposeVesselsButton.enabled
    wait_until(lambda: not panel.review.busy, "the vessels are proposed")
    text = ui.reviewStatusLabel.text
    assert "proposed by their brightness and shape" in text
    assert "guessed without a point in each, and is often wrong" in text, "the child's warnings are shown"
    assert "ot for clinical use" in text
    assert large.vessels is not None
    assert ui.vesselsSelector.currentNode() is large.vessels
    found = large.vessel_map()
    assert (found.array[TUBE] > 0).mean() > 0.5
    assert not found.array[study_cases.truth() > 1].any(), "no tumor is a vessel"
    entry = large.vessels.GetSegmentation().GetNthSegment(0)
    assert entry.GetName() in ("Portal vein", "Hepatic veins", "Vena cava")
    ui.measureButton.click()
    assert ui.reviewTable.item(0, 4).text(), "the table has distances to vessels"
    assert "guessed without a point in each" in ui.vesselsStaleLabel.text, "and stay beside the button"


def test_corrected_vessels_stay_beside_a_new_proposal(scene, large, tmp_path):
    import slicer

    assert not place(large, tmp_path)
    first = large.vessels
    np.testing.assert_array_equal(large.vessel_map().array[TUBE], 1)
    assert not place(large, tmp_path)
    assert large.vessels is first, "one that nobody corrected is replaced"
    segment = first.GetSegmentation().GetNthSegmentID(0)
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(first, segment, large.portal)
    mask[2, 8:12, 8:12] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, first, segment, large.portal)
    assert place(large, tmp_path)
    assert large.vessels is not first
    assert first.GetScene() is scene
    second = large.vessels
    second.GetSegmentation().GetNthSegment(0).SetName("Hepatic veins")
    assert place(large, tmp_path), "names are corrected by hand, too"
    assert large.vessels is not second


def test_a_corrected_liver_marks_them(panel, large, tmp_path):
    place(large, tmp_path)
    panel.review.vessels.check()
    assert panel.ui.vesselsStaleLabel.isHidden()
    liver = study_cases.voxels(large, "Liver")
    liver[1] = False
    study_cases.paint(large, "Liver", liver)
    panel._logic.close_controllers()  # as when the scene is loaded: the liver is read when a case is opened
    panel.active_case.reopen()
    assert "since its vessels were proposed" in panel.ui.vesselsStaleLabel.text


def test_a_curved_cut_and_cuts_of_vessels_are_in_the_plan(panel, scene, large, wait_until, tmp_path):
    ui = panel.ui
    place(large, tmp_path)
    corners = [(3, 8, 20), (12, 8, 22), (3, 36, 22), (12, 36, 20), (7, 20, 24)]
    ui.curvedSelector.setCurrentNode(add_points(scene, large, corners, "curve"))
    wait_until(lambda: "Resected volume" in ui.curvedLabel.text, "the curved cut is planned")
    smaller = ui.curvedLabel.text
    ui.curvedFlipCheckBox.click()
    wait_until(lambda: ui.curvedLabel.text not in (smaller, ""), "the other part is taken out")
    ui.vesselCutsSelector.setCurrentNode(add_points(scene, large, [(7, 20, 24)], "cuts"))
    ui.territoriesButton.click()
    assert "Together: " in ui.territoriesLabel.text
    plan = panel.review.plan.as_json()
    assert len(plan["vessel_cuts"]) == 1
    assert len(plan["resections"][0]["surface"]["points_lps_mm"]) == 5
    from LiverTumorAttentionLib.report.wanted_plan import WantedPlan

    WantedPlan.from_dict(json.loads(json.dumps(plan)))
    node = ui.vesselCutsSelector.currentNode()
    node.SetNthControlPointPositionWorld(0, *study_cases.ras_of(large, (7, 20, 14)))
    assert "points have changed" in ui.territoriesLabel.text
    assert large.segmentation.GetNodeReference("CurvedCut") is ui.curvedSelector.currentNode()


def test_the_curved_cut_is_drawn_and_planned_with_the_planes(panel, scene, large, wait_until):
    from LiverTumorAttentionGui.review.curved_cut_model import CurvedCutModel
    from LiverTumorAttentionGui.sections.planes import TOGETHER

    ui, model = panel.ui, CurvedCutModel(large.segmentation)
    corners = [(3, 8, 20), (12, 8, 22), (3, 36, 22), (12, 36, 20), (7, 20, 24)]
    ui.curvedSelector.setCurrentNode(add_points(scene, large, corners, "curve"))
    wait_until(lambda: "Resected volume" in ui.curvedLabel.text, "the curved cut is planned")
    alone, node = ui.curvedLabel.text, model.node
    assert node is not None
    assert node.GetDisplayVisibility()
    ui.curvedShownCheckBox.click()
    assert not node.GetDisplayVisibility()
    ui.addPlaneButton.click()
    wait_until(lambda: "Resected volume" in ui.resectionLabel.text, "the plane is planned by itself")
    assert ui.curvedLabel.text == alone
    assert not ui.combineComboBox.enabled
    ui.resectedCheckBox.click()
    ui.curvedTogetherCheckBox.click()
    wait_until(lambda: ui.resectionLabel.text == TOGETHER, "the planes are planned with the curved cut")
    wait_until(lambda: ui.curvedLabel.text != alone, "beyond both is less")
    assert ui.combineComboBox.enabled
    both = ui.curvedLabel.text
    ui.combineComboBox.setCurrentIndex(1)
    wait_until(lambda: ui.curvedLabel.text != both, "beyond either is more")
    either = ui.curvedLabel.text
    large.segmentation.GetNodeReference("ResectionPlane").SetNormalWorld([0.3, 0.9, 0.2])
    wait_until(lambda: ui.curvedLabel.text != either, "the numbers follow the plane")
    assert [set(each) for each in panel.review.plan.as_json()["resections"]] == [
        {"name", "surface", "planes", "combine"}
    ]
    ui.curvedSelector.setCurrentNode(None)
    assert model.node is None, "the model goes with the cut"
    wait_until(lambda: "Resected volume" in ui.resectionLabel.text, "the plane is planned by itself again")


def test_vessels_points_and_cuts_survive_saving_and_loading(panel, scene, large, wait_until, tmp_path):
    from LiverTumorAttentionGui.review.report_run import write_case
    from LiverTumorAttentionGui.review.vessel_nodes import SceneVessels
    from LiverTumorAttentionLib.pipeline.liver_vessels import proposal_warnings
    from Testing.bench.scenes import load_scene, save_scene

    ui = panel.ui
    place(large, tmp_path, ["the trees were guessed"])
    corners = [(3, 8, 20), (12, 8, 22), (3, 36, 22), (12, 36, 20), (7, 20, 24)]
    ui.curvedSelector.setCurrentNode(add_points(scene, large, corners, "curve"))
    ui.curvedFlipCheckBox.click()
    ui.vesselCutsSelector.setCurrentNode(add_points(scene, large, [(7, 20, 24), (7, 20, 14)], "cuts"))
    ui.weightSpinBox.value = 70.0
    wait_until(lambda: "Resected volume" in ui.curvedLabel.text, "the curved cut is planned")
    ui.territoriesButton.click()
    told = (ui.curvedLabel.text, ui.territoriesLabel.text)
    plan = panel.review.plan.as_json()
    vessels = dict(large.vessel_map().names)
    first_cut = study_cases.ras_of(large, (7, 20, 24))
    saved = save_scene(tmp_path / "saved")
    panel.scene_closes()
    panel.cleanup()

    loaded = load_scene(saved)
    again = panel_cases.make_panel()
    study, ui = again.active_case.study, again.ui
    assert dict(study.vessel_map().names) == vessels == {1: "Portal vein"}
    np.testing.assert_array_equal(
        study.vessel_map().array[::-1][TUBE], 1, "a left-handed grid is turned round"
    )
    assert int((study.vessel_map().array > 0).sum()) == int(np.ones(study_cases.SHAPE)[TUBE].sum())
    assert not SceneVessels(study).by_hand
    assert not SceneVessels(study).is_of_earlier_liver(again.active_case.instances())
    again.review.vessels.check()
    assert ui.vesselsStaleLabel.text == "The trees were guessed."
    (tmp_path / "given").mkdir()
    given = write_case(study, again.active_case.instances(), tmp_path / "given")
    kept = proposal_warnings(given[given.index("--vessels") + 1])
    assert kept == ("the trees were guessed",), "a report says it, too"
    for role, selector, count in (
        ("CurvedCut", ui.curvedSelector, 5),
        ("VesselCuts", ui.vesselCutsSelector, 2),
    ):
        node = study.segmentation.GetNodeReference(role)
        assert node is not None
        assert selector.currentNode() is node
        assert node.GetNumberOfControlPoints() == count
    assert loaded.GetFirstNodeByName("cuts").GetNthControlPointPositionWorld(0) == pytest.approx(
        first_cut, abs=1e-3
    )
    assert ui.curvedFlipCheckBox.checked
    wait_until(lambda: "Resected volume" in ui.curvedLabel.text, "the curved cut is planned again")
    ui.territoriesButton.click()
    assert (ui.curvedLabel.text, ui.territoriesLabel.text) == told
    restored = again.review.plan.as_json()
    assert restored["weight_kg"] == plan["weight_kg"] == 70.0
    for before, after in (
        (
            [cut["point_lps_mm"] for cut in plan["vessel_cuts"]],
            [c["point_lps_mm"] for c in restored["vessel_cuts"]],
        ),
        *((p["resections"][0]["surface"]["points_lps_mm"] for p in (plan, restored)),),
        *(([p["resections"][0]["surface"]["toward_lps"]] for p in (plan, restored)),),
    ):
        np.testing.assert_allclose(after, before, atol=1e-3)
    again.cleanup()


def test_points_that_span_nothing_are_said(panel, scene, study, wait_until):
    panel.ui.curvedSelector.setCurrentNode(add_points(scene, study, [(3, 8, 20), (12, 8, 22)], "two"))
    wait_until(lambda: "3 to 60 points" in panel.ui.curvedLabel.text, "what is missing is said")


def test_what_a_curved_cut_takes_out_is_shown_without_a_plane(panel, scene, large, wait_until):
    """It follows the points, stands back while the cut is one resection with planes, and goes with the cut."""
    from LiverTumorAttentionGui.review.plan_segments import (
        CURVED_RESECTED_SEGMENT,
        RESECTED_SEGMENT,
        has_segment,
    )

    ui, node = panel.ui, large.segmentation
    assert not ui.curvedResectedCheckBox.enabled
    corners = [(3, 8, 20), (12, 8, 22), (3, 36, 22), (12, 36, 20), (7, 20, 24)]
    ui.curvedSelector.setCurrentNode(add_points(scene, large, corners, "curve"))
    wait_until(lambda: "Resected volume" in ui.curvedLabel.text, "the curved cut is planned")
    ui.curvedResectedCheckBox.click()

    def shown():
        plan = node.GetNodeReference("MarginSegmentation")
        return ball_cases.segment_array(plan, CURVED_RESECTED_SEGMENT, large.portal)

    def resected_ml():
        return np.count_nonzero(shown()) * np.prod(large.portal_image().GetSpacing()) / 1000.0

    surface = panel.review.plan._current_plan().points
    assert resected_ml() == pytest.approx(surface.curved().resected_ml, rel=0.05)
    before = shown().copy()
    ui.curvedFlipCheckBox.click()
    wait_until(lambda: not (shown() & before).any(), "the other side is shown")
    ui.addPlaneButton.click()
    ui.resectedCheckBox.click()
    ui.curvedTogetherCheckBox.click()
    wait_until(lambda: not has_segment(node, CURVED_RESECTED_SEGMENT), "both are shown with the planes")
    assert has_segment(node, RESECTED_SEGMENT)
    assert not ui.curvedResectedCheckBox.enabled
    ui.curvedTogetherCheckBox.click()
    wait_until(lambda: has_segment(node, CURVED_RESECTED_SEGMENT), "the cut is a resection of its own again")
    ui.curvedSelector.setCurrentNode(None)
    assert not has_segment(node, CURVED_RESECTED_SEGMENT)
    assert not ui.curvedResectedCheckBox.enabled


def test_no_part_is_shown_of_a_curved_cut_that_cuts_nothing(panel, scene, large, wait_until):
    ui = panel.ui
    ui.curvedSelector.setCurrentNode(add_points(scene, large, [(3, 8, 20), (12, 8, 22)], "two"))
    wait_until(lambda: "3 to 60 points" in ui.curvedLabel.text, "what is missing is said")
    ui.curvedResectedCheckBox.click()
    assert not ui.curvedResectedCheckBox.checked
    assert "3 to 60 points" in ui.curvedLabel.text
