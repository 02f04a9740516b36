"""Box and Lasso, placed in a slice view through Slicer's own place mode."""

from __future__ import annotations

import numpy as np
import pytest

from LiverTumorAttentionLib.correction import Lasso
from Testing.Slicer import study_cases
from Testing.Slicer.panel_cases import rows

(Z, Y, X), RADIUS = study_cases.UNSEEN
AROUND = [(Z, Y - 4, X - 4), (Z, Y - 4, X + 4), (Z, Y + 4, X + 4), (Z, Y + 4, X - 4)]


def interaction_of(scene):
    return scene.GetNodeByID("vtkMRMLInteractionNodeSingleton")


def placed(scene):
    """Return the markup that is being placed."""
    selection = scene.GetNodeByID("vtkMRMLSelectionNodeSingleton")
    return scene.GetNodeByID(selection.GetActivePlaceNodeID() or "")


def mark(scene, study, *places):
    for voxel in places:
        placed(scene).AddControlPointWorld(study_cases.ras_of(study, voxel))


def close_outline(panel, scene, wait_until):
    """End place mode, as a double click and a right click in a view do."""
    interaction = interaction_of(scene)
    interaction.SwitchToViewTransformMode()
    wait_until(lambda: not panel.correct._tools._placer._check_later.pending, "the end was handled")


def test_an_outline_adds_a_tumor_and_the_tool_stays_on(panel, scene, study, wait_until):
    panel.ui.lassoButton.click()
    node = placed(scene)
    assert node.GetClassName() == "vtkMRMLMarkupsClosedCurveNode", (
        "the outline is shown closed while it is drawn"
    )
    assert node.GetCurveTypeAsString(node.GetCurveType()) == "linear"
    assert not node.GetSaveWithScene()
    mark(scene, study, *AROUND)
    wait_until(lambda: not panel.correct._tools._placer._collect_later.pending, "the clicks were handled")
    assert len(rows(panel)) == 3, "nothing happens before the outline is closed"
    close_outline(panel, scene, wait_until)
    session = panel.active_case.controller.session
    action = session.entries[-1].action
    assert isinstance(action, Lasso)
    np.testing.assert_allclose(
        action.points, [study_cases.lps_of(study, voxel) for voxel in AROUND], atol=1e-4
    )
    assert [row[0] for row in rows(panel)] == [f"Tumor {n}" for n in (1, 2, 3, 4)]
    drawn = np.zeros(session.labels.shape[1:], bool)
    drawn[Y - 3 : Y + 4, X - 3 : X + 4] = True
    assert (session.labels[Z][drawn] == 5).all()
    assert panel.ui.lassoButton.checked
    assert placed(scene) is not None, "the next outline can be drawn at once"
    assert placed(scene).GetNumberOfControlPoints() == 0
    assert interaction_of(scene).GetCurrentInteractionMode() == interaction_of(scene).Place
    assert scene.GetNumberOfNodesByClass("vtkMRMLMarkupsClosedCurveNode") == 1
    study_cases.check_scene_is_session(study, panel.active_case.controller)
    panel.ui.undoButton.click()
    assert len(rows(panel)) == 3


@pytest.mark.parametrize("how", ["escape", "button", "too few points", "another list"])
def test_an_outline_that_is_given_up_changes_nothing(panel, scene, study, wait_until, how):
    panel.ui.lassoButton.click()
    mark(scene, study, *(AROUND[:2] if how == "too few points" else AROUND))
    if how == "escape":
        panel.correct._shortcuts._escape.activated.emit()
    elif how == "button":
        panel.ui.lassoButton.click()
    elif how == "another list":
        other = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "mine")
        scene.GetNodeByID("vtkMRMLSelectionNodeSingleton").SetActivePlaceNodeID(other.GetID())
        wait_until(lambda: not panel.ui.lassoButton.checked, "the tool is off")
    else:
        close_outline(panel, scene, wait_until)
    assert not panel.ui.lassoButton.checked
    assert not panel.active_case.controller.session.entries
    assert scene.GetNumberOfNodesByClass("vtkMRMLMarkupsClosedCurveNode") == 0


def test_a_refused_outline_is_said_and_another_can_be_drawn(panel, scene, study, wait_until):
    panel.ui.lassoButton.click()
    mark(scene, study, *AROUND[:3], (Z + 3, Y + 4, X - 4))
    close_outline(panel, scene, wait_until)
    assert "off one slice: draw it in one slice" in panel.ui.correctStatusLabel.text
    assert panel.ui.lassoButton.checked
    assert interaction_of(scene).GetCurrentInteractionMode() == interaction_of(scene).Place


def test_two_corners_add_a_tumor_within_their_box(panel, scene, study, wait_until):
    panel.ui.boxButton.click()
    mark(scene, study, AROUND[0], AROUND[2])
    wait_until(lambda: not panel.correct._tools._placer._collect_later.pending, "the clicks were handled")
    assert len(rows(panel)) == 4, panel.ui.correctStatusLabel.text
    session = panel.active_case.controller.session
    places = np.argwhere(session.labels == 5)
    assert tuple(places.min(axis=0)[1:]) == (Y - 4, X - 4)
    assert tuple(places.max(axis=0)[1:]) == (Y + 4, X + 4)
    assert panel.ui.boxButton.checked
