"""The probability of tumour that a run kept, as a volume in the scene."""

from __future__ import annotations

from pathlib import Path

import slicer

from LiverTumorAttentionGui.scene.node_attributes import PROBABILITY_REFERENCE
from LiverTumorAttentionGui.scene.placement import in_frame_of, place_beside
from LiverTumorAttentionGui.scene.registration_nodes import name_after, read_volume


class ProbabilityLoader:
    """Reads the file in a scene of its own first, so that a damaged one changes nothing; then places the node."""

    def __init__(self, path: Path) -> None:
        """Raises `PanelError` when the file is missing or damaged."""
        self._image, self._grid_in_world = read_volume(path, "probability of tumor")

    def place(
        self,
        segmentation: slicer.vtkMRMLSegmentationNode,
        *,
        portal: slicer.vtkMRMLScalarVolumeNode,
        under_transform: bool,
    ) -> slicer.vtkMRMLScalarVolumeNode:
        """Return the segmentation's probability volume with its content replaced, or a new one.

        under_transform: it stands under the portal venous volume's linear transform, as the segmentation does.
        """
        node = segmentation.GetNodeReference(PROBABILITY_REFERENCE)
        if node is None or not node.IsA("vtkMRMLScalarVolumeNode") or node is portal:
            node = portal.GetScene().AddNewNodeByClass("vtkMRMLScalarVolumeNode")
        name_after(node, f"{portal.GetName()} tumor probability")
        node.SetAndObserveImageData(self._image)
        node.SetIJKToRASMatrix(
            in_frame_of(portal, self._grid_in_world) if under_transform else self._grid_in_world
        )
        node.SetAndObserveTransformNodeID(portal.GetTransformNodeID() if under_transform else None)
        node.CreateDefaultDisplayNodes()
        display = node.GetScalarVolumeDisplayNode()
        display.SetAutoWindowLevel(False)
        display.SetWindowLevelMinMax(0.0, 1.0)
        segmentation.SetNodeReferenceID(PROBABILITY_REFERENCE, node.GetID())
        place_beside(portal, node)
        return node
