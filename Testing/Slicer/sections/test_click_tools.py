"""Tools that are used by clicking in a slice view, through Slicer's own place mode."""

from __future__ import annotations

import numpy as np
import pytest

from Testing.Slicer import study_cases
from Testing.Slicer.panel_cases import rows, select


@pytest.fixture
def click(panel, scene, study, wait_until):
    """Return a function that clicks in a slice view at a voxel (z, y, x), through Slicer's place mode."""

    def go(voxel):
        selection = scene.GetNodeByID("vtkMRMLSelectionNodeSingleton")
        node = scene.GetNodeByID(selection.GetActivePlaceNodeID())
        before = node.GetNumberOfControlPoints()
        node.AddControlPointWorld(study_cases.ras_of(study, voxel))
        wait_until(lambda: not panel.correct._tools._placer._collect_later.pending, "the click was handled")
        return before

    return go


def placing(scene):
    interaction = scene.GetNodeByID("vtkMRMLInteractionNodeSingleton")
    return interaction is not None and interaction.GetCurrentInteractionMode() == interaction.Place


def point_lists(scene):
    return scene.GetNumberOfNodesByClass("vtkMRMLMarkupsFiducialNode")


def test_click_adds_and_the_tool_stays_active(panel, scene, study, click):
    panel.ui.addButton.click()
    assert placing(scene)
    click(study_cases.UNSEEN[0])
    assert [row[0] for row in rows(panel)] == [f"Tumor {n}" for n in (1, 2, 3, 4)]
    assert panel.correct._table.numbers == [4]
    assert panel.ui.addButton.checked
    assert placing(scene)
    node = scene.GetFirstNodeByClass("vtkMRMLMarkupsFiducialNode")
    assert node.GetNumberOfControlPoints() == 0, "the point goes away"
    panel.ui.addButton.click()
    assert not placing(scene)
    assert point_lists(scene) == 0
    study_cases.check_scene_is_session(study, panel.active_case.controller)


def test_refusal_is_shown_and_changes_nothing(panel, scene, study, click):
    log = study.segmentation.GetAttribute("LiverTumorAttention_Corrections")
    before = panel.active_case.controller.session.labels.copy()
    panel.ui.addButton.click()
    click(study_cases.BALLS[1][0])
    assert "lesion 1 is at" in panel.ui.correctStatusLabel.text.lower()
    assert panel.ui.correctStatusLabel.text[0].isupper()
    assert panel.ui.correctStatusLabel.styleSheet
    np.testing.assert_array_equal(panel.active_case.controller.session.labels, before)
    assert study.segmentation.GetAttribute("LiverTumorAttention_Corrections") == log
    assert panel.ui.addButton.checked, "the user can click elsewhere at once"


def test_one_tool_at_a_time(panel, scene, study, click):
    panel.ui.addButton.click()
    panel.ui.removeButton.click()
    assert not panel.ui.addButton.checked
    assert point_lists(scene) == 1
    click(study_cases.BALLS[3][0])
    assert [row[0] for row in rows(panel)] == ["Tumor 1", "Tumor 2"]


def test_include_and_exclude_redraw_the_tumor_under_the_click(panel, study, click):
    (z, y, x), _radius = study_cases.BALLS[2]
    panel.ui.excludeButton.click()
    click((z, y, x + 3))
    labels = panel.active_case.controller.session.labels
    assert labels[z, y, x + 3] == 1
    assert labels[z, y, x] == 3
    panel.ui.includeButton.click()
    click((z, y, x + 3))
    assert panel.active_case.controller.session.labels[z, y, x + 3] == 3
    assert rows(panel)[1][-1] == "by hand"


def test_two_clicks_merge(panel, scene, study, click):
    panel.ui.mergeButton.click()
    click(study_cases.BALLS[1][0])
    assert len(rows(panel)) == 3, "one click is not enough"
    click(study_cases.BALLS[3][0])
    assert [row[0] for row in rows(panel)] == ["Tumor 1", "Tumor 2"]
    assert scene.GetFirstNodeByClass("vtkMRMLMarkupsFiducialNode").GetNumberOfControlPoints() == 0
    panel.ui.splitButton.click()
    click(study_cases.BALLS[1][0])
    click(study_cases.BALLS[3][0])
    assert len(rows(panel)) == 3


def test_selected_rows_merge_at_once(panel, scene, study):
    select(panel, 0, 2)
    panel.ui.mergeButton.click()
    assert [row[0] for row in rows(panel)] == ["Tumor 1", "Tumor 2"]
    assert not panel.ui.mergeButton.checked
    assert not placing(scene)


@pytest.mark.parametrize("how", ["escape", "right click", "another list", "leave", "close", "tumor gone"])
def test_end_of_place_mode_deactivates_the_tool(panel, scene, study, wait_until, how):
    panel.ui.addButton.click()
    interaction = scene.GetNodeByID("vtkMRMLInteractionNodeSingleton")
    if how == "escape":
        panel.correct._shortcuts._escape.activated.emit()
    elif how == "right click":
        interaction.SetCurrentInteractionMode(interaction.ViewTransform)
    elif how == "another list":
        other = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "mine")
        scene.GetNodeByID("vtkMRMLSelectionNodeSingleton").SetActivePlaceNodeID(other.GetID())
    elif how == "leave":
        panel.leave()
    elif how == "close":
        panel.scene_closes()
    else:
        scene.RemoveNode(study.segmentation)
    wait_until(lambda: not panel.ui.addButton.checked, "the tool is off")
    assert not panel.correct._shortcuts._escape.isEnabled()
    if how == "another list":
        assert placing(scene), "the other list goes on being placed"
        assert point_lists(scene) == 1
    else:
        assert not placing(scene)
        assert point_lists(scene) == 0
