"""The registered arterial volume and its transform in the scene, where the user wants to keep them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import slicer
import vtk

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.scene.node_attributes import (
    REGISTERED_REFERENCE,
    REGISTERED_ROLE,
    ROLE_ATTRIBUTE,
    TRANSFORM_REFERENCE,
)
from LiverTumorAttentionGui.scene.nrrd_check import check_intact
from LiverTumorAttentionGui.scene.placement import in_frame_of, place_beside
from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE

_TRANSFORM_DESCRIPTION = (
    "Moves the arterial volume onto the portal venous one, both where they lay in the world during the run. "
    "If the arterial volume stands under a transform already, put that transform under this one. "
    f"{NOT_FOR_CLINICAL_USE}"
)


@dataclass(frozen=True, kw_only=True)
class KeptRegistration:
    """The nodes of one registration, and the portal venous volume that it led to."""

    portal: slicer.vtkMRMLScalarVolumeNode
    volume: slicer.vtkMRMLScalarVolumeNode
    transform: slicer.vtkMRMLTransformNode


class RegistrationLoader:
    """Reads both files in scenes of their own, so that a damaged one changes nothing; then places the nodes."""

    def __init__(self, volume_file: Path, transform_file: Path) -> None:
        """Raises `PanelError` when a file is missing or damaged."""
        self._image, self._grid_in_world = read_volume(volume_file, "registered arterial volume")
        self._from_parent = _read_transform(transform_file)

    def place(
        self,
        segmentation: slicer.vtkMRMLSegmentationNode,
        *,
        portal: slicer.vtkMRMLScalarVolumeNode,
        arterial: slicer.vtkMRMLScalarVolumeNode,
        under_transform: bool,
    ) -> KeptRegistration:
        """Return the segmentation's nodes with their content replaced, or new ones.

        under_transform: the volume stands under the portal venous volume's linear transform, as the segmentation
        does. A node that the run itself depended on is left as it is, and a new one takes its place.
        """
        volume = segmentation.GetNodeReference(REGISTERED_REFERENCE)
        if volume is None or volume in (portal, arterial):
            volume = portal.GetScene().AddNewNodeByClass("vtkMRMLScalarVolumeNode")
        transform = segmentation.GetNodeReference(TRANSFORM_REFERENCE)
        if transform is None or _stands_over(transform, portal) or _stands_over(transform, arterial):
            transform = portal.GetScene().AddNewNodeByClass("vtkMRMLTransformNode")
        self._fill_volume(volume, portal, arterial, under_transform)
        self._fill_transform(transform, portal, arterial)
        for role, node in ((REGISTERED_REFERENCE, volume), (TRANSFORM_REFERENCE, transform)):
            segmentation.SetNodeReferenceID(role, node.GetID())
            place_beside(portal, node)
        return KeptRegistration(portal=portal, volume=volume, transform=transform)

    def _fill_volume(
        self,
        node: slicer.vtkMRMLScalarVolumeNode,
        portal: slicer.vtkMRMLScalarVolumeNode,
        arterial: slicer.vtkMRMLScalarVolumeNode,
        under_transform: bool,
    ) -> None:
        name_after(node, f"{arterial.GetName()} registered")
        node.SetAndObserveImageData(self._image)
        grid = in_frame_of(portal, self._grid_in_world) if under_transform else self._grid_in_world
        node.SetIJKToRASMatrix(grid)
        node.SetAndObserveTransformNodeID(portal.GetTransformNodeID() if under_transform else None)
        node.SetAttribute(ROLE_ATTRIBUTE, REGISTERED_ROLE)
        node.CreateDefaultDisplayNodes()
        shown = arterial.GetScalarVolumeDisplayNode()
        if shown is not None:
            display = node.GetScalarVolumeDisplayNode()
            display.SetAutoWindowLevel(False)
            display.SetWindowLevel(shown.GetWindow(), shown.GetLevel())

    def _fill_transform(
        self,
        node: slicer.vtkMRMLTransformNode,
        portal: slicer.vtkMRMLScalarVolumeNode,
        arterial: slicer.vtkMRMLScalarVolumeNode,
    ) -> None:
        name_after(node, f"{arterial.GetName()} to {portal.GetName()}")
        node.SetAndObserveTransformNodeID(None)
        node.SetAndObserveTransformFromParent(self._from_parent)
        node.SetDescription(_TRANSFORM_DESCRIPTION)


def name_after(node: slicer.vtkMRMLNode, name: str) -> None:
    """Name a new node, or one that another volume's content was in."""
    if not (node.GetName() or "").startswith(name):
        node.SetName(node.GetScene().GenerateUniqueName(name))


def _stands_over(transform: slicer.vtkMRMLTransformNode, volume: slicer.vtkMRMLScalarVolumeNode) -> bool:
    parent = volume.GetParentTransformNode()
    while parent is not None and parent is not transform:
        parent = parent.GetParentTransformNode()
    return parent is not None


def read_volume(path: Path, what: str) -> tuple[vtk.vtkImageData, vtk.vtkMatrix4x4]:
    """Return the voxels and the matrix from voxel indices to the world. what: the user's word. Raises `PanelError`."""
    check_intact(path, what)
    private = slicer.vtkMRMLScene()
    node = private.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    storage = slicer.vtkMRMLNRRDStorageNode()  # the archetype reader would turn a left-handed grid
    private.AddNode(storage)
    storage.SetFileName(str(path))
    if not storage.ReadData(node) or node.GetImageData() is None:
        raise PanelError(f"The {what} that was computed cannot be read: please report this.")
    grid = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(grid)
    return node.GetImageData(), grid


def _read_transform(path: Path) -> vtk.vtkAbstractTransform:
    """Return the transform from the world to where the arterial voxels come from. Raises `PanelError`.

    ITK's file takes portal venous points to arterial points, which is Slicer's direction "from parent".
    """
    private = slicer.vtkMRMLScene()
    node = private.AddNewNodeByClass("vtkMRMLTransformNode")
    storage = slicer.vtkMRMLTransformStorageNode()
    private.AddNode(storage)
    storage.SetFileName(str(path))
    if not path.is_file() or not storage.ReadData(node) or node.GetTransformFromParent() is None:
        raise PanelError("The transform that was computed cannot be read: please report this.")
    return node.GetTransformFromParent()
