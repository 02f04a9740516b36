"""Volume nodes from the library's images."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
import slicer

from LiverTumorAttentionGui.scene.voxel_grid import RAS_TO_LPS, array_to_matrix

WINDOW_HU, LEVEL_HU = 300.0, 90.0
"""Of a CT that nobody has given a window."""


def add_volume(scene: slicer.vtkMRMLScene, image: sitk.Image, name: str) -> slicer.vtkMRMLScalarVolumeNode:
    """Return a new volume with the voxels of an image (LPS mm), on its own grid. name: made unique if it is taken."""
    taken = scene.GetFirstNodeByName(name) is not None
    node = scene.AddNewNodeByClass(
        "vtkMRMLScalarVolumeNode", scene.GenerateUniqueName(name) if taken else name
    )
    slicer.util.updateVolumeFromArray(node, sitk.GetArrayFromImage(image))
    to_lps = np.eye(4)
    to_lps[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * np.asarray(image.GetSpacing())
    to_lps[:3, 3] = image.GetOrigin()
    node.SetIJKToRASMatrix(array_to_matrix(RAS_TO_LPS @ to_lps))
    node.CreateDefaultDisplayNodes()
    display = node.GetScalarVolumeDisplayNode()
    display.SetAutoWindowLevel(False)
    display.SetWindowLevel(WINDOW_HU, LEVEL_HU)
    return node
