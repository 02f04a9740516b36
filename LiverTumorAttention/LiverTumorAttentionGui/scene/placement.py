"""Where the nodes of a result go: beside the portal venous volume, and in its frame."""

from __future__ import annotations

import slicer
import vtk


def place_beside(portal: slicer.vtkMRMLScalarVolumeNode, node: slicer.vtkMRMLNode) -> None:
    """Put the node into the folder, study or root of the subject hierarchy that holds the volume."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(portal.GetScene())
    if hierarchy is None:
        return
    root = hierarchy.GetSceneItemID()
    beside = hierarchy.GetItemByDataNode(portal) or hierarchy.CreateItem(root, portal)
    item = hierarchy.GetItemByDataNode(node) or hierarchy.CreateItem(root, node)
    hierarchy.SetItemParent(item, hierarchy.GetItemParent(beside))


def in_frame_of(portal: slicer.vtkMRMLScalarVolumeNode, grid_in_world: vtk.vtkMatrix4x4) -> vtk.vtkMatrix4x4:
    """Return a grid's matrix for a node that stands under the volume's linear transform, where it has one."""
    from_world, moved = vtk.vtkMatrix4x4(), vtk.vtkMatrix4x4()
    parent = portal.GetParentTransformNode()
    if parent is not None:
        parent.GetMatrixTransformFromWorld(from_world)
    vtk.vtkMatrix4x4.Multiply4x4(from_world, grid_in_world, moved)
    return moved
