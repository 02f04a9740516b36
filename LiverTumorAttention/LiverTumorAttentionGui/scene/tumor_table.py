"""The table node of a study's tumors, one row a tumor: from a run's report, or from a review."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import slicer

from LiverTumorAttentionGui.scene.table_node import Column, table_of, write_columns
from LiverTumorAttentionLib.analysis.tumor_columns import NODE_COLUMNS, TUMOR_COLUMNS, TumorColumn


def fill_tumor_table(
    segmentation: slicer.vtkMRMLSegmentationNode,
    tumors: Sequence[Any],
    columns: Sequence[TumorColumn] = NODE_COLUMNS,
) -> slicer.vtkMRMLTableNode:
    """Fill the segmentation's table; a column that holds nothing, as without an arterial volume, is left out.

    tumors: `TumorReview`s, or the tumors of a run's report (JSON values).
    """
    name = TUMOR_COLUMNS["tumor"]
    found = [Column(name.header, [name.text(tumor) for tumor in tumors], words=True)]
    for column in columns:
        values = [column.value(tumor) for tumor in tumors]
        if tumors and all(value is None for value in values):
            continue
        if column.csv_digits is None:
            texts = [column.text(tumor, missing="") for tumor in tumors]
            found.append(Column(column.header, texts, words=True))
        else:
            found.append(Column(column.header, [_rounded(value, column.node_digits) for value in values]))
    table = table_of(segmentation)
    write_columns(table, found)
    return table


def _rounded(value: float | None, digits: int) -> float:
    return float("nan") if value is None else round(float(value), digits)
