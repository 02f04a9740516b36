"""What a segmentation says: sizes, places and brightness, as table, picture and review; `planning` beside it."""

from LiverTumorAttentionLib.analysis.perilesional_liver import ReviewSettings
from LiverTumorAttentionLib.analysis.review import CaseReview, TumorReview, review_case
from LiverTumorAttentionLib.analysis.review_table import REVIEW_COLUMNS, review_csv, review_rows
from LiverTumorAttentionLib.analysis.tumor_burden import CaseMeasurement, measure_case
from LiverTumorAttentionLib.analysis.tumor_table import (
    measurements_dict,
    tumor_csv,
    tumor_rows,
    write_tumor_csv,
)
from LiverTumorAttentionLib.analysis.tumors import TumorMeasurement, measure_tumors
from LiverTumorAttentionLib.analysis.vessels import VesselRelation, Vessels, read_vessels

__all__ = [
    "REVIEW_COLUMNS",
    "CaseMeasurement",
    "CaseReview",
    "ReviewSettings",
    "TumorMeasurement",
    "TumorReview",
    "VesselRelation",
    "Vessels",
    "measure_case",
    "measure_tumors",
    "measurements_dict",
    "read_vessels",
    "review_case",
    "review_csv",
    "review_rows",
    "tumor_csv",
    "tumor_rows",
    "write_tumor_csv",
]
