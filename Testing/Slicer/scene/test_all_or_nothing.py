"""A change of the scene that breaks off leaves the scene as it was."""

from __future__ import annotations

import numpy as np
import pytest

from Testing.Slicer import cases, scene_facts, study_cases


def test_added_nodes_go_and_changed_ones_come_back(scene, tmp_path):
    import slicer

    from LiverTumorAttentionGui.scene.all_or_nothing import all_or_nothing

    study = study_cases.add_study(scene, tmp_path)
    volume, node = study.portal, study.segmentation
    transform = cases.put_under_transform(scene, volume, cases.TURN_AND_SHIFT)
    before, count = scene_facts.facts(scene), scene.GetNumberOfNodes()

    def change():
        scene.AddNewNodeByClass("vtkMRMLTableNode", "new")
        volume.SetAttribute("LiverRole", "other")
        volume.SetName("other")
        volume.SetAndObserveTransformNodeID(None)
        slicer.util.updateVolumeFromArray(cases.add_volume(scene, "third"), np.zeros((2, 2, 2)))
        node.GetSegmentation().RemoveAllSegments()
        node.SetNodeReferenceID("PortalVenous", None)
        node.SetNodeReferenceID("Vessels", volume.GetID())
        node.SetAttribute("LiverTumorAttention_Report", "{}")
        raise ValueError("odd")

    with pytest.raises(ValueError, match="odd"), all_or_nothing(scene, volume, node, None):
        change()
    assert scene_facts.facts(scene) == before
    assert scene.GetNumberOfNodes() == count
    assert volume.GetTransformNodeID() == transform.GetID()


def test_what_succeeds_stays(scene):
    from LiverTumorAttentionGui.scene.all_or_nothing import all_or_nothing

    with all_or_nothing(scene, None):
        scene.AddNewNodeByClass("vtkMRMLTableNode", "new")
    assert scene.GetFirstNodeByName("new") is not None
