"""The story goes on: segments, a right hepatectomy, a follow-up and its response; all of it is there another day.

Two dates of a generated abdomen, of which everything is known, stand for the patient. Not for clinical use.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from LiverTumorAttentionLib.voxels.couinaud import ROMAN
from LiverTumorAttentionLib.wording import measured
from Testing.Slicer import followup_cases, panel_cases

RIGHT = (5, 6, 7, 8)
"""Segments that a right hepatectomy takes."""


@pytest.fixture
def story(panel: Any, scene: Any, tmp_path: Path, wait_until: Any) -> Any:
    """The panel with both dates, the later one open, and what the steps note."""
    before, after = followup_cases.add_both(panel, scene, tmp_path)
    return {"panel": panel, "wait": wait_until, "folder": tmp_path, "before": before, "after": after}


def test_the_story_goes_on(story: dict[str, Any]) -> None:
    tell_the_segments(story)
    plan_a_right_hepatectomy(story)
    compare_both_dates(story)
    choose_targets(story)
    report_it(story)
    come_back_another_day(story)


def tell_the_segments(story: dict[str, Any]) -> None:
    """The network proposes them; every tumor of the table has its segments, and they fill the liver."""
    panel, ui = story["panel"], story["panel"].ui
    ui.proposeSegmentsButton.click()
    story["wait"](lambda: not panel.review.busy, "the segments are proposed")
    assert "proposed by the model" in ui.reviewStatusLabel.text, ui.reviewStatusLabel.text
    segments, liver = _segments(panel), _instances(panel) > 0
    np.testing.assert_array_equal(segments > 0, liver)
    ui.measureButton.click()
    story["segments"] = [ui.reviewTable.item(row, 6).text() for row in range(ui.reviewTable.rowCount)]
    assert all(text.split()[0] in ROMAN for text in story["segments"])


def plan_a_right_hepatectomy(story: dict[str, Any]) -> None:
    """What it takes is V to VIII, voxel by voxel; without the body's size nothing is standardized."""
    panel, ui = story["panel"], story["panel"].ui
    ui.namedResectionComboBox.setCurrentIndex(ui.namedResectionComboBox.findText("Right hepatectomy"))
    story["wait"](lambda: "FLR" in ui.namedResectionLabel.text, "the numbers are shown")
    voxel_ml = float(np.prod(panel.active_case.study.portal.GetSpacing())) / 1000.0
    taken = np.isin(_segments(panel), RIGHT)
    share = 100.0 * np.count_nonzero(taken) / np.count_nonzero(_instances(panel))
    volume = measured(np.count_nonzero(taken) * voxel_ml, "mL")
    assert f"Resected segments V, VI, VII, VIII: {volume} ({share:.1f} %)" in ui.namedResectionLabel.text


def compare_both_dates(story: dict[str, Any]) -> None:
    """One lesion grew, one is gone, one is new; each has its segments at the later date."""
    panel, ui = story["panel"], story["panel"].ui
    for edit, day in ((ui.baselineDateEdit, "2024-01-31"), (ui.followupDateEdit, "2024-04-30")):
        edit.text = day
        edit.editingFinished.emit()
    ui.compareStudiesButton.click()
    story["wait"](lambda: not panel.followup.task.running, "both are compared")
    shown = [row[:3] for row in _rows(ui.pairsTable)]
    assert shown == [["1", "2", "matched"], ["2", "–", "gone"], ["–", "1", "new"]], (
        ui.followupStatusLabel.text
    )
    pairs = panel.followup.studies.comparison.state.result["pairs"]
    assert [pair["segments"]["followup"] for pair in pairs] == [
        story["segments"][1],
        None,
        story["segments"][0],
    ]


def choose_targets(story: dict[str, Any]) -> None:
    """No response is told before; then that of the worked example, with viable diameters of a person."""
    ui = story["panel"].ui
    assert ui.responseLabel.text.startswith("No response")
    ui.pairsTable.selectRow(0)
    ui.targetButton.click()
    for column, length in ((2, "15"), (3, "10")):
        ui.targetsTable.item(0, column).setText(length)
    ui.nadirViableEdit.text = "12"
    ui.nadirViableEdit.editingFinished.emit()
    recist, mrecist, *_rest = ui.responseLabel.text.splitlines()
    assert recist.startswith("RECIST 1.1 in the liver: PD (targets PD; sum ")
    # 10 of 15 mm is a third less: a partial response of the target, but a new lesion of 16 mm is progression.
    assert mrecist == "mRECIST in the liver: PD (targets PR; sum 15.0 → 10.0 mm)"


def report_it(story: dict[str, Any]) -> None:
    """The report of another run says what the panel says."""
    panel, page = story["panel"], story["folder"] / "followup.html"
    panel.followup.choose_file = lambda _parent, _name: str(page)
    panel.ui.followupReportButton.click()
    story["wait"](lambda: not panel.followup.task.running, "the report is written")
    numbers = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))
    kept = panel.followup.studies.comparison.state.result
    for name in ("pairs", "response", "counts", "interval_days"):
        assert numbers[name] == kept[name], name
    text = page.read_text(encoding="utf-8")
    assert story["segments"][1] in text
    assert "ot for clinical use" in text


def come_back_another_day(story: dict[str, Any]) -> None:
    """Segments, resection, pairs, targets, diameters, sums, response and registration survive saving and loading."""
    from Testing.bench.scenes import load_scene, save_scene

    panel = story["panel"]
    before = _told(panel)
    saved = save_scene(story["folder"] / "saved")
    panel.scene_closes()
    panel.cleanup()
    load_scene(saved)
    again = panel_cases.make_panel()
    try:
        again.ui.studySelector.setCurrentNode(_named(story["after"].segmentation.GetName()))
        again.ui.planUpdateButton.click()
        again.ui.measureButton.click()
        after = _told(again)
        for name, value in before.items():
            np.testing.assert_equal(after[name], value, name)
        again.ui.undoPairButton.click()
        assert again.ui.nadirViableEdit.text == "", "the last step can be undone another day"
    finally:
        again.cleanup()


def _told(panel: Any) -> dict[str, Any]:
    """Return what the panel and the scene tell of segments, resection and follow-up."""
    ui, transform = panel.ui, panel.followup.studies.comparison.transform
    return {
        "segments": _segments(panel),
        "review": _rows(ui.reviewTable),
        "resection": [ui.namedResectionComboBox.currentText, ui.namedResectionLabel.text],
        "baseline": ui.baselineSelector.currentNode().GetName(),
        "dates": [ui.baselineDateEdit.text, ui.followupDateEdit.text],
        "pairs": _rows(ui.pairsTable),
        "targets": _rows(ui.targetsTable),
        "sums": [ui.nadirEdit.text, ui.nadirViableEdit.text],
        "response": ui.responseLabel.text,
        "stale": ui.followupStaleLabel.text,
        "registration": np.round(
            [transform.GetTransformFromParent().TransformPoint(*p) for p in followup_cases.PLACES_MM], 2
        ),
    }


def _rows(table: Any) -> list[list[str]]:
    return [
        [
            table.item(row, column).text() if table.item(row, column) else ""
            for column in range(table.columnCount)
        ]
        for row in range(table.rowCount)
    ]


def _instances(panel: Any) -> np.ndarray:
    import SimpleITK as sitk

    return sitk.GetArrayFromImage(panel.active_case.instances())


def _segments(panel: Any) -> np.ndarray:
    """Return the Couinaud segments as they lie on the liver."""
    import SimpleITK as sitk

    from LiverTumorAttentionGui.review.couinaud import SceneCouinaud

    told = SceneCouinaud(panel.active_case.study).on_liver(panel.active_case.instances())
    return sitk.GetArrayFromImage(told.labels)


def _named(name: str) -> Any:
    import slicer

    return slicer.mrmlScene.GetFirstNodeByName(name)
