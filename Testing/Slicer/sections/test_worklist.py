"""The worklist: its list, opening, saving and leaving a case, and segmentation in the background."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
import SimpleITK as sitk

from Testing.Slicer import cases, panel_cases, worklist_cases
from Testing.Slicer.worklist_cases import double_click, labels_on_disk, rows


@pytest.fixture
def folder(scene, tmp_path):
    return worklist_cases.make_folder(tmp_path / "cases")


@pytest.fixture
def panel(scene, tmp_path, folder, monkeypatch):
    import slicer

    monkeypatch.setattr(slicer.util, "setSliceViewerLayers", lambda **_layers: None)
    made = panel_cases.make_panel()
    made._parameters.model = "demonstration"
    made.worklist.batch.run_factory = worklist_cases.fake_runs(tmp_path)
    made.worklist.ask = lambda _parent, name: pytest.fail(f"asked about {name}")
    made.worklist.choose_folder = lambda _parent: str(folder)
    made.ui.openWorklistButton.click()
    yield made
    made.cleanup()


def volumes(scene):
    count = scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode")
    return sorted(scene.GetNthNodeByClass(n, "vtkMRMLScalarVolumeNode").GetName() for n in range(count))


def message(panel):
    return panel.ui.worklistStatusLabel.text


# The list ---------------------------------------------------------------------------------------------------


def test_lists_the_cases_of_a_folder(panel):
    assert rows(panel) == [("case1", "unread"), ("case2", "unread"), ("case3", "unread")]
    assert panel.ui.worklistFolderLabel.text.endswith("3 cases, 3 unread")
    assert panel.ui.nextCaseButton.enabled
    assert not panel.ui.saveCaseButton.enabled


def test_a_folder_without_cases_leaves_the_list_as_it_is(panel, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    panel.worklist.choose_folder = lambda _parent: str(empty)
    panel.ui.openWorklistButton.click()
    assert "no folder in" in message(panel).lower()
    assert len(rows(panel)) == 3


def test_status_is_that_on_the_disk(panel, folder):
    worklist_cases.put_result(folder / "case2")
    panel.worklist.refresh()
    assert [status for _, status in rows(panel)] == ["unread", "segmented", "unread"]
    (folder / "case3" / "result").mkdir()
    (folder / "case3" / "result" / "segmentation.seg.nrrd").write_text("no NRRD")
    panel.worklist.refresh()
    assert rows(panel)[2] == ("case3", "damaged")


# Opening and saving -----------------------------------------------------------------------------------------


def test_opens_a_case_that_nobody_segmented(panel, scene):
    double_click(panel, 0)
    portal = panel._parameters.portal
    assert portal.GetName() == "case1 portal"
    assert panel.active_case.study is None
    assert volumes(scene) == ["case1 portal"]
    assert np.array_equal(_voxels(portal), worklist_cases.study_cases.hounsfield() + 1)


def test_opens_a_case_with_its_result(panel, scene, folder):
    worklist_cases.put_result(folder / "case1")
    double_click(panel, 0)
    study = panel.active_case.study
    assert study is not None, panel.active_case.problem
    assert study.segmentation is panel._parameters.output
    assert [row[0] for row in panel_cases.rows(panel)] == ["Tumor 1", "Tumor 2", "Tumor 3"]
    np.testing.assert_array_equal(
        panel.active_case.controller.session.labels, worklist_cases.study_cases.truth()
    )
    assert study.probability is not None
    assert not panel.ui.correctButton.collapsed


@pytest.mark.parametrize("missing", [None, "transform.h5", "registered.nrrd"])
def test_registered_arterial_phase_is_loaded_where_its_files_are_whole(panel, scene, tmp_path, missing):
    folder = worklist_cases.make_folder(tmp_path / "phases", 1, arterial=True)
    worklist_cases.put_result(folder / "case1", registration=True)
    if missing is not None:
        (folder / "case1" / "result" / missing).unlink()
    panel.worklist.open_folder(folder)
    double_click(panel, 0)
    study = panel.active_case.study
    assert study is not None, message(panel)
    assert (study.arterial is not None) == (missing is None)
    assert panel._parameters.arterial.GetName() == "case1 arterial"
    assert panel._parameters.arterial is not study.arterial


def test_registered_delayed_phase_is_loaded_from_where_a_run_of_the_list_leaves_it(panel, scene, tmp_path):
    from LiverTumorAttentionLib.pipeline.worklist import find_cases

    folder = worklist_cases.make_folder(tmp_path / "phases", 1)
    case = folder / "case1"
    delayed = sitk.ReadImage(str(case / "portal.nrrd")) + 30
    sitk.WriteImage(delayed, str(case / "delayed.nrrd"))
    worklist_cases.put_result(case)
    (listed,) = find_cases(folder)
    sitk.WriteImage(delayed, listed.outputs()["save_delayed"])
    report = json.loads((case / "result" / "report.json").read_text())
    report["further_registrations"] = {"delayed": cases.verdict()}
    (case / "result" / "report.json").write_text(json.dumps(report))
    panel.worklist.open_folder(folder)
    double_click(panel, 0)
    study = panel.active_case.study
    assert study is not None, message(panel)
    assert study.registered("delayed") is not None
    assert panel._parameters.delayed.GetName() == "case1 delayed"


def test_saves_corrections_and_finds_them_again(panel, scene, folder):
    worklist_cases.put_result(folder / "case1")
    double_click(panel, 0)
    _decide(panel, "accept", 1)
    _decide(panel, "reject", 3)
    assert panel.ui.saveCaseButton.enabled
    panel.ui.saveCaseButton.click()
    assert message(panel).startswith("case1 is saved")
    assert rows(panel)[0] == ("case1", "draft")
    assert set(np.unique(labels_on_disk(folder / "case1"))) == {0, 1, 2, 3}
    double_click(panel, 1)
    assert volumes(scene) == ["case2 portal"]
    double_click(panel, 0)
    statuses = {row[0]: row[1] for row in panel_cases.rows(panel)}
    assert statuses == {"Tumor 1": "accepted", "Tumor 2": "draft", "Tumor 3": "rejected"}


def test_signed_case_is_signed_on_the_disk(panel, folder):
    worklist_cases.put_result(folder / "case1")
    double_click(panel, 0)
    for number in (1, 2, 3):
        _decide(panel, "accept", number)
    panel.active_case.controller.sign("Jane Doe")
    panel.ui.saveCaseButton.click()
    assert rows(panel)[0] == ("case1", "signed")
    assert "Jane Doe" in panel.ui.worklistTable.item(0, 2).text()
    double_click(panel, 1)
    double_click(panel, 0)
    assert panel.active_case.controller.sign_off is not None


@pytest.mark.parametrize("answer", ["save", "discard", "cancel"])
def test_unsaved_corrections_are_asked_about(panel, folder, answer):
    worklist_cases.put_result(folder / "case1")
    before = (folder / "case1" / "result" / "segmentation.seg.nrrd").read_bytes()
    double_click(panel, 0)
    _decide(panel, "accept", 1)
    asked = []
    panel.worklist.ask = lambda _parent, name: asked.append(name) or answer
    double_click(panel, 1)
    assert len(asked) == 1
    changed = (folder / "case1" / "result" / "segmentation.seg.nrrd").read_bytes() != before
    assert changed == (answer == "save")
    opened = panel._parameters.portal.GetName()
    assert opened == ("case1 portal" if answer == "cancel" else "case2 portal")
    assert not (folder / "case2" / "result").exists()


def test_correction_that_was_undone_is_not_asked_about(panel, folder):
    worklist_cases.put_result(folder / "case1")
    double_click(panel, 0)
    _decide(panel, "accept", 1)
    panel.active_case.controller.undo()
    double_click(panel, 1)
    assert panel._parameters.portal.GetName() == "case2 portal"


def test_result_of_the_segment_button_is_saved_with_the_case(panel, scene, folder, tmp_path):
    """A segmentation that was made in the scene is of the case whose portal venous CT it lies on."""
    double_click(panel, 1)
    study = worklist_cases.study_cases.add_study(scene, tmp_path, portal=panel._parameters.portal)
    panel.ui.studySelector.setCurrentNode(study.segmentation)
    panel.ui.saveCaseButton.click()
    assert message(panel).startswith("case2 is saved")
    np.testing.assert_array_equal(labels_on_disk(folder / "case2"), worklist_cases.study_cases.truth())
    assert not (folder / "case1" / "result").exists()
    double_click(panel, 0)
    double_click(panel, 1)
    assert len(panel_cases.rows(panel)) == 3


# Never into another case ------------------------------------------------------------------------------------


def test_nothing_is_saved_over_what_somebody_else_saved(panel, folder):
    worklist_cases.put_result(folder / "case1")
    double_click(panel, 0)
    _decide(panel, "accept", 1)
    path = folder / "case1" / "result" / "segmentation.seg.nrrd"
    other = (folder / "case2" / "made" / "segmentation.seg.nrrd").read_bytes()
    path.write_bytes(other)
    panel.ui.saveCaseButton.click()
    assert "somebody else" in message(panel)
    assert path.read_bytes() == other


def test_nothing_is_saved_of_a_volume_that_was_moved_or_changed(panel, scene, folder):
    import slicer

    worklist_cases.put_result(folder / "case1")
    path = folder / "case1" / "result" / "segmentation.seg.nrrd"
    before = path.read_bytes()
    double_click(panel, 0)
    _decide(panel, "accept", 1)
    portal = panel._parameters.portal
    slicer.util.updateVolumeFromArray(portal, _voxels(portal) + 1)
    panel.active_case.reopen()
    panel.ui.saveCaseButton.click()
    assert "not as it was loaded" in message(panel)
    assert path.read_bytes() == before


def test_a_case_that_is_not_of_a_worklist_cannot_be_saved_into_one(panel, scene, tmp_path):
    (tmp_path / "own").mkdir()
    panel_cases.choose_study(panel, scene, tmp_path / "own")
    assert not panel.ui.saveCaseButton.enabled


def test_folder_that_is_gone_is_told(panel, folder):
    worklist_cases.put_result(folder / "case1")
    double_click(panel, 0)
    _decide(panel, "accept", 1)
    (folder / "case1").rename(folder / "moved")
    panel.ui.saveCaseButton.click()
    assert "not there any more" in message(panel)
    assert not (folder / "case1").exists()


def test_a_case_with_a_plan_stays_in_the_scene(panel, scene, folder):
    from LiverTumorAttentionGui.scene.node_attributes import PLANE_REFERENCE
    from LiverTumorAttentionGui.scene.node_links import add_referenced_node

    worklist_cases.put_result(folder / "case1")
    double_click(panel, 0)
    segmentation = panel.active_case.study.segmentation
    add_referenced_node(segmentation, "vtkMRMLMarkupsPlaneNode", "cut", PLANE_REFERENCE)
    double_click(panel, 1)
    assert segmentation.GetScene() is scene
    double_click(panel, 0)
    assert panel.active_case.study.segmentation is segmentation, "it is not loaded twice"


def test_a_result_that_cannot_be_read_leaves_the_case_before_open(panel, scene, folder):
    double_click(panel, 0)
    worklist_cases.put_result(folder / "case2")
    (folder / "case2" / "result" / "probability.nrrd").write_text("no NRRD")
    double_click(panel, 1)
    assert "cannot be read" in message(panel)
    assert volumes(scene) == ["case1 portal"]
    assert panel._parameters.portal.GetName() == "case1 portal"


# The next case ----------------------------------------------------------------------------------------------


def test_next_unread_case(panel, folder):
    worklist_cases.put_result(folder / "case1")
    double_click(panel, 0)
    _decide(panel, "accept", 1)
    panel.ui.saveCaseButton.click()
    names = []
    for _ in range(3):
        panel.ui.nextCaseButton.click()
        names.append(panel._parameters.portal.GetName())
    assert names == ["case2 portal", "case3 portal", "case2 portal"], "case 1 is being read"


def test_next_case_on_its_key(panel, folder):
    key = panel.worklist._key
    assert key.key.toString() == "U"
    assert key.isEnabled()
    key.activated.emit()
    assert panel._parameters.portal.GetName() == "case1 portal"
    panel.leave()
    assert not key.isEnabled(), "the module was left"
    panel.enter()
    assert key.isEnabled()
    worklist_cases.put_result(folder / "case2")
    double_click(panel, 1)
    panel_cases.select(panel, 0)
    panel.ui.brushGroupBox.collapsed = False
    assert not key.isEnabled(), "the Segment Editor has the keys"


def test_all_read(panel, folder):
    for number in (1, 2, 3):
        worklist_cases.put_result(folder / f"case{number}")
        double_click(panel, number - 1)
        _decide(panel, "accept", 1)
        panel.ui.saveCaseButton.click()
    panel.ui.nextCaseButton.click()
    assert "Every case" in message(panel)


# In the background ------------------------------------------------------------------------------------------


def test_batch_segments_the_unread_cases_one_at_a_time(panel, folder, tmp_path, wait_until):
    worklist_cases.put_result(folder / "case2")
    panel.ui.batchButton.click()
    assert rows(panel)[0] == ("case1", "being segmented")
    assert rows(panel)[2] == ("case3", "waiting")
    assert not panel.ui.batchButton.enabled
    wait_until(lambda: not panel.worklist.batch.running, "the batch has ended")
    assert [call["case"] for call in worklist_cases.calls(tmp_path)] == ["case1", "case3"]
    assert [status for _, status in rows(panel)] == ["segmented"] * 3
    assert message(panel) == "2 cases segmented."
    double_click(panel, 2)
    assert len(panel_cases.rows(panel)) == 3


def test_a_case_that_fails_does_not_stop_the_others(panel, folder, tmp_path, wait_until):
    (folder / "case1" / "plan").write_text("fail")
    panel.ui.batchButton.click()
    wait_until(lambda: not panel.worklist.batch.running, "the batch has ended")
    assert [status for _, status in rows(panel)] == ["failed", "segmented", "segmented"]
    assert "no CT" in panel.ui.worklistTable.item(0, 2).text()
    assert "case1: The portal volume is no CT." in message(panel)
    assert not (folder / "case1" / "result").exists(), "nothing is left of it"


@pytest.mark.parametrize("agreed", [True, False])
def test_phases_that_are_open_are_asked_about_once_when_the_others_are_done(
    panel, folder, tmp_path, wait_until, monkeypatch, agreed
):
    import slicer

    asked = []
    monkeypatch.setattr(
        slicer.util,
        "confirmOkCancelDisplay",
        lambda text, **_: asked.append(text) or (agreed and len(asked) == 1),
    )
    for case in ("case1", "case3"):
        (folder / case / "plan").write_text("ask")
    panel.ui.batchButton.click()
    wait_until(lambda: asked and not panel.worklist.batch.running, "the batch has ended")
    assert asked == [
        "These cases were not segmented:\n\ncase1: they may be exchanged\ncase3: they may be exchanged\n\n"
        "Use their volumes as they are?"
    ]
    confirmed = [
        call["case"] for call in worklist_cases.calls(tmp_path) if "--phases-as-given" in call["arguments"]
    ]
    assert confirmed == (["case1", "case3"] if agreed else [])
    expected = ["segmented"] * 3 if agreed else ["failed", "segmented", "failed"]
    assert [status for _, status in rows(panel)] == expected


def test_another_case_is_corrected_meanwhile(panel, folder, wait_until):
    worklist_cases.put_result(folder / "case1")
    (folder / "case2" / "plan").write_text("hold")
    panel.ui.batchButton.click()
    double_click(panel, 0)
    _decide(panel, "accept", 2)
    panel.ui.saveCaseButton.click()
    assert rows(panel) == [("case1", "draft"), ("case2", "being segmented"), ("case3", "waiting")]
    assert not panel.ui.segmentButton.enabled
    assert "worklist" in panel.ui.segmentButton.toolTip
    (folder / "case2" / "release").touch()
    wait_until(lambda: not panel.worklist.batch.running, "the batch has ended")
    assert panel.active_case.study is not None
    assert panel._parameters.portal.GetName() == "case1 portal", "the reader's case stays"
    assert [status for _, status in rows(panel)] == ["draft", "segmented", "segmented"]


def test_batch_writes_over_no_result_of_the_meantime(panel, folder, wait_until):
    (folder / "case1" / "plan").write_text("hold")
    panel.ui.batchButton.click()
    worklist_cases.put_result(folder / "case2")
    path = folder / "case2" / "result" / "segmentation.seg.nrrd"
    path.write_bytes(path.read_bytes() + b" ")
    before = path.read_bytes()
    (folder / "case1" / "release").touch()
    wait_until(lambda: not panel.worklist.batch.running, "the batch has ended")
    assert path.read_bytes() == before
    assert "case2: The case case2 was segmented meanwhile" in message(panel)


def test_case_at_work_in_the_background_is_not_saved(panel, scene, folder, tmp_path, wait_until):
    (folder / "case1" / "plan").write_text("hold")
    double_click(panel, 0)
    study = worklist_cases.study_cases.add_study(scene, tmp_path, portal=panel._parameters.portal)
    panel.ui.studySelector.setCurrentNode(study.segmentation)
    panel.ui.batchButton.click()
    panel.ui.saveCaseButton.click()
    assert "in the background" in message(panel)
    assert not (folder / "case1" / "result" / "segmentation.seg.nrrd").exists()


def test_cancel_ends_the_child_and_begins_with_no_other(panel, folder, tmp_path, wait_until):
    (folder / "case1" / "plan").write_text("hold")
    panel.ui.batchButton.click()
    wait_until(lambda: bool(worklist_cases.calls(tmp_path)), "the child runs")
    panel.ui.cancelBatchButton.click()
    wait_until(lambda: not panel.worklist.batch.running, "the batch has ended")
    assert len(worklist_cases.calls(tmp_path)) == 1
    assert not _alive(worklist_cases.calls(tmp_path)[0]["pid"])
    assert message(panel).startswith("Cancelled: 0 cases segmented")
    assert [status for _, status in rows(panel)] == ["unread"] * 3
    assert panel.ui.batchButton.enabled


@pytest.mark.parametrize("ending", ["cleanup", "scene_closes"])
def test_closing_window_or_scene_ends_the_batch(panel, folder, tmp_path, wait_until, ending):
    (folder / "case1" / "plan").write_text("half")
    panel.ui.batchButton.click()
    part = folder / "case1" / "result" / ".segmentation.1234.part.seg.nrrd"
    wait_until(part.exists, "the child writes")
    pid = worklist_cases.calls(tmp_path)[0]["pid"]
    getattr(panel, ending)()
    assert not panel.worklist.batch.running
    wait_until(lambda: not _alive(pid), "the child is gone")
    assert not (folder / "case1" / "result").exists(), "no half file is left"
    if ending == "scene_closes":
        assert "background was ended" in message(panel)


def test_settings_of_the_panel_are_those_of_the_batch(panel, folder, tmp_path, wait_until):
    panel._parameters.model = "other"
    panel._parameters.threshold = 0.7
    panel.ui.batchButton.click()
    wait_until(lambda: not panel.worklist.batch.running, "the batch has ended")
    arguments = worklist_cases.calls(tmp_path)[0]["arguments"]
    options = dict(zip(arguments[1::2], arguments[2::2], strict=True))
    assert options["--model"] == "other"
    assert options["--threshold"] == "0.7"
    assert options["--output"] == str(folder / "case1" / "result" / "segmentation.seg.nrrd")


def test_without_a_model_no_batch_begins(panel, tmp_path):
    panel._parameters.model = ""
    panel.ui.batchButton.click()
    assert "No model is chosen" in message(panel)
    assert not worklist_cases.calls(tmp_path)


def test_run_in_the_scene_blocks_the_batch_and_other_cases(panel, monkeypatch):
    monkeypatch.setattr(type(panel._segment), "running", property(lambda _self: True))
    panel.worklist.refresh()
    assert not panel.ui.batchButton.enabled
    double_click(panel, 0)
    assert "is being segmented here" in message(panel)
    assert panel._parameters.portal is None


def _decide(panel, tool, number):
    from LiverTumorAttentionLib.correction import TOOLS

    panel.active_case.controller.do(TOOLS[tool](lesion=number))


def _voxels(node):
    import slicer

    return slicer.util.arrayFromVolume(node).copy()


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
