"""The reading layout and its single keys."""

from __future__ import annotations

import numpy as np
import pytest

from Testing.Slicer.panel_cases import rows, select


@pytest.fixture
def both_phases(panel, scene, study):
    """The study with an arterial phase that is 25 HU brighter, and saw nothing in its first slice; Slicer's views."""
    import slicer

    from LiverTumorAttentionGui.scene.node_attributes import REGISTERED_REFERENCE

    arterial = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "arterial")
    voxels = slicer.util.arrayFromVolume(study.portal) + 25
    voxels[0] = -1024
    slicer.util.updateVolumeFromArray(arterial, voxels)
    arterial.CopyOrientation(study.portal)
    arterial.CreateDefaultDisplayNodes()
    study.portal.CreateDefaultDisplayNodes()
    study.segmentation.SetNodeReferenceID(REGISTERED_REFERENCE, arterial.GetID())
    panel.active_case.reopen()
    for name in ("LTAPortal", "LTAArterial", "LTADifference", "Red"):
        node = slicer.vtkMRMLSliceCompositeNode()
        node.SetLayoutName(name)
        node.SetSingletonTag(name)
        scene.AddNode(node)
    return study


def composites(scene):
    count = scene.GetNumberOfNodesByClass("vtkMRMLSliceCompositeNode")
    nodes = [scene.GetNthNodeByClass(index, "vtkMRMLSliceCompositeNode") for index in range(count)]
    return {node.GetLayoutName(): node for node in nodes}


def keys(panel):
    return {shortcut.key.toString(): shortcut for shortcut, _ in panel.correct.reading._shortcuts}


def test_phases_and_difference_side_by_side(panel, scene, both_phases):
    import slicer

    layout = scene.GetFirstNodeByClass("vtkMRMLLayoutNode") or scene.AddNewNodeByClass("vtkMRMLLayoutNode")
    layout.SetViewArrangement(layout.SlicerLayoutFourUpView)
    panel.ui.readingButton.click()
    assert layout.GetViewArrangement() == 27181
    description = layout.GetCurrentLayoutDescription()
    tags = ["LTAPortal", "LTAArterial", "LTADifference"]
    assert [description.index(tag) for tag in tags] == sorted(description.index(tag) for tag in tags)
    shown = composites(scene)
    names = {
        tag: scene.GetNodeByID(node.GetBackgroundVolumeID()).GetName()
        for tag, node in shown.items()
        if node.GetBackgroundVolumeID()
    }
    assert names["LTAPortal"] == both_phases.portal.GetName()
    assert names["LTAArterial"] == "arterial"
    assert "Red" not in names, "the views of other layouts are left alone"
    assert all(shown[tag].GetLinkedControl() and shown[tag].GetHotLinkedControl() for tag in tags)
    difference = slicer.util.arrayFromVolume(both_phases.segmentation.GetNodeReference("PhaseDifference"))
    assert (difference[1:] == 25).all()
    assert not difference[0].any(), "nothing where the arterial phase saw nothing"
    panel.ui.readingButton.click()
    assert layout.GetViewArrangement() == layout.SlicerLayoutFourUpView


def test_windows_on_keys(panel, scene, both_phases):
    panel.ui.readingButton.click()
    keys(panel)["3"].activated.emit()
    displays = [node.GetScalarVolumeDisplayNode() for node in (both_phases.portal, both_phases.arterial)]
    assert [(each.GetWindow(), each.GetLevel()) for each in displays] == [(400.0, 40.0)] * 2
    keys(panel)["1"].activated.emit()
    assert [(each.GetWindow(), each.GetLevel()) for each in displays] == [(150.0, 90.0)] * 2
    difference = both_phases.segmentation.GetNodeReference("PhaseDifference").GetScalarVolumeDisplayNode()
    assert (difference.GetWindow(), difference.GetLevel()) == (150.0, 0.0)


def test_decisions_on_keys(panel, both_phases):
    panel.ui.readingButton.click()
    press = keys(panel)
    press["N"].activated.emit()
    assert panel.correct._table.numbers == [1]
    press["Y"].activated.emit()
    press["N"].activated.emit()
    assert panel.correct._table.numbers == [2]
    press["X"].activated.emit()
    press["N"].activated.emit()
    assert panel.correct._table.numbers == [3]
    assert [row[1] for row in rows(panel)] == ["accepted", "rejected", "draft"]
    press["A"].activated.emit()
    assert panel.ui.addButton.checked


def test_keys_rest_while_the_brush_is_open_or_the_layout_is_not(panel, both_phases):
    def awake():
        return {shortcut.isEnabled() for shortcut in keys(panel).values()}

    assert awake() == {False}
    panel.ui.readingButton.click()
    assert awake() == {True}
    select(panel, 0)
    panel.ui.brushGroupBox.collapsed = False
    assert awake() == {False}
    panel.ui.brushGroupBox.collapsed = True
    assert awake() == {True}
    panel.ui.studySelector.setCurrentNode(None)
    assert awake() == {False}
    assert not panel.ui.readingButton.checked


def test_the_portal_phase_alone(panel, scene, study):
    panel.ui.readingButton.click()
    layout = scene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    assert "LTAArterial" not in layout.GetCurrentLayoutDescription()
    assert study.segmentation.GetNodeReference("PhaseDifference") is None
    assert np.count_nonzero(list(panel.correct.reading._layout._views())) == 1
