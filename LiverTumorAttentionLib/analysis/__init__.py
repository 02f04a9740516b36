"""What a segmentation says: volumes, diameters, places and enhancement, as table and picture."""

from LiverTumorAttentionLib.analysis.alignment import write_alignment
from LiverTumorAttentionLib.analysis.case import CaseMeasurement, measure_case
from LiverTumorAttentionLib.analysis.preview import write_preview
from LiverTumorAttentionLib.analysis.table import (
    measurements_dict,
    tumor_csv,
    tumor_rows,
    write_tumor_csv,
)
from LiverTumorAttentionLib.analysis.tumors import TumorMeasurement, measure_tumors

__all__ = [
    "CaseMeasurement",
    "TumorMeasurement",
    "measure_case",
    "measure_tumors",
    "measurements_dict",
    "tumor_csv",
    "tumor_rows",
    "write_alignment",
    "write_preview",
    "write_tumor_csv",
]
