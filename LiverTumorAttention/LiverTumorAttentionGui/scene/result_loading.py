"""The result of a run in the scene: a segmentation node beside the portal venous volume."""

from __future__ import annotations

from pathlib import Path

import slicer
import vtk

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.scene.node_attributes import (
    LIVER_SEGMENT,
    ROLE_ATTRIBUTE,
)
from LiverTumorAttentionGui.scene.nrrd_check import check_intact
from LiverTumorAttentionGui.scene.placement import in_frame_of, place_beside


class ResultLoader:
    """Puts a result into the scene of the portal venous volume.

    The file is read in a scene of its own first, so that a damaged one changes nothing.
    """

    def __init__(self, portal: slicer.vtkMRMLScalarVolumeNode) -> None:
        self._portal = portal
        self._scene = portal.GetScene()

    def load_segmentation(
        self, path: Path, *, target: slicer.vtkMRMLSegmentationNode | None, under_transform: bool
    ) -> slicer.vtkMRMLSegmentationNode:
        """Return `target` with its content replaced, or a new node; segments lie as in the file, in the world.

        under_transform: the node stands under the volume's linear transform, and moves with it.
        Raises `PanelError` when the file cannot be read or holds no liver.
        """
        return self.place(read_segmentation(path), target=target, under_transform=under_transform)

    def place(
        self,
        segmentation: slicer.vtkSegmentation,
        *,
        target: slicer.vtkMRMLSegmentationNode | None,
        under_transform: bool,
    ) -> slicer.vtkMRMLSegmentationNode:
        """Return `target` with its content replaced by a segmentation in the world, or a new node."""
        if under_transform:
            self._into_volume_frame(segmentation)
        node = target or self._scene.AddNewNodeByClass(
            "vtkMRMLSegmentationNode",
            self._scene.GenerateUniqueName(f"{self._portal.GetName()} liver tumors"),
        )
        node.GetSegmentation().DeepCopy(segmentation)
        node.SetAndObserveTransformNodeID(self._portal.GetTransformNodeID() if under_transform else None)
        node.SetReferenceImageGeometryParameterFromVolumeNode(self._portal)
        self._show(node)
        place_beside(self._portal, node)
        return node

    def mark_role(self, volume: slicer.vtkMRMLScalarVolumeNode, role: str) -> None:
        """Say which phase a volume shows, for other extensions that work on the liver."""
        volume.SetAttribute(ROLE_ATTRIBUTE, role)

    def _into_volume_frame(self, segmentation: slicer.vtkSegmentation) -> None:
        """Undo the portal venous volume's linear transform, which the node will stand under."""
        for layer in range(segmentation.GetNumberOfLayers()):
            image = segmentation.GetLayerDataObject(layer)
            grid = vtk.vtkMatrix4x4()
            image.GetImageToWorldMatrix(grid)
            image.SetGeometryFromImageToWorldMatrix(in_frame_of(self._portal, grid))

    def _show(self, node: slicer.vtkMRMLSegmentationNode) -> None:
        """Show outlines on slices and surfaces in 3D, the liver see-through so that tumours are seen in it."""
        node.CreateDefaultDisplayNodes()
        node.CreateClosedSurfaceRepresentation()
        display = node.GetDisplayNode()
        display.SetVisibility(True)
        display.SetVisibility2D(True)
        display.SetVisibility3D(True)
        liver = node.GetSegmentation().GetSegmentIdBySegmentName(LIVER_SEGMENT)
        display.SetSegmentOpacity3D(liver, 0.4)
        display.SetSegmentOpacity2DFill(liver, 0.2)


def read_segmentation(path: Path) -> slicer.vtkSegmentation:
    """Return the segmentation in a .seg.nrrd file, without touching the user's scene. Raises `PanelError`."""
    check_intact(path, "segmentation", fields=("Segment0_ID",))
    private = slicer.vtkMRMLScene()
    node = private.AddNewNodeByClass("vtkMRMLSegmentationNode")
    storage = slicer.vtkMRMLSegmentationStorageNode()
    private.AddNode(storage)
    storage.SetFileName(str(path))
    readable = storage.ReadData(node)
    segmentation = slicer.vtkSegmentation()
    if readable:
        segmentation.DeepCopy(node.GetSegmentation())
    if not segmentation.GetSegmentIdBySegmentName(LIVER_SEGMENT):
        raise PanelError(
            "The segmentation that was computed cannot be read or holds no liver: please report this."
        )
    return segmentation
