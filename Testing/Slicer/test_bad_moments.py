"""Bad input and bad moments: a plain sentence, the scene as it was, nothing left behind, no exception."""

from __future__ import annotations

import sys
import time

import numpy as np
import pytest

from Testing.Slicer import cases, panel_cases, scene_facts, study_cases
from Testing.Slicer.panel_cases import rows, select, voxels

IN_FAT, FAR_AWAY = (9, 40, 1), (500, 500, 500)


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The folder in which temporary folders are made: empty in the end, and no child of the test is left."""
    import tempfile

    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    earlier = scene_facts.children()  # of other tests' libraries, which keep a process of their own
    yield folder
    assert list(folder.iterdir()) == []
    assert scene_facts.children() <= earlier


def click(panel, scene, place, wait_until):
    """Click in a slice view at a place in RAS mm."""
    selection = scene.GetNodeByID("vtkMRMLSelectionNodeSingleton")
    scene.GetNodeByID(selection.GetActivePlaceNodeID()).AddControlPointWorld(place)
    wait_until(lambda: not panel.correct._tools._placer._collect_later.pending, "the click was handled")


def refused(label) -> bool:
    """Whether a line shows a refusal: a sentence, in the colour of errors."""
    text = label.text
    return bool(text and not text[0].islower() and text.endswith((".", "!", "?")) and label.styleSheet)


# Bad input ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [IN_FAT, FAR_AWAY], ids=["outside the liver", "outside the volume"])
def test_clicks_where_no_tumor_can_be(panel, scene, tmp_path, wait_until, place):
    labels = study_cases.truth()
    labels[:, :, :9] = 0
    study = study_cases.add_study(scene, tmp_path, labels=labels)
    panel.ui.studySelector.setCurrentNode(study.segmentation)
    before = scene_facts.facts(scene)
    ui = panel.ui
    for button, points in (
        (ui.addButton, 1),
        (ui.includeButton, 1),
        *([(ui.excludeButton, 1)] if place == FAR_AWAY else []),
        (ui.removeButton, 1),
        (ui.mergeButton, 2),
        (ui.splitButton, 2),
    ):
        button.click()
        for _ in range(points):
            click(panel, scene, study_cases.ras_of(study, place), wait_until)
        assert refused(ui.correctStatusLabel), (button.objectName, ui.correctStatusLabel.text)
        button.click()
    assert scene_facts.facts(scene) == before


def test_segmentation_on_another_grid(panel, scene, study):
    other = study_cases.add_portal(scene, cases.TURN_AND_SHIFT)
    study.segmentation.SetNodeReferenceID("PortalVenous", other.GetID())
    before = scene_facts.facts(scene)
    panel.ui.studySelector.setCurrentNode(None)
    panel.ui.studySelector.setCurrentNode(study.segmentation)
    for label in (panel.ui.correctStatusLabel, panel.ui.reviewStatusLabel):
        assert "does not lie on the voxels of the portal venous volume" in label.text
    assert not panel.ui.correctContent.enabled
    assert not panel.ui.reviewContent.enabled
    assert scene_facts.facts(scene) == before


def test_without_a_probability(panel, scene, study):
    from LiverTumorAttentionGui.errors import PanelError
    from LiverTumorAttentionLib.correction import Threshold

    panel.ui.studySelector.setCurrentNode(None)
    scene.RemoveNode(study.probability)
    panel.ui.studySelector.setCurrentNode(study.segmentation)
    select(panel, 0)
    assert not panel.ui.lesionThresholdSlider.enabled
    assert "Keep probability" in panel.ui.lesionThresholdSlider.toolTip
    before = scene_facts.facts(scene)
    with pytest.raises(PanelError, match=r"segment again and keep the probability .*on the command line"):
        panel.active_case.controller.do(Threshold(lesion=1, probability=0.3))
    assert scene_facts.facts(scene) == before
    panel.ui.measureButton.click()
    assert "Measured 3 tumors" in panel.ui.reviewStatusLabel.text


def test_lesion_of_one_voxel(panel, scene, tmp_path, wait_until):
    labels = study_cases.truth()
    labels[labels == 4] = 1
    labels[7, 20, 35] = 4
    study = study_cases.add_study(scene, tmp_path, labels=labels)
    panel.ui.studySelector.setCurrentNode(study.segmentation)
    ui = panel.ui
    select(panel, 2)
    before = scene_facts.facts(scene)
    place = study_cases.ras_of(study, (7, 20, 35))
    for button in (ui.shrinkButton, ui.smoothButton, ui.fillButton):
        button.click()
        assert ui.correctStatusLabel.text
        assert voxels(panel, 3) == 1
    ui.splitButton.click()
    for _ in range(2):
        click(panel, scene, place, wait_until)
    assert refused(ui.correctStatusLabel)
    ui.splitButton.click()
    assert scene_facts.facts(scene) == before
    ui.measureButton.click()
    assert "Measured 3 tumors" in ui.reviewStatusLabel.text
    ui.diametersCheckBox.click()
    ui.marginGroupBox.checked = True
    wait_until(lambda: "of the liver" in ui.marginLabel.text, "the margin is shown")
    select(panel, 2)
    ui.growButton.click()
    assert voxels(panel, 3) > 1
    ui.undoButton.click()
    assert voxels(panel, 3) == 1
    ui.excludeButton.click()
    click(panel, scene, place, wait_until)


def many(count):
    """Return labels (z, y, x) with so many tumors of two voxels."""
    labels = study_cases.truth()
    labels[labels > 1] = 1
    places = [(z, y, x) for z in range(2, 14, 2) for y in range(5, 39, 3) for x in range(5, 43, 3)]
    for number, (z, y, x) in enumerate(places[:count], start=1):
        labels[z, y, x : x + 2] = number + 1
    assert labels.max() == count + 1
    return labels


def calls_of(act):
    """Return how many functions, Python's and C's, were called; unlike seconds, the same on a busy machine."""
    count = 0

    def counted(_frame, event, _argument):
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        act()
    finally:
        sys.setprofile(before)
    return count


def test_five_hundred_lesions(panel, scene, tmp_path):
    """What is done for each of four times as many lesions may not take sixteen times as many steps."""
    steps = {}
    for count in (125, 500):
        study = study_cases.add_study(scene, tmp_path, labels=many(count))
        ui = panel.ui
        steps[count] = {
            "open": calls_of(lambda: ui.studySelector.setCurrentNode(study.segmentation)),  # noqa: B023
            "select": calls_of(lambda: select(panel, 7)),
            "accept": calls_of(ui.acceptButton.click),
            "grow": calls_of(lambda: (ui.nextButton.click(), ui.growButton.click())),  # noqa: B023
            "undo": calls_of(ui.undoButton.click),
            "measure": calls_of(ui.measureButton.click),
        }
        assert len(rows(panel)) == count
        assert ui.reviewTable.rowCount == count
    for what, number in steps[500].items():
        assert number < 8 * steps[125][what], (what, steps)


def test_run_that_finds_hundreds_beside_a_decision(panel, scene, tmp_path):
    study = study_cases.add_study(scene, tmp_path)
    panel.ui.studySelector.setCurrentNode(study.segmentation)
    select(panel, 0)
    panel.ui.acceptButton.click()
    found = many(125)
    found[study_cases.truth() > 1] = 1
    panel.active_case.controller.merge(study.grid.image(found), model="another")
    assert len(rows(panel)) > 100
    assert rows(panel)[0][1] == "accepted"
    np.testing.assert_array_equal(study_cases.voxels(study, "Tumor 1"), study_cases.truth() == 2)


# Bad moments: planning -----------------------------------------------------------------------------------------


def test_plane_that_misses_the_liver(panel, scene, study, wait_until, tmp_path, temporary):
    ui = panel.ui
    ui.addPlaneButton.click()
    wait_until(lambda: "Resected volume" in ui.resectionLabel.text, "the plan is shown")
    plane = scene.GetFirstNodeByClass("vtkMRMLMarkupsPlaneNode")
    plane.SetOriginWorld(900.0, 0.0, 0.0)
    wait_until(lambda: "does not pass through the liver" in ui.resectionLabel.text, "it is said")
    before = scene_facts.facts(scene)
    ui.resectedCheckBox.click()
    assert "does not pass through the liver" in ui.resectionLabel.text
    panel.review.export.choose_file = lambda _parent, _name: str(tmp_path / "out.html")
    ui.reportButton.click()
    wait_until(lambda: not panel.review.export.running, "the report has ended")
    assert refused(ui.reviewStatusLabel)
    assert not list(tmp_path.glob("out.*"))
    assert scene_facts.facts(scene) == before


def test_margin_around_a_tumor_that_went(panel, study, wait_until):
    ui = panel.ui
    ui.marginTumorsComboBox.setCurrentIndex(2)
    ui.marginGroupBox.checked = True
    wait_until(lambda: "of the liver" in ui.marginLabel.text, "the margin is shown")
    select(panel, 1)
    ui.rejectButton.click()
    assert ui.marginTumorsComboBox.currentText == "All tumors"
    assert "update the plan" in ui.marginLabel.text
    ui.planUpdateButton.click()
    assert "of the liver" in ui.marginLabel.text


# Bad moments: cancelled ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["measure", "report", "sample"])
def test_what_is_cancelled_leaves_nothing(
    panel, scene, study, tmp_path, temporary, wait_until, monkeypatch, action
):
    from LiverTumorAttentionGui.review.measurement import SceneReview
    from LiverTumorAttentionGui.sample.sample_run import load_sample

    ui = panel.ui
    out = tmp_path / "out"
    out.mkdir()
    before = scene_facts.facts(scene)
    if action == "measure":
        measure = SceneReview.measure

        def cancelled(self, instances, progress=None):
            ui.reviewCancelButton.click()
            return measure(self, instances, progress)

        monkeypatch.setattr(SceneReview, "measure", cancelled)
        ui.measureButton.click()
        assert ui.reviewStatusLabel.text == "Cancelled. The scene is unchanged."
    elif action == "report":
        panel.review.export.choose_file = lambda _parent, _name: str(out / "case.html")
        ui.reportButton.click()
        wait_until(scene_facts.children, "the child is there")
        ui.reviewCancelButton.click()
        wait_until(lambda: not panel.review.export.running, "the report has ended")
        assert ui.reviewStatusLabel.text == "Cancelled. No report was written."
    else:
        ends = []
        run = load_sample(lambda *_: None, lambda *end: ends.append(end), installer=panel._installer)
        wait_until(scene_facts.children, "the child is there")
        run.cancel()
        wait_until(lambda: ends, "the sample has ended")
        assert (ends[0][0].status, ends[0][1]) == ("cancelled", None)
    assert list(out.iterdir()) == []
    assert scene_facts.facts(scene) == before


# Bad moments: files and folders ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gone", "words"), [(".nrrd", "PV has no voxels"), (".seg.nrrd", "holds no segments")]
)
def test_scene_whose_files_are_gone(panel, scene, study, tmp_path, gone, words):
    from Testing.bench.scenes import load_scene, save_scene

    select(panel, 1)
    panel.ui.acceptButton.click()
    saved = save_scene(tmp_path / "saved")
    name = study.portal.GetName() if gone == ".nrrd" else study.segmentation.GetName()
    panel.scene_closes()
    (saved.parent / f"{name}{gone}").unlink()
    with pytest.raises(OSError, match="cannot read"):
        load_scene(saved)  # Slicer says so, too, and leaves what it could read
    import slicer

    again = panel_cases.make_panel()
    try:
        node = slicer.mrmlScene.GetFirstNodeByName(study.segmentation.GetName())
        log = node.GetAttribute("LiverTumorAttention_Corrections")
        again.ui.studySelector.setCurrentNode(None)
        again.ui.studySelector.setCurrentNode(node)
        for label in (again.ui.correctStatusLabel, again.ui.reviewStatusLabel):
            assert words in label.text
        assert rows(again) == []
        assert not again.ui.correctContent.enabled
        assert node.GetAttribute("LiverTumorAttention_Corrections") == log, "it is there when the file is"
    finally:
        again.cleanup()


def test_report_that_cannot_be_put_there(panel, scene, study, tmp_path, temporary):
    (tmp_path / "file").write_text("no folder")
    before = scene_facts.facts(scene)
    panel.review.export.choose_file = lambda _parent, _name: str(tmp_path / "file" / "case.html")
    panel.ui.reportButton.click()
    assert not panel.review.export.running
    assert refused(panel.ui.reviewStatusLabel)
    assert str(tmp_path / "file") in panel.ui.reviewStatusLabel.text
    assert scene_facts.facts(scene) == before


# Bad moments: nodes and scenes that go --------------------------------------------------------------------------


@pytest.mark.parametrize("tool", ["addButton", "mergeButton"])
def test_study_that_is_removed_while_a_tool_is_on(panel, scene, study, wait_until, tool):
    getattr(panel.ui, tool).click()
    interaction = scene.GetNodeByID("vtkMRMLInteractionNodeSingleton")
    selection = scene.GetNodeByID("vtkMRMLSelectionNodeSingleton")
    points = scene.GetNodeByID(selection.GetActivePlaceNodeID())
    points.AddControlPointWorld(study_cases.ras_of(study, study_cases.BALLS[1][0]))
    scene.RemoveNode(study.segmentation)
    wait_until(lambda: not panel.ui.correctContent.enabled, "the section is disabled")
    assert not getattr(panel.ui, tool).checked
    assert interaction.GetCurrentInteractionMode() != interaction.Place
    assert scene.GetNumberOfNodesByClass("vtkMRMLMarkupsFiducialNode") == 0
    assert "Choose a case first" in panel.ui.correctStatusLabel.text


@pytest.mark.parametrize("moment", ["measure", "threshold", "plane", "report", "margin"])
def test_scene_that_closes_in_the_middle(
    panel, scene, study, temporary, application, monkeypatch, moment, tmp_path
):
    from LiverTumorAttentionGui.review.measurement import SceneReview

    ui = panel.ui

    def close():
        panel.scene_closes()  # what the module does at StartCloseEvent
        scene.Clear()

    if moment == "measure":
        measure = SceneReview.measure

        def closed(self, instances, progress=None):
            close()
            return measure(self, instances, progress)

        monkeypatch.setattr(SceneReview, "measure", closed)
        ui.measureButton.click()
    elif moment == "threshold":
        select(panel, 0)
        ui.lesionThresholdSlider.valueIsChanging.emit(0.5)
        close()
    elif moment == "plane":
        ui.addPlaneButton.click()
        application.processEvents()
        scene.GetFirstNodeByClass("vtkMRMLMarkupsPlaneNode").SetOriginWorld(1.0, 2.0, 3.0)
        close()
    elif moment == "margin":
        ui.marginGroupBox.checked = True
        close()
    else:
        panel.review.export.choose_file = lambda _parent, _name: str(tmp_path / "out.html")
        earlier = scene_facts.children()
        ui.reportButton.click()
        assert scene_facts.children() > earlier
        close()
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        application.processEvents()
        time.sleep(0.005)
    panel.enter()
    assert rows(panel) == []
    assert "Choose a case first" in ui.correctStatusLabel.text
    assert not ui.reviewContent.enabled
    assert ui.reviewProgressBar.isHidden()
    assert not panel.active_case.busy
    kinds = ("Segmentation", "MarkupsPlane", "Table", "ScalarVolume")
    assert [scene.GetNumberOfNodesByClass(f"vtkMRML{kind}Node") for kind in kinds] == [0, 0, 0, 0]


def test_two_studies_switched_quickly(panel, scene, study, tmp_path, application):
    ui = panel.ui
    other = study_cases.add_study(scene, tmp_path)
    ui.studySelector.setCurrentNode(other.segmentation)
    ui.studySelector.setCurrentNode(study.segmentation)
    before = scene_facts.facts(scene)
    select(panel, 0)
    ui.lesionThresholdSlider.valueIsChanging.emit(0.5)  # a preview is due
    ui.marginGroupBox.checked = True  # a margin is due
    ui.addButton.click()
    for _ in range(4):
        ui.studySelector.setCurrentNode(other.segmentation)
        ui.studySelector.setCurrentNode(study.segmentation)
    ui.studySelector.setCurrentNode(other.segmentation)
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        application.processEvents()
        time.sleep(0.005)
    assert scene_facts.facts(scene) == before
    assert not ui.addButton.checked
    assert not ui.marginGroupBox.checked
    assert panel.active_case.study.segmentation is other.segmentation
    assert len(rows(panel)) == 3


# Bad moments: others at the segments ---------------------------------------------------------------------------


def paint(study, name, mask):
    """Give a segment other voxels (z, y, x), as another module does."""
    import slicer

    segment_id = study.segmentation.GetSegmentation().GetSegmentIdBySegmentName(name)
    slicer.util.updateSegmentBinaryLabelmapFromArray(
        mask.astype(np.uint8), study.segmentation, segment_id, study.portal
    )


def test_undo_after_the_segmentation_changed_elsewhere(panel, scene, study):
    ui = panel.ui
    select(panel, 0)
    ui.growButton.click()
    grown = voxels(panel, 1)
    mask = study_cases.voxels(study, "Tumor 2")
    painted = mask.copy()
    painted[12, 30:34, 30:34] = True
    paint(study, "Tumor 2", painted)
    ui.undoButton.click()
    np.testing.assert_array_equal(
        study_cases.voxels(study, "Tumor 2"), mask, err_msg="the last that was done"
    )
    assert voxels(panel, 1) == grown
    ui.undoButton.click()
    np.testing.assert_array_equal(study_cases.voxels(study, "Tumor 1"), study_cases.truth() == 2)
    ui.redoButton.click()
    ui.redoButton.click()
    np.testing.assert_array_equal(study_cases.voxels(study, "Tumor 2"), painted)
    study_cases.check_scene_is_session(study, panel.active_case.controller)


def test_accepted_tumor_that_is_painted_over(panel, scene, study):
    ui = panel.ui
    select(panel, 0)
    ui.acceptButton.click()
    before = scene_facts.facts(scene)
    paint(study, "Tumor 1", np.zeros(study_cases.SHAPE, bool))
    ui.measureButton.click()
    assert ui.correctStatusLabel.text == "Lesion 1 is accepted and was put back."
    np.testing.assert_array_equal(study_cases.voxels(study, "Tumor 1"), study_cases.truth() == 2)
    after = scene_facts.facts(scene)
    own = study.segmentation.GetID()
    assert after[own]["held"] == before[own]["held"]
    wide = study_cases.voxels(study, "Tumor 2")
    wide[6:9, 12:17, 12:17] = True
    paint(study, "Tumor 2", wide)
    panel.active_case.instances()
    np.testing.assert_array_equal(study_cases.voxels(study, "Tumor 1"), study_cases.truth() == 2)
    study_cases.check_scene_is_session(study, panel.active_case.controller)
    paint(study, "Tumor 1", np.zeros(study_cases.SHAPE, bool))
    select(panel, 1)
    ui.growButton.click()
    assert ui.correctStatusLabel.text.startswith("Lesion 1 is accepted and was put back. Done: ")


def delete_liver(segmentation):
    segmentation.RemoveSegment(segmentation.GetSegmentIdBySegmentName("Liver"))


@pytest.mark.parametrize("how", ["deleted", "emptied"])
def test_liver_that_was_deleted_serves_for_nothing(panel, scene, study, tmp_path, how):
    import slicer

    ui = panel.ui
    saved = slicer.vtkSegmentation()
    saved.DeepCopy(study.segmentation.GetSegmentation())
    if how == "deleted":
        delete_liver(study.segmentation.GetSegmentation())
    else:
        paint(study, "Liver", np.zeros(study_cases.SHAPE, bool))
    before = scene_facts.facts(scene)
    ui.measureButton.click()
    assert refused(ui.reviewStatusLabel)
    assert "The segment of the liver was deleted" in ui.reviewStatusLabel.text
    assert ui.reviewTable.rowCount == 0
    panel.review.export.choose_file = lambda _parent, _name: str(tmp_path / "out.html")
    ui.reportButton.click()
    assert not panel.review.export.running
    assert refused(ui.reviewStatusLabel)
    ui.marginGroupBox.checked = True
    select(panel, 0)
    ui.growButton.click()
    assert refused(ui.correctStatusLabel)
    assert scene_facts.facts(scene) == before
    study.segmentation.GetSegmentation().DeepCopy(saved)
    ui.measureButton.click()
    assert "Measured 3 tumors" in ui.reviewStatusLabel.text


def set_status(study, name, status):
    import slicer

    from LiverTumorAttentionGui.scene.segments import STATUSES

    segmentation = study.segmentation.GetSegmentation()
    segment = segmentation.GetSegment(segmentation.GetSegmentIdBySegmentName(name))
    slicer.vtkSlicerSegmentationsModuleLogic.SetSegmentStatus(segment, STATUSES[status])


def test_status_that_another_tool_set_is_followed(panel, scene, study, wait_until):
    ui = panel.ui
    set_status(study, "Tumor 2", "accepted")
    wait_until(lambda: rows(panel)[1][1] == "accepted", "the table shows it")
    select(panel, 1)
    before = voxels(panel, 2)
    ui.growButton.click()
    assert voxels(panel, 2) == before, "accepted"
    set_status(study, "Tumor 2", "draft")
    wait_until(lambda: rows(panel)[1][1] == "draft", "the table shows it")
    set_status(study, "Tumor 2", "rejected")
    wait_until(lambda: voxels(panel, 2) == 0, "it is liver now")
    set_status(study, "Tumor 2", "accepted")
    wait_until(lambda: rows(panel)[1][1] == "accepted", "it is back")
    assert voxels(panel, 2) == before
    set_status(study, "Tumor 1", "accepted")
    ui.measureButton.click()  # at once: before the event loop has run
    assert rows(panel)[0][1] == "accepted"
    ui.undoButton.click()
    assert rows(panel)[0][1] == "draft"
    study_cases.check_scene_is_session(study, panel.active_case.controller)
