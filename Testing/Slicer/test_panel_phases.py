"""The panel and contrast phases: what it chooses by itself, what it does not offer, and what it asks."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from LiverTumorAttentionLib.contrast_phase import LATE_ARTERIAL, PORTAL
from Testing.Slicer import cases
from Testing.Slicer.scene.test_input_volumes import add_trunk, put_under_patient
from Testing.Slicer.test_panel import FAKE_CHILD, Plan

ASKS = """
import json, sys
if "--phases-as-given" not in sys.argv:
    print(json.dumps({"event": "error", "kind": "PhaseMismatch", "message": "they may be swapped: swap them",
                      "question": "the portal and the arterial volume may be swapped"}), flush=True)
    sys.exit(2)
"""


@pytest.fixture
def plan(tmp_path):
    return Plan(tmp_path)


@pytest.fixture
def panel(scene, plan):
    from LiverTumorAttentionGui.model_collection import ModelChoice
    from LiverTumorAttentionGui.panel import SegmentationPanel
    from LiverTumorAttentionGui.segmentation import LiverTumorAttentionLogic

    made = SegmentationPanel(
        LiverTumorAttentionLogic(),
        models=lambda: [ModelChoice(id="demonstration", title="Demonstration", statement="")],
        installer=SimpleNamespace(ensure=lambda: None, ensure_requirements=lambda: None),
        run_factory=plan.factory,
    )
    yield made
    made.cleanup()


def test_portal_and_arterial_are_chosen_when_the_panel_opens_and_why_is_said(panel, scene):
    arterial, portal = add_trunk(scene, "4: Abdomen", LATE_ARTERIAL), add_trunk(scene, "3: Abdomen", PORTAL)
    panel.enter()
    assert panel.ui.portalSelector.currentNode() is portal
    assert panel.ui.arterialSelector.currentNode() is arterial
    said = panel.ui.statusLabel.text
    assert "Portal venous CT: 3: Abdomen, portal venous phase" in said
    assert "aorta" in said


def test_what_the_user_chose_stays(panel, scene):
    other = cases.add_volume(scene, "chosen")
    panel.enter()
    panel.ui.portalSelector.setCurrentNode(other)
    panel.leave()
    add_trunk(scene, "3: PV", PORTAL)
    panel.enter()
    assert panel.ui.portalSelector.currentNode() is other


def test_results_are_not_offered(panel, scene):
    from LiverTumorAttentionGui.scene.node_attributes import REGISTERED_ROLE, ROLE_ATTRIBUTE

    portal, registered = cases.add_volume(scene, "PV"), cases.add_volume(scene, "ART registered")
    registered.SetAttribute(ROLE_ATTRIBUTE, REGISTERED_ROLE)
    panel.enter()
    panel.ui.portalSelector.setCurrentNode(portal)
    for selector in (panel.ui.portalSelector, panel.ui.arterialSelector):
        assert [selector.nodeFromIndex(index) for index in range(selector.nodeCount())] == [portal]


def test_another_patient_is_refused(panel, scene):
    portal, arterial = cases.add_volume(scene, "volume A"), cases.add_volume(scene, "volume B")
    put_under_patient(scene, portal, "17")
    put_under_patient(scene, arterial, "18")
    panel.enter()
    panel.ui.portalSelector.setCurrentNode(portal)
    panel.ui.arterialSelector.setCurrentNode(arterial)
    assert not panel.ui.segmentButton.enabled
    assert "volume B is of another patient than volume A" in panel.ui.segmentButton.toolTip


@pytest.mark.parametrize("agreed", [True, False])
def test_swapped_phases_are_asked_about(panel, scene, plan, wait_until, monkeypatch, agreed):
    import slicer

    questions = []

    def confirm(text, **_):
        questions.append(text)
        return agreed

    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", confirm)
    portal = cases.add_volume(scene, "volume")
    plan.result_for(portal)
    plan.script.write_text(ASKS + FAKE_CHILD)
    panel.enter()
    panel.ui.portalSelector.setCurrentNode(portal)
    panel.ui.segmentButton.click()
    wait_until(lambda: not panel.running and questions, "the run has ended")
    wait_until(lambda: not panel.running, "the second run has ended")
    assert questions == [
        "The portal and the arterial volume may be swapped.\n\nUse the volumes as they were chosen?"
    ]
    assert len(plan.runs) == (2 if agreed else 1)
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == (1 if agreed else 0)
