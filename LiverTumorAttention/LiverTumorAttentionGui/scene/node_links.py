"""Nodes that belong to a study: found again by their reference, placed beside it, in its frame."""

from __future__ import annotations

from typing import Any

import slicer

from LiverTumorAttentionGui.scene.placement import place_beside


def referenced(segmentation: slicer.vtkMRMLSegmentationNode, role: str) -> list[Any]:
    """Return the nodes that a segmentation refers to in a role and that are still in the scene."""
    count = segmentation.GetNumberOfNodeReferences(role)
    nodes = [segmentation.GetNthNodeReference(role, index) for index in range(count)]
    return [node for node in nodes if node is not None]


def add_beside(segmentation: slicer.vtkMRMLSegmentationNode, kind: str, name: str, role: str) -> Any:
    """Return a new node under the segmentation's transform, referred to in a role: it moves with the segmentation."""
    node = segmentation.GetScene().AddNewNodeByClass(kind, name)
    node.SetAndObserveTransformNodeID(segmentation.GetTransformNodeID())
    segmentation.AddNodeReferenceID(role, node.GetID())
    place_beside(segmentation, node)
    return node


def remove_referenced(segmentation: slicer.vtkMRMLSegmentationNode, role: str) -> None:
    """Remove the nodes that a segmentation refers to in a role."""
    for node in referenced(segmentation, role):
        segmentation.GetScene().RemoveNode(node)
