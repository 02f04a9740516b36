"""The controllers of the scene: one a segmentation, closed with its nodes."""

from __future__ import annotations

import pytest

from Testing.Slicer import study_cases


def test_one_controller_per_segmentation_until_its_volume_changes(scene, tmp_path):
    import slicer

    from LiverTumorAttentionGui.errors import PanelError
    from LiverTumorAttentionGui.segmentation import LiverTumorAttentionLogic

    logic = LiverTumorAttentionLogic()
    study = study_cases.add_study(scene, tmp_path)
    other = study_cases.add_study(scene, tmp_path)
    controller = logic.controller(study.segmentation)
    study.portal.SetAttribute("LiverRole", "PortalVenous")
    assert logic.controller(study.segmentation) is controller
    assert logic.controller(other.segmentation) is not controller
    slicer.util.updateVolumeFromArray(study.portal, study_cases.hounsfield() + 1)
    changed = logic.controller(study.segmentation)
    assert changed is not controller
    logic.close_controllers()
    assert logic.controller(study.segmentation) is not changed
    scene.RemoveNode(study.portal)
    with pytest.raises(PanelError, match="no longer in the scene"):
        logic.controller(study.segmentation)
    scene.Clear(0)
    assert logic._controllers._open == [], "memory is given back"
