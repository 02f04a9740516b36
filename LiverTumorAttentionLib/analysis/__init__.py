"""Measurements of a segmentation: sizes, places, enhancement, distances, and their tables; `planning` beside them."""

from LiverTumorAttentionLib.analysis.perilesional_liver import ReviewSettings
from LiverTumorAttentionLib.analysis.review import CaseReview, TumorReview, review_case
from LiverTumorAttentionLib.analysis.run_findings import RunFinding, run_findings, with_lesion_probabilities
from LiverTumorAttentionLib.analysis.tumor_tables import review_csv, review_rows, tumor_csv, tumor_rows
from LiverTumorAttentionLib.analysis.tumors import (
    CaseMeasurement,
    TumorMeasurement,
    measure_case,
    measure_tumors,
)
from LiverTumorAttentionLib.analysis.vessels import VesselRelation, Vessels, read_vessels
from LiverTumorAttentionLib.tumor_columns import (
    REVIEW_COLUMNS,
    RUN_COLUMNS,
    TUMOR_COLUMNS,
    TumorColumn,
)

__all__ = [
    "REVIEW_COLUMNS",
    "RUN_COLUMNS",
    "TUMOR_COLUMNS",
    "CaseMeasurement",
    "CaseReview",
    "ReviewSettings",
    "RunFinding",
    "TumorColumn",
    "TumorMeasurement",
    "TumorReview",
    "VesselRelation",
    "Vessels",
    "measure_case",
    "measure_tumors",
    "read_vessels",
    "review_case",
    "review_csv",
    "review_rows",
    "run_findings",
    "tumor_csv",
    "tumor_rows",
    "with_lesion_probabilities",
]
