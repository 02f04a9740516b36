"""A study's table node, and how it is filled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import slicer
import vtk

from LiverTumorAttentionGui.scene.node_attributes import TABLE_REFERENCE
from LiverTumorAttentionGui.scene.placement import place_beside


class Column(NamedTuple):
    """A column: words where `words` is set, else numbers."""

    title: str
    values: Sequence[str] | Sequence[float]
    words: bool = False


def table_of(segmentation: slicer.vtkMRMLSegmentationNode) -> slicer.vtkMRMLTableNode:
    """Return the segmentation's table, a new and empty one where it has none."""
    node = segmentation.GetNodeReference(TABLE_REFERENCE)
    if node is None:
        scene = segmentation.GetScene()
        node = scene.AddNewNodeByClass("vtkMRMLTableNode", f"{segmentation.GetName()} table")
        segmentation.SetNodeReferenceID(TABLE_REFERENCE, node.GetID())
    place_beside(segmentation, node)
    return node


def write_columns(node: slicer.vtkMRMLTableNode, columns: Sequence[Column]) -> None:
    """Replace the content of a table."""
    modified = node.StartModify()
    node.RemoveAllColumns()
    for column in columns:
        array = vtk.vtkStringArray() if column.words else vtk.vtkDoubleArray()
        array.SetName(column.title)
        for value in column.values:
            array.InsertNextValue(value)
        node.AddColumn(array)
    node.SetUseColumnTitleAsColumnHeader(True)
    node.EndModify(modified)
