"""The section Follow-up: two studies compared, corrected by hand, kept with the scene, and a report."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from Testing.Slicer import followup_cases, panel_cases, study_cases


def message(panel):
    return panel.ui.followupStatusLabel.text


def rows(panel):
    table = panel.ui.pairsTable
    return [
        [table.item(row, column).text() for column in range(table.columnCount)]
        for row in range(table.rowCount)
    ]


def select(panel, row):
    panel.ui.pairsTable.selectRow(row)


def moved(*mm):
    """Return a shift (RAS mm) as a transform."""
    import vtk

    transform = vtk.vtkTransform()
    transform.Translate(*mm)
    return transform


def add_views(scene):
    """Add the slice nodes that Slicer makes for the layout, by time point; and their composite nodes, likewise."""
    views, composites = {}, {}
    for visit, tag in (("baseline", "LTABaseline"), ("followup", "LTAFollowUp")):
        views[visit] = scene.AddNewNodeByClass("vtkMRMLSliceNode", tag)
        views[visit].SetSingletonTag(tag)
        composites[visit] = scene.AddNewNodeByClass("vtkMRMLSliceCompositeNode", tag)
        for node in (views[visit], composites[visit]):
            node.SetLayoutName(tag)
    return views, composites


def middle(view):
    return np.array([view.GetSliceToRAS().GetElement(row, 3) for row in range(3)])


@pytest.fixture
def both(panel, scene, tmp_path):
    """A study on one volume, and an earlier one on another, chosen as its baseline; neither can be registered."""
    (tmp_path / "one").mkdir()
    before = study_cases.add_study(scene, tmp_path / "one")
    after = panel_cases.choose_study(panel, scene, tmp_path)
    panel.ui.baselineSelector.setCurrentNode(before.segmentation)
    return before, after


@pytest.fixture
def runs(monkeypatch):
    """Runs end at once with what `followup_cases.found` says; the list has what each was given."""
    from LiverTumorAttentionGui.process.protocol import Outcome
    from LiverTumorAttentionGui.review import comparison_run

    given = []

    def run(baseline, followup, said, *, on_finished, **_listeners):
        given.append((baseline, followup, said))
        result = comparison_run.ComparedStudies(
            values=followup_cases.found(),
            files={".html": b"page", ".csv": b"table", ".json": b"{}"},
            transform=moved(0.0, 0.0, 7.0),
        )
        done = Outcome(status="done", message="Done.")
        return SimpleNamespace(
            start=lambda: on_finished(done, result), cancel=lambda: None, abandon=lambda: None
        )

    monkeypatch.setattr(comparison_run, "ComparisonRun", run)
    return given


def test_two_studies_are_compared_in_the_real_child(panel, scene, tmp_path, wait_until):
    """One lesion grew from 9 to 14 mm of radius, one is gone, one is new; views, targets and report."""

    before, after = followup_cases.add_both(panel, scene, tmp_path)
    ui = panel.ui
    for edit, day in ((ui.baselineDateEdit, "2024-01-31"), (ui.followupDateEdit, "2024-04-30")):
        edit.text = day
        edit.editingFinished.emit()
    nodes = scene.GetNumberOfNodes()
    assert "nothing has been compared" in ui.responseLabel.text
    ui.compareStudiesButton.click()
    assert not ui.compareStudiesButton.enabled
    assert ui.followupCancelButton.enabled
    wait_until(lambda: not panel.followup.task.running, "both are compared")
    assert message(panel).startswith("Registration good"), message(panel)
    assert "ot for clinical use" in message(panel)
    assert scene.GetNumberOfNodes() == nodes + 1, "the registration"
    shown = rows(panel)
    assert [row[:3] for row in shown] == [["1", "2", "matched"], ["2", "–", "gone"], ["–", "1", "new"]]
    volumes = [float(part) for part in shown[0][3].split("\n")[0].split(" → ")]
    balls = [4 / 3 * np.pi * radius**3 / 1000 for radius in (9.0, 14.0)]
    assert volumes == pytest.approx(balls, rel=0.15)
    assert float(shown[0][5]) == pytest.approx(90 * np.log(2) / np.log(volumes[1] / volumes[0]), abs=2)
    assert ui.responseLabel.text == "No response: no target was chosen. Lesions that qualify: 1, 2"

    views, composites = add_views(scene)
    ui.followupLayoutButton.click()
    assert composites["baseline"].GetBackgroundVolumeID() == before.portal.GetID()
    assert composites["followup"].GetBackgroundVolumeID() == after.portal.GetID()
    to_ras = np.array([-1, -1, 1])
    place = followup_cases.PLACES_MM[1] * to_ras
    views["baseline"].JumpSliceByCentering(*place)
    np.testing.assert_allclose(
        middle(views["followup"]), place + followup_cases.MOVED_MM * to_ras, atol=3.0
    )  # by the registration
    select(panel, 0)
    place = followup_cases.PLACES_MM[0] * to_ras
    np.testing.assert_allclose(middle(views["baseline"]), place, atol=2.5)
    np.testing.assert_allclose(middle(views["followup"]), place + followup_cases.MOVED_MM * to_ras, atol=2.5)
    assert (ui.pairBaselineComboBox.currentText, ui.pairFollowupComboBox.currentText) == ("1", "2")

    page = tmp_path / "out" / "followup.html"
    page.parent.mkdir()
    panel.followup.choose_file = lambda _parent, _name: str(page.with_suffix(""))
    ui.followupReportButton.click()
    assert {each.name for each in page.parent.iterdir()} == {
        "followup.html",
        "followup.csv",
        "followup.json",
    }
    assert len(json.loads(page.with_suffix(".json").read_text())["pairs"]) == 3


def test_cancel_keeps_what_was_found_before(panel, scene, tmp_path, wait_until):
    from LiverTumorAttentionGui.review.comparison import SceneComparison

    _before, after = followup_cases.add_both(panel, scene, tmp_path)
    kept = SceneComparison(after.segmentation)
    kept.keep_result({}, followup_cases.found())
    result = kept.state.result
    panel.followup.show()
    panel.ui.compareStudiesButton.click()
    panel.ui.followupCancelButton.click()
    wait_until(lambda: not panel.followup.task.running, "the run has ended")
    assert message(panel) == "Cancelled. The scene is unchanged."
    assert len(rows(panel)) == 3
    assert kept.state.result == result


def test_what_cannot_be_compared_is_said(panel, scene, study, tmp_path):
    ui = panel.ui
    assert not ui.compareStudiesButton.enabled
    assert "Choose the earlier study" in ui.responseLabel.text
    ui.baselineSelector.setCurrentNode(study.segmentation)
    assert "This is the case itself" in message(panel)
    assert ui.baselineSelector.currentNode() is None
    (tmp_path / "other").mkdir()
    same = study_cases.add_study(scene, tmp_path / "other", portal=study.portal)
    ui.baselineSelector.setCurrentNode(same.segmentation)
    ui.compareStudiesButton.click()
    assert "lie on the same CT" in message(panel)
    assert not panel.followup.task.running
    ui.baselineDateEdit.text = "31.1.2024"
    ui.baselineDateEdit.editingFinished.emit()
    ui.baselineSelector.setCurrentNode(None)


def test_a_date_that_is_none_is_refused_before_the_run(panel, both):
    panel.ui.followupDateEdit.text = "30.4.2024"
    panel.ui.followupDateEdit.editingFinished.emit()
    panel.ui.compareStudiesButton.click()
    assert "give it as YYYY-MM-DD" in message(panel)
    assert not panel.followup.task.running


def set_text(edit, text):
    edit.text = text
    edit.editingFinished.emit()


def test_pairs_and_targets_count_at_once_and_are_undone(panel, both, runs):
    ui = panel.ui
    ui.compareStudiesButton.click()
    assert [row[2] for row in rows(panel)] == ["matched", "gone?", "new?"]
    assert rows(panel)[0][3:] == ["3.00 → 12.0\n+300 %", "18.0 → 28.0\n+56 %", "–"]
    assert "nearly as probable" in ui.pairsTable.item(1, 2).toolTip()
    assert ui.followupStaleLabel.isHidden()
    assert not ui.undoPairButton.enabled
    for edit, day in ((ui.baselineDateEdit, "2024-01-31"), (ui.followupDateEdit, "2024-04-30")):
        set_text(edit, day)
    assert rows(panel)[0][5] == "45"
    select(panel, 1)
    assert (ui.pairBaselineComboBox.currentText, ui.pairFollowupComboBox.currentText) == ("2", "none")
    ui.pairFollowupComboBox.setCurrentIndex(ui.pairFollowupComboBox.findData("1"))
    ui.pairButton.click()
    assert "baseline = follow-up: 2 = 1" in ui.saidLabel.text
    assert [row[:3] for row in rows(panel)] == [["1", "2", "matched"], ["2", "1", "matched"]]
    select(panel, 0)
    ui.targetButton.click()
    assert "Targets by hand: 1" in ui.saidLabel.text
    assert rows(panel)[0][0] == "1 target"
    assert ui.responseLabel.text.splitlines() == [
        "RECIST 1.1 in the liver: PD (targets PD; sum 18.0 → 28.0 mm)",
        "mRECIST in the liver: PR (targets PR; sum 16.0 → 8.0 mm)",
        "Volume of the targets: +300 %",
    ]
    assert ui.followupStaleLabel.isHidden()
    assert len(runs) == 1, "nothing was computed from the volumes again"
    ui.undoPairButton.click()
    assert "No response" in ui.responseLabel.text
    ui.undoPairButton.click()
    assert ui.saidLabel.isHidden()
    assert [row[2] for row in rows(panel)] == ["matched", "gone?", "new?"]
    for _date in range(2):
        ui.undoPairButton.click()
    assert rows(panel)[0][5] == "–"
    assert not ui.undoPairButton.enabled


def test_viable_diameters_sums_and_the_other_lesions_are_for_a_person(panel, both, runs):
    ui, table = panel.ui, panel.ui.targetsTable
    ui.compareStudiesButton.click()
    assert ui.responseInputs.isHidden()
    select(panel, 0)
    ui.targetButton.click()
    assert not ui.responseInputs.isHidden()
    assert [table.item(0, column).text() for column in range(4)] == [
        "1",
        "18.0 → 28.0",
        "16.0 proposed",
        "8.0 proposed",
    ]
    table.item(0, 3).setText("17,5")
    assert table.item(0, 3).text() == "17.5"
    assert "mRECIST in the liver: SD (targets SD; sum 16.0 → 17.5 mm)" in ui.responseLabel.text
    set_text(ui.nadirViableEdit, "14")
    assert "mRECIST in the liver: PD" in ui.responseLabel.text, "25 % above the smallest sum"
    set_text(ui.nadirEdit, "17")
    assert "RECIST 1.1 in the liver: PD" in ui.responseLabel.text
    ui.nonTargetCheckBox.click()
    assert panel.followup.studies.comparison.state.result["response"]["non_target_response"] == "PD"
    table.item(0, 3).setText("0")
    assert "mRECIST in the liver: PD (targets CR" in ui.responseLabel.text
    ui.compareStudiesButton.click()
    assert runs[-1][2].arguments() == [
        *("--targets", "1", "--nadir-sum", "17", "--nadir-viable-sum", "14"),
        *("--non-target-progression", "--viable", "1=0"),
    ]
    before = ui.responseLabel.text
    for wrong in ("x", "600", "-3"):
        table.item(0, 3).setText(wrong)
        assert "between 0 and 500" in message(panel)
        assert table.item(0, 3).text() == "0.0"
    set_text(ui.nadirEdit, "many")
    assert "The length many does not lie between 0 and 5000 mm" in message(panel)
    assert ui.responseLabel.text == before
    ui.undoPairButton.click()
    ui.undoPairButton.click()
    assert not ui.nonTargetCheckBox.checked
    assert table.item(0, 3).text() == "17.5"
    table.item(0, 3).setText("")
    assert table.item(0, 3).text() == "8.0 proposed"
    select(panel, 0)
    ui.targetButton.click()
    assert ui.nadirEdit.text == "", "it was of this target"
    assert ui.responseInputs.isHidden()


def test_linked_views_scroll_together(panel, scene, both, runs):
    ui = panel.ui
    views, _composites = add_views(scene)
    assert not ui.followupLinkButton.enabled
    ui.followupLayoutButton.click()
    views["baseline"].JumpSliceByCentering(0.0, 0.0, 10.0)
    assert middle(views["followup"])[2] == 0.0, "nothing is known of the one place in the other"
    ui.compareStudiesButton.click()
    assert ui.followupLinkButton.enabled
    assert ui.followupLinkButton.checked
    assert middle(views["followup"])[2] == 17.0
    views["followup"].SetSliceOffset(30.0)
    assert middle(views["baseline"])[2] == 23.0
    select(panel, 2)
    assert middle(views["followup"])[0] == -followup_cases.APART_MM
    np.testing.assert_allclose(middle(views["baseline"]), (-followup_cases.APART_MM, 0, -7))
    ui.followupLinkButton.click()
    views["followup"].SetSliceOffset(50.0)
    assert middle(views["baseline"])[2] == -7.0
    ui.followupLinkButton.click()
    assert middle(views["followup"])[2] == 0.0
    ui.followupLayoutButton.click()
    views["baseline"].SetSliceOffset(90.0)
    assert middle(views["followup"])[2] == 0.0, "the layout was left"


def test_what_does_not_fit_is_not_kept(panel, both, runs):
    ui = panel.ui
    ui.compareStudiesButton.click()
    set_text(ui.baselineDateEdit, "2024-05-01")
    set_text(ui.followupDateEdit, "2024-01-01")
    assert "before the baseline" in message(panel)
    assert ui.followupDateEdit.text == ""
    panel.followup.studies.comparison.say(panel.followup.studies.comparison.state.said.with_pair(2, 1))
    from LiverTumorAttentionGui.errors import PanelError

    with pytest.raises(PanelError, match="The baseline has no lesion 7"):
        panel.followup.studies.comparison.say(panel.followup.studies.comparison.state.said.with_pair(7, 1))
    with pytest.raises(PanelError, match="The baseline has no lesion 7"):
        panel.followup.studies.comparison.say(panel.followup.studies.comparison.state.said.with_target(7))
    assert panel.followup.studies.comparison.state.said.pairs == ((2, 1),)


def test_a_report_of_what_was_said_since_is_made_anew(panel, both, runs, tmp_path):
    ui = panel.ui
    panel.followup.choose_file = lambda _parent, _name: str(tmp_path / "report")
    ui.compareStudiesButton.click()
    ui.followupReportButton.click()
    assert len(runs) == 1
    assert (tmp_path / "report.html").read_bytes() == b"page"
    (tmp_path / "report.html").unlink()
    select(panel, 0)
    ui.targetButton.click()
    ui.followupReportButton.click()
    assert runs[-1][2].targets == (1,)
    assert len(runs) == 2
    assert "report.html is written" in message(panel)
    assert (tmp_path / "report.html").read_bytes() == b"page"
    panel.followup.choose_file = lambda _parent, _name: str(tmp_path / "none" / "report")
    ui.undoPairButton.click()
    ui.followupReportButton.click()
    assert len(runs) == 2, "what cannot be written is said before the run"
    assert "none" in message(panel)


def test_a_lesion_has_no_pair_and_none_too(panel, both, runs):
    """What was said before and contradicts is left out; pieces of one lesion are not."""
    from LiverTumorAttentionGui.errors import PanelError
    from LiverTumorAttentionGui.review.said import Said

    said = Said().with_pair(1, 2).with_pair(1, 3)
    assert said.pairs == ((1, 2), (1, 3))
    assert said.with_pair(1, None).pairs == ((1, None),)
    assert said.with_pair(None, 3).pairs == ((1, 2), (None, 3))
    assert Said().with_pair(None, 4).with_pair(2, 4).pairs == ((2, 4),)
    with pytest.raises(PanelError, match="No lesion is chosen: choose one"):
        said.with_pair(None, None)
    two = Said().with_target(3).with_target(1)
    assert two.targets == (1, 3)
    assert two.with_target(3).targets == (1,)
    with pytest.raises(PanelError, match="the most in one organ"):
        two.with_target(2)
    panel.ui.compareStudiesButton.click()
    select(panel, 2)
    panel.ui.targetButton.click()
    assert "lesion of the baseline first" in message(panel)


def test_a_correction_makes_the_comparison_stale(panel, both, runs, wait_until):
    ui = panel.ui
    ui.compareStudiesButton.click()
    panel_cases.select(panel, 0)
    ui.growButton.click()
    wait_until(lambda: "was changed since" in ui.followupStaleLabel.text, "the mark is shown")
    ui.compareStudiesButton.click()
    assert ui.followupStaleLabel.isHidden()
    ui.undoButton.click()
    wait_until(lambda: "was changed since" in ui.followupStaleLabel.text, "the mark is shown again")
    ui.redoButton.click()
    wait_until(lambda: ui.followupStaleLabel.isHidden(), "it is as it was compared")


def test_the_comparison_survives_saving_and_loading(panel, scene, both, runs, tmp_path):
    from Testing.bench.scenes import load_scene, save_scene

    ui = panel.ui
    ui.compareStudiesButton.click()
    select(panel, 0)
    ui.targetButton.click()
    ui.targetsTable.item(0, 2).setText("11")
    set_text(ui.nadirEdit, "17")
    table, text, name = rows(panel), ui.responseLabel.text, both[0].segmentation.GetName()
    saved = save_scene(tmp_path / "saved")
    panel.scene_closes()
    panel.cleanup()
    load_scene(saved)
    again = panel_cases.make_panel()
    ui = again.ui
    assert rows(again) == table
    assert ui.responseLabel.text == text
    assert ui.saidLabel.text == "Targets by hand: 1"
    assert ui.baselineSelector.currentNode().GetName() == name
    assert ui.followupStaleLabel.isHidden()
    assert (ui.targetsTable.item(0, 2).text(), ui.nadirEdit.text) == ("11.0", "17")
    assert ui.followupLinkButton.enabled
    transform = again.followup.studies.comparison.transform.GetTransformFromParent()
    assert transform.TransformPoint(1.0, 2.0, 3.0) == pytest.approx((1.0, 2.0, 10.0))
    again.followup.choose_file = lambda _parent, _name: str(tmp_path / "report")
    ui.followupReportButton.click()
    assert (tmp_path / "report.html").read_bytes() == b"page", "made anew"
    assert len(runs) == 2
    for _step in range(3):
        ui.undoPairButton.click()
    assert ui.responseLabel.text.startswith("No response")
    again.cleanup()


def test_dates_of_dicom_are_taken(panel, scene, study, tmp_path, monkeypatch):
    from LiverTumorAttentionGui.scene import series_facts
    from LiverTumorAttentionLib.phases.headers import SeriesFacts

    (tmp_path / "one").mkdir()
    before = study_cases.add_study(scene, tmp_path / "one")
    days = {before.portal: 738916, study.portal: 739006}  # 2024-01-31 and 2024-04-30, counted as Python does
    monkeypatch.setattr(
        series_facts, "series_facts", lambda node: SeriesFacts(acquired_s=86400.0 * days[node] + 36000.0)
    )
    panel.ui.baselineSelector.setCurrentNode(before.segmentation)
    assert panel.ui.baselineDateEdit.text == "2024-01-31"
    assert panel.ui.followupDateEdit.text == "2024-04-30"
    assert not panel.ui.undoPairButton.enabled


def test_a_removed_baseline_leaves_nothing_to_compare(panel, scene, both, runs):
    panel.ui.compareStudiesButton.click()
    scene.RemoveNode(both[0].segmentation)
    assert not panel.ui.compareStudiesButton.enabled
    assert not panel.ui.followupLayoutButton.enabled


def test_another_baseline_begins_anew(panel, scene, both, runs, tmp_path):
    panel.ui.compareStudiesButton.click()
    (tmp_path / "third").mkdir()
    third = study_cases.add_study(scene, tmp_path / "third")
    transforms = scene.GetNumberOfNodesByClass("vtkMRMLTransformNode")
    panel.ui.baselineSelector.setCurrentNode(third.segmentation)
    assert rows(panel) == []
    assert scene.GetNumberOfNodesByClass("vtkMRMLTransformNode") == transforms - 1
    assert not panel.ui.followupLinkButton.enabled
    panel.ui.studySelector.setCurrentNode(both[0].segmentation)
    assert panel.ui.baselineSelector.currentNode() is None
    panel.ui.studySelector.setCurrentNode(both[1].segmentation)
    assert panel.ui.baselineSelector.currentNode() is third.segmentation
