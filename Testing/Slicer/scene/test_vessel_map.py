"""Vessels on the voxels of the portal venous volume."""

from __future__ import annotations

import numpy as np

from Testing.Slicer import cases, study_cases


def test_vessels_of_another_grid_and_transform(scene, tmp_path):
    """A vessel of coarse voxels: 2 x 2 voxels of the portal grid each."""
    import slicer

    from LiverTumorAttentionGui.scene.labelmap_layers import BINARY_LABELMAP, LabelLayers
    from LiverTumorAttentionGui.scene.voxel_grid import VoxelGrid, voxel_array

    study = study_cases.add_study(scene, tmp_path)
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "vessels")
    cases.put_under_transform(scene, node, cases.TURN_AND_SHIFT)
    finer = np.diag([2.0, 2.0, 1.0, 1.0])
    finer[:2, 3] = 0.5
    coarse = VoxelGrid((16, 22, 24), study.grid.ijk_to_ras @ finer)
    for name, box in (
        ("portal vein", (slice(4, 8), slice(5, 7), slice(6, 9))),
        ("Liver", (slice(0, 16), slice(0, 22), slice(0, 24))),
        ("empty", (slice(0, 1), slice(0, 1), slice(0, 1))),
    ):
        image = LabelLayers(node, coarse).new_image(box)
        voxel_array(image)[...] = name != "empty"
        segment = slicer.vtkSegment()
        segment.SetName(name)
        segment.AddRepresentation(BINARY_LABELMAP, image)
        node.GetSegmentation().AddSegment(segment, name)
    linked = type(study).link(study.segmentation, study.portal, vessels=node)
    vessels = linked.vessel_map()
    assert dict(vessels.names) == {1: "portal vein"}
    expected = np.zeros(study_cases.SHAPE, bool)
    expected[4:8, 10:14, 12:18] = True
    np.testing.assert_array_equal(vessels.array == 1, expected)
    node.GetSegmentation().RemoveSegment("portal vein")
    assert linked.vessel_map() is None
    scene.RemoveNode(node)
    assert linked.vessels is None
    assert linked.vessel_map() is None
