"""The table of a study's tumours: one row a tumour, from a review."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import slicer

from LiverTumorAttentionGui.scene.table_node import Column, table_of, write_columns

if TYPE_CHECKING:
    from LiverTumorAttentionLib.analysis import TumorReview
    from LiverTumorAttentionLib.analysis.hu_statistics import HuStatistics

Value = float | str | None
_NOT_MEASURED = float("nan")


def show_review(
    segmentation: slicer.vtkMRMLSegmentationNode, tumors: Sequence[TumorReview]
) -> slicer.vtkMRMLTableNode:
    """Fill the segmentation's table with what was measured; a column that holds nothing is left out."""
    columns = [Column("Tumor", [f"Tumor {tumor.number}" for tumor in tumors], words=True)]
    for title, value_of, digits in _COLUMNS:
        values = [value_of(tumor) for tumor in tumors]
        if tumors and all(value is None for value in values):
            continue  # no arterial volume, or no vessels
        if digits is None:
            texts = ["" if value is None else str(value) for value in values]
            columns.append(Column(title, texts, words=True))
        else:
            columns.append(Column(title, [_rounded(value, digits) for value in values]))
    table = table_of(segmentation)
    write_columns(table, columns)
    return table


def _rounded(value: Value, digits: int) -> float:
    return _NOT_MEASURED if value is None else round(float(value), digits)


def _mean(statistics: HuStatistics | None) -> float | None:
    return None if statistics is None else statistics.mean_hu


def _next(tumor: TumorReview) -> str | None:
    return None if tumor.nearest_tumor is None else f"Tumor {tumor.nearest_tumor.number}"


def _next_mm(tumor: TumorReview) -> float | None:
    return None if tumor.nearest_tumor is None else tumor.nearest_tumor.distance_mm


def _vessel(tumor: TumorReview, field: str) -> Value:
    value: Value = None if tumor.nearest_vessel is None else getattr(tumor.nearest_vessel, field)
    return value


# Title, value, digits that are shown (None: words). Centroids are RAS, as everything in Slicer.
_COLUMNS: tuple[tuple[str, Callable[[TumorReview], Value], int | None], ...] = (
    ("Volume (mL)", lambda t: t.measurement.volume_ml, 3),
    ("Longest diameter (mm)", lambda t: t.measurement.longest_axial_diameter_mm, 3),
    ("Perpendicular (mm)", lambda t: t.measurement.perpendicular_diameter_mm, 3),
    ("Longest 3D diameter (mm)", lambda t: t.longest_3d_diameter_mm, 3),
    ("Portal venous (HU)", lambda t: t.brightness.portal.mean_hu, 3),
    ("Liver around, portal venous (HU)", lambda t: _mean(t.brightness.liver_portal), 3),
    ("Arterial (HU)", lambda t: _mean(t.brightness.arterial), 3),
    ("Liver around, arterial (HU)", lambda t: _mean(t.brightness.liver_arterial), 3),
    ("Enhancement (HU)", lambda t: t.brightness.enhancement_hu, 3),
    ("Washout (HU)", lambda t: t.brightness.washout_hu, 3),
    ("Probability", lambda t: t.measurement.mean_probability, 3),
    ("To liver surface (mm)", lambda t: None if t.surface is None else t.surface.distance_mm, 2),
    ("Next tumor", _next, None),
    ("To next tumor (mm)", _next_mm, 2),
    ("Nearest vessel", lambda t: _vessel(t, "name"), None),
    ("To nearest vessel (mm)", lambda t: _vessel(t, "distance_mm"), 2),
    ("Vessel contact (mm2)", lambda t: _vessel(t, "contact_area_mm2"), 2),
    ("Centroid R (mm)", lambda t: -t.measurement.centroid_lps_mm[0], 2),
    ("Centroid A (mm)", lambda t: -t.measurement.centroid_lps_mm[1], 2),
    ("Centroid S (mm)", lambda t: t.measurement.centroid_lps_mm[2], 2),
)
