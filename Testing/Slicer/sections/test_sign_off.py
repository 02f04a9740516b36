"""Reader's name, Sign and Reopen, as a user meets them."""

from __future__ import annotations

import json

from Testing.Slicer.panel_cases import rows, select


def decide(panel):
    select(panel, 0, 1)
    panel.ui.acceptButton.click()
    select(panel, 2)
    panel.ui.rejectButton.click()


def test_a_case_is_signed_once_every_tumor_is_decided(panel, study):
    ui = panel.ui
    assert ui.signLabel.text == "DRAFT: not signed."
    ui.readerEdit.text = "Jane Doe"
    ui.signButton.click()
    assert "Tumor 1, Tumor 2, Tumor 3 are drafts" in ui.reviewStatusLabel.text
    assert ui.reviewStatusLabel.styleSheet
    decide(panel)
    ui.readerEdit.text = ""
    ui.signButton.click()
    assert "The reader's name is empty: give the name of who signs." in ui.reviewStatusLabel.text
    assert ui.signLabel.text == "DRAFT: not signed."
    ui.readerEdit.text = "Jane Doe"
    ui.signButton.click()
    assert ui.signLabel.text.startswith("Signed by Jane Doe on 20")
    assert ui.signLabel.text.endswith("Locked.")
    assert ui.signButton.text == "Reopen…"
    (entry,) = json.loads(study.segmentation.GetAttribute("LiverTumorAttention_Corrections"))["signing"]
    assert (entry["kind"], entry["reader"]) == ("signed", "Jane Doe")


def test_a_signed_case_is_locked_until_it_is_reopened_with_a_reason(panel, study):
    decide(panel)
    ui = panel.ui
    ui.readerEdit.text = "Jane Doe"
    ui.signButton.click()
    select(panel, 0)
    ui.reviseButton.click()
    assert "is locked: reopen it with a reason" in ui.correctStatusLabel.text
    ui.undoButton.click()
    assert [row[1] for row in rows(panel)] == ["accepted", "accepted", "rejected"]
    panel.review.sign_off.ask = lambda _parent: ""
    ui.signButton.click()
    assert ui.signButton.text == "Reopen…", "the dialog was cancelled"
    assert not ui.reviewStatusLabel.styleSheet, "that is no mistake"
    panel.review.sign_off.ask = lambda _parent: "a lesion was overlooked"
    ui.signButton.click()
    assert ui.signButton.text == "Sign"
    assert ui.signLabel.text == "DRAFT: not signed."
    ui.reviseButton.click()
    assert [row[1] for row in rows(panel)] == ["draft", "accepted", "rejected"]
    told = json.loads(study.segmentation.GetAttribute("LiverTumorAttention_Corrections"))["signing"]
    assert [entry["kind"] for entry in told] == ["signed", "reopened"]
    assert told[1]["reason"] == "a lesion was overlooked"


def test_a_status_that_another_tool_sets_is_put_back(panel, study, wait_until):
    from LiverTumorAttentionGui.scene.segments import lesions_of
    from Testing.Slicer.study_cases import status_of

    decide(panel)
    panel.ui.readerEdit.text = "Jane Doe"
    panel.ui.signButton.click()
    segmentation = study.segmentation.GetSegmentation()
    import slicer

    segment = segmentation.GetSegment(lesions_of(segmentation)[1])
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    logic.SetSegmentStatus(segment, logic.InProgress)
    wait_until(lambda: "is locked" in panel.ui.correctStatusLabel.text, "the refusal is shown")
    assert status_of(study, "Tumor 1") == "Completed"


def test_it_is_signed_when_the_case_is_chosen_again(panel, study):
    decide(panel)
    panel.ui.readerEdit.text = "Jane Doe"
    panel.ui.signButton.click()
    before = panel.ui.signLabel.text
    panel.ui.studySelector.setCurrentNode(None)
    assert not panel.ui.signButton.enabled
    panel._logic.close_controllers()
    panel.ui.studySelector.setCurrentNode(study.segmentation)
    assert panel.ui.signLabel.text == before
    assert panel.ui.signButton.text == "Reopen…"
