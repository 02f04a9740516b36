"""Prompts answered by the phase shown, and the selected tumor redrawn as the other phase shows it."""

from __future__ import annotations

import numpy as np
import pytest

from Testing.Slicer import study_cases
from Testing.Slicer.panel_cases import select, voxels

CENTER, RADIUS = study_cases.UNSEEN
CORE = study_cases.ball(CENTER, RADIUS - 1.5)


@pytest.fixture
def both_phases(panel, scene, study):
    """The study with an arterial phase in which a core of the unseen spot enhances, and three slice views."""
    import slicer

    from LiverTumorAttentionGui.scene.node_attributes import REGISTERED_REFERENCE

    arterial = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "arterial")
    hu = np.full(study_cases.SHAPE, -50.0)
    hu[study_cases.LIVER] = 70.0
    hu[CORE] = 130.0
    hu += np.random.default_rng(1).normal(0.0, 5.0, study_cases.SHAPE)
    slicer.util.updateVolumeFromArray(arterial, hu.astype(np.int16))
    arterial.CopyOrientation(study.portal)
    study.segmentation.SetNodeReferenceID(REGISTERED_REFERENCE, arterial.GetID())
    panel.active_case.reopen()
    for name in ("Red", "Green", "Yellow"):
        node = slicer.vtkMRMLSliceCompositeNode()
        node.SetLayoutName(name)
        node.SetSingletonTag(name)
        node.SetBackgroundVolumeID(study.portal.GetID())
        scene.AddNode(node)
    return study


def views(scene):
    number = scene.GetNumberOfNodesByClass("vtkMRMLSliceCompositeNode")
    nodes = [scene.GetNthNodeByClass(n, "vtkMRMLSliceCompositeNode") for n in range(number)]
    return {node.GetLayoutName(): node for node in nodes}


def show(scene, volume, *names):
    for name in names or views(scene):
        views(scene)[name].SetBackgroundVolumeID(volume.GetID())


def put_mouse_in(scene, name):
    """Put the mouse into a slice view, as Slicer's crosshair node knows it; None for out of all views."""
    import slicer

    crosshair = scene.GetFirstNodeByClass("vtkMRMLCrosshairNode") or scene.AddNode(
        slicer.vtkMRMLCrosshairNode()
    )
    if name is None:
        crosshair.SetCursorPositionInvalid()
        return
    view = slicer.vtkMRMLSliceNode()
    view.SetLayoutName(name)
    view.SetSingletonTag(name)
    crosshair.SetCursorPositionXYZ([0.0, 0.0, 0.0], scene.AddNode(view))


def add(panel, scene, study, wait_until):
    panel.ui.addButton.click()
    selection = scene.GetNodeByID("vtkMRMLSelectionNodeSingleton")
    node = scene.GetNodeByID(selection.GetActivePlaceNodeID())
    node.AddControlPointWorld(study_cases.ras_of(study, CENTER))
    wait_until(lambda: not panel.correct._tools._placer._collect_later.pending, "the click was handled")
    panel.ui.addButton.click()


def phases(panel):
    return [entry.action.phase for entry in panel.active_case.controller.session.entries]


def test_a_click_is_answered_by_both_phases_unless_asked_for(panel, scene, both_phases, wait_until):
    assert panel.ui.phaseCheckBox.enabled
    assert not panel.ui.phaseCheckBox.checked
    add(panel, scene, both_phases, wait_until)
    assert phases(panel) == [None]


def test_a_click_is_answered_by_the_phase_of_its_view(panel, scene, both_phases, wait_until):
    panel.ui.phaseCheckBox.checked = True
    show(scene, both_phases.arterial, "Green")
    for name in ("Green", "Red"):
        put_mouse_in(scene, name)
        add(panel, scene, both_phases, wait_until)
        assert panel.ui.correctStatusLabel.text
        panel.ui.undoButton.click()
        session = panel.active_case.controller.session
        assert session.undone[-1].action.phase == {"Green": "arterial", "Red": "portal"}[name]


def test_without_the_mouse_all_views_have_to_agree(panel, scene, both_phases, wait_until):
    panel.ui.phaseCheckBox.checked = True
    show(scene, both_phases.arterial, "Green")
    add(panel, scene, both_phases, wait_until)
    assert phases(panel) == []
    assert (
        "shows neither the portal venous nor the registered arterial phase"
        in panel.ui.correctStatusLabel.text
    )
    show(scene, both_phases.arterial)
    add(panel, scene, both_phases, wait_until)
    assert phases(panel) == ["arterial"]
    assert voxels(panel, 4) == pytest.approx(np.count_nonzero(CORE), rel=0.4)


def test_the_same_in_the_other_phase_and_back(panel, scene, both_phases, wait_until):
    add(panel, scene, both_phases, wait_until)
    assert panel.correct._table.numbers == [4]
    assert panel.ui.otherPhaseButton.enabled
    panel.ui.otherPhaseButton.click()
    assert phases(panel)[-1] == "arterial"
    in_arterial = voxels(panel, 4)
    assert {view.GetBackgroundVolumeID() for view in views(scene).values()} == {both_phases.arterial.GetID()}
    assert "Lesion 4 has" in panel.ui.correctStatusLabel.text
    assert "redraw Tumor 4 as the arterial phase shows it" in panel.ui.undoButton.toolTip
    panel.ui.otherPhaseButton.click()
    assert phases(panel)[-1] == "portal"
    assert {view.GetBackgroundVolumeID() for view in views(scene).values()} == {both_phases.portal.GetID()}
    assert voxels(panel, 4) > 1.5 * in_arterial
    study_cases.check_scene_is_session(both_phases, panel.active_case.controller)
    panel.ui.undoButton.click()
    assert voxels(panel, 4) == in_arterial


def test_a_refusal_leaves_tumor_and_views(panel, scene, both_phases):
    """The first tumor is dark in the portal phase, and as bright as the liver in the arterial one."""
    select(panel, 0)
    before = voxels(panel, 1)
    panel.ui.otherPhaseButton.click()
    assert "does not stand out from the liver in the arterial phase" in panel.ui.correctStatusLabel.text
    assert voxels(panel, 1) == before
    assert {view.GetBackgroundVolumeID() for view in views(scene).values()} == {both_phases.portal.GetID()}


def test_it_rests_without_an_arterial_phase_and_without_one_selected_draft(panel, scene, study):
    select(panel, 0)
    assert not panel.ui.phaseCheckBox.enabled
    assert not panel.ui.otherPhaseButton.enabled


def test_it_rests_for_accepted_tumors_and_for_several(panel, both_phases):
    select(panel, 0)
    assert panel.ui.otherPhaseButton.enabled
    select(panel, 0, 1)
    assert not panel.ui.otherPhaseButton.enabled
    select(panel, 0)
    panel.ui.acceptButton.click()
    assert not panel.ui.otherPhaseButton.enabled
