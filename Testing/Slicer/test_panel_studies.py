"""Several studies in a scene, and nodes, scenes and packages that come and go under the panel."""

from __future__ import annotations

import pytest

from Testing.Slicer import panel_cases, study_cases
from Testing.Slicer.panel_cases import rows, select


def test_several_studies_in_one_scene(panel, scene, study, tmp_path):
    select(panel, 0)
    panel.ui.removeSelectedButton.click()
    other = study_cases.add_study(scene, tmp_path)
    panel.ui.studySelector.setCurrentNode(other.segmentation)
    assert len(rows(panel)) == 3
    assert not panel.ui.undoButton.enabled
    panel.ui.studySelector.setCurrentNode(study.segmentation)
    assert len(rows(panel)) == 2
    panel.ui.undoButton.click()
    assert len(rows(panel)) == 3, "its controller was kept"


@pytest.mark.parametrize("gone", ["segmentation", "portal"])
def test_nodes_that_go_leave_no_dead_window(panel, scene, study, wait_until, gone):
    select(panel, 0)
    panel.ui.lesionThresholdSlider.valueIsChanging.emit(0.5)
    panel.ui.brushGroupBox.collapsed = False
    scene.RemoveNode(getattr(study, gone))
    wait_until(lambda: not panel.ui.correctContent.enabled, "the section is disabled")
    assert rows(panel) == []
    assert panel.ui.brushGroupBox.collapsed
    assert panel.ui.correctStatusLabel.text
    panel.leave()
    panel.enter()


def test_scene_that_closes_in_the_middle(panel, scene, study):
    panel.ui.brushGroupBox.collapsed = False
    panel.ui.addButton.click()
    panel.scene_closes()
    scene.Clear()
    panel.enter()
    assert rows(panel) == []
    assert "Choose a case first" in panel.ui.correctStatusLabel.text


def test_missing_packages_are_named_and_can_be_installed(panel, scene, study, monkeypatch):
    panel.ui.studySelector.setCurrentNode(None)
    assert panel.ui.installButton.isHidden()

    def missing(_segmentation):
        raise ImportError("No module named 'scipy'")

    monkeypatch.setattr(panel._logic, "controller", missing)
    panel.ui.studySelector.setCurrentNode(study.segmentation)
    assert "not installed yet" in panel.ui.correctStatusLabel.text
    assert not panel.ui.installButton.isHidden()
    monkeypatch.undo()
    panel.ui.installButton.click()
    assert panel.ui.installButton.isHidden()
    assert len(rows(panel)) == 3


def test_choices_and_corrections_survive_saving_and_loading(panel, scene, study, tmp_path):
    from Testing.bench.scenes import load_scene, save_scene

    select(panel, 1)
    panel.ui.acceptButton.click()
    select(panel, 0)
    panel.ui.removeSelectedButton.click()
    panel.ui.distanceSpinBox.value = 3.5
    saved = save_scene(tmp_path / "saved")
    panel.scene_closes()
    loaded = load_scene(saved)
    again = panel_cases.make_panel()
    try:
        name = study.segmentation.GetName()
        assert again.ui.studySelector.currentNode() is loaded.GetFirstNodeByName(name)
        assert [row[:2] for row in rows(again)] == [["Tumor 2", "accepted"], ["Tumor 3", "draft"]]
        assert again.ui.distanceSpinBox.value == 3.5
        assert len(again.active_case.controller.session.entries) == 2
        assert not again.ui.undoButton.enabled, "undo is for what was done since"
    finally:
        again.cleanup()


def test_scene_that_is_loaded_into_an_open_panel_is_shown(panel, scene, study):
    panel.ui.studySelector.setCurrentNode(None)
    scene.StartState(scene.ImportState)
    panel.ui.studySelector.setCurrentNode(study.segmentation)
    assert rows(panel) == [], "its voxels have not come yet"
    scene.EndState(scene.ImportState)
    panel.scene_loaded()
    assert len(rows(panel)) == 3
    panel.leave()
    panel.scene_loaded()
    assert rows(panel) == [], "the user is in another module"
