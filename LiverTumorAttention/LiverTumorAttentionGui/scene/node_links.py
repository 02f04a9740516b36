"""Links between nodes: reference roles of a segmentation, and places in the subject hierarchy."""

from __future__ import annotations

import slicer


def referenced_nodes(segmentation: slicer.vtkMRMLSegmentationNode, role: str) -> list[slicer.vtkMRMLNode]:
    """Return the nodes in the scene that a segmentation refers to in a role."""
    count = segmentation.GetNumberOfNodeReferences(role)
    nodes = [segmentation.GetNthNodeReference(role, index) for index in range(count)]
    return [node for node in nodes if node is not None]


def add_referenced_node(
    segmentation: slicer.vtkMRMLSegmentationNode, class_name: str, name: str, role: str
) -> slicer.vtkMRMLNode:
    """Return a new node that the segmentation refers to in a role, under its transform, so that it moves with it."""
    node = segmentation.GetScene().AddNewNodeByClass(class_name, name)
    node.SetAndObserveTransformNodeID(segmentation.GetTransformNodeID())
    segmentation.AddNodeReferenceID(role, node.GetID())
    place_in_folder_of(segmentation, node)
    return node


def remove_referenced_nodes(segmentation: slicer.vtkMRMLSegmentationNode, role: str) -> None:
    """Remove the nodes that a segmentation refers to in a role from the scene."""
    for node in referenced_nodes(segmentation, role):
        segmentation.GetScene().RemoveNode(node)


def place_in_folder_of(sibling: slicer.vtkMRMLNode, node: slicer.vtkMRMLNode) -> None:
    """Move the node into the folder, study or root of the subject hierarchy that contains `sibling`."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(sibling.GetScene())
    if hierarchy is None:
        return
    root = hierarchy.GetSceneItemID()
    sibling_item = hierarchy.GetItemByDataNode(sibling) or hierarchy.CreateItem(root, sibling)
    item = hierarchy.GetItemByDataNode(node) or hierarchy.CreateItem(root, node)
    hierarchy.SetItemParent(item, hierarchy.GetItemParent(sibling_item))


def name_after(node: slicer.vtkMRMLNode, name: str) -> None:
    """Give a node a unique name that starts with `name`, unless its name does already."""
    if not (node.GetName() or "").startswith(name):
        node.SetName(node.GetScene().GenerateUniqueName(name))
