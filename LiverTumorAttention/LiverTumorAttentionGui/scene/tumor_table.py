"""The table node of a study, one row a tumor: from the report of a run, or from a measurement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import slicer
import vtk

from LiverTumorAttentionGui.scene.node_attributes import TABLE_REFERENCE
from LiverTumorAttentionGui.scene.node_links import place_in_folder_of
from LiverTumorAttentionLib.tumor_columns import NODE_COLUMNS, TUMOR_COLUMNS, TumorColumn


def fill_tumor_table(
    segmentation: slicer.vtkMRMLSegmentationNode,
    tumors: Sequence[Any],
    columns: Sequence[TumorColumn] = NODE_COLUMNS,
) -> slicer.vtkMRMLTableNode:
    """Replace the content of the segmentation's table, or of a new one; a column without values is left out.

    tumors: `TumorReview`s, or the tumors of a run's report (JSON values).
    """
    node = segmentation.GetNodeReference(TABLE_REFERENCE)
    if node is None:
        scene = segmentation.GetScene()
        node = scene.AddNewNodeByClass("vtkMRMLTableNode", f"{segmentation.GetName()} table")
        segmentation.SetNodeReferenceID(TABLE_REFERENCE, node.GetID())
    place_in_folder_of(segmentation, node)
    modified = node.StartModify()
    node.RemoveAllColumns()
    name = TUMOR_COLUMNS["tumor"]
    _add_column(node, name.header, vtk.vtkStringArray(), [name.text(tumor) for tumor in tumors])
    for column in columns:
        values = [column.value(tumor) for tumor in tumors]
        if tumors and all(value is None for value in values):
            continue  # such as those of a missing arterial volume
        if column.csv_digits is None:
            texts = [column.text(tumor, missing="") for tumor in tumors]
            _add_column(node, column.header, vtk.vtkStringArray(), texts)
        else:
            numbers = [_rounded(value, column.node_digits) for value in values]
            _add_column(node, column.header, vtk.vtkDoubleArray(), numbers)
    node.SetUseColumnTitleAsColumnHeader(True)
    node.EndModify(modified)
    return node


def _add_column(
    node: slicer.vtkMRMLTableNode, title: str, array: vtk.vtkAbstractArray, values: Sequence[str | float]
) -> None:
    array.SetName(title)
    for value in values:
        array.InsertNextValue(value)
    node.AddColumn(array)


def _rounded(value: float | None, digits: int) -> float:
    return float("nan") if value is None else round(float(value), digits)
