"""Measurements as rows of a table and as JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, TextIO

from LiverTumorAttentionLib.analysis.tumor_burden import CaseMeasurement
from LiverTumorAttentionLib.analysis.tumors import TumorMeasurement

COLUMNS = (
    "tumor",
    "volume_ml",
    "longest_axial_diameter_mm",
    "perpendicular_diameter_mm",
    "slice_index",
    "centroid_l_mm",
    "centroid_p_mm",
    "centroid_s_mm",
    "mean_portal_hu",
    "sd_portal_hu",
    "mean_arterial_hu",
    "mean_probability",
)
"""Headings of `tumors.csv`; the centroid is in LPS: towards the patient's left, back and head."""


def tumor_rows(measurements: Sequence[TumorMeasurement]) -> list[dict[str, str]]:
    """Return one row a tumour under `COLUMNS`, as text; what was not measured is empty."""
    return [
        dict(
            zip(
                COLUMNS,
                (
                    str(m.number),
                    f"{m.volume_ml:.3f}",
                    f"{m.longest_axial_diameter_mm:.1f}",
                    f"{m.perpendicular_diameter_mm:.1f}",
                    str(m.slice_index),
                    *(f"{value:.1f}" for value in m.centroid_lps_mm),
                    f"{m.mean_hu_portal:.1f}",
                    f"{m.sd_hu_portal:.1f}",
                    "" if m.mean_hu_arterial is None else f"{m.mean_hu_arterial:.1f}",
                    "" if m.mean_probability is None else f"{m.mean_probability:.3f}",
                ),
                strict=True,
            )
        )
        for m in measurements
    ]


def write_tumor_csv(stream: TextIO, measurements: Sequence[TumorMeasurement]) -> None:
    """Write the table to a file opened for text with ``newline=""``; without a tumour the heading alone."""
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(tumor_rows(measurements))


def tumor_csv(measurements: Sequence[TumorMeasurement]) -> str:
    """Return the table as text."""
    stream = io.StringIO(newline="")
    write_tumor_csv(stream, measurements)
    return stream.getvalue()


def measurements_dict(case: CaseMeasurement, measurements: Sequence[TumorMeasurement]) -> dict[str, Any]:
    """Return case and tumours for `report.json`: unrounded, None for what was not measured."""
    return {"case": asdict(case), "tumors": [asdict(measurement) for measurement in measurements]}
