"""The button Export report…, with the real child."""

from __future__ import annotations

import json

import pytest


def test_report_is_written_to_the_chosen_file(panel, study, tmp_path, wait_until):
    page = tmp_path / "out" / "case.html"
    page.parent.mkdir()
    asked = []
    panel.review.export.choose_file = lambda _parent, name: asked.append(name) or str(page.with_suffix(""))
    panel.ui.addPlaneButton.click()
    panel.ui.reportButton.click()
    assert asked == [f"{study.segmentation.GetName()}.html"]
    assert not panel.ui.reportButton.enabled
    assert not panel.ui.measureButton.enabled
    assert panel.ui.reviewCancelButton.enabled
    assert not panel.ui.reviewProgressBar.isHidden()
    wait_until(lambda: not panel.review.export.running, "the report is written")
    assert "case.html is written" in panel.ui.reviewStatusLabel.text, panel.ui.reviewStatusLabel.text
    names = {path.name for path in page.parent.iterdir()}
    assert names == {"case.html", "case.csv", "case-plan.csv", "case.json"}
    numbers = json.loads(page.with_suffix(".json").read_text())
    assert [tumor["measurement"]["number"] for tumor in numbers["tumors"]] == [1, 2, 3]
    assert len(numbers["plan"]["resections"]) == 1
    assert panel.ui.reportButton.enabled
    assert panel.ui.reviewProgressBar.isHidden()


def test_cancelled_file_choice_writes_nothing(panel, study):
    panel.review.export.choose_file = lambda _parent, _name: ""
    panel.ui.reportButton.click()
    assert not panel.review.export.running
    assert panel.ui.reviewStatusLabel.text == ""


@pytest.mark.parametrize("how", ["cancel", "close"])
def test_cancelled_report_leaves_no_file(panel, study, tmp_path, wait_until, how):
    page = tmp_path / "out" / "case.html"
    page.parent.mkdir()
    panel.review.export.choose_file = lambda _parent, _name: str(page)
    panel.ui.reportButton.click()
    assert panel.review.export.running
    if how == "cancel":
        panel.ui.reviewCancelButton.click()
    else:
        panel.scene_closes()
    wait_until(lambda: not panel.review.export.running, "the report has ended")
    assert list(page.parent.iterdir()) == []
    if how == "cancel":
        assert "No report was written" in panel.ui.reviewStatusLabel.text


def test_unwritable_folder_is_shown(panel, study, tmp_path):
    panel.review.export.choose_file = lambda _parent, _name: str(tmp_path / "nowhere" / "case.html")
    panel.ui.reportButton.click()
    assert not panel.review.export.running
    assert "nowhere" in panel.ui.reviewStatusLabel.text
    assert panel.ui.reviewStatusLabel.styleSheet
