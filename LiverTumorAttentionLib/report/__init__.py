"""The report of a case: a page to look at, its numbers as CSV and JSON, and DICOM for the archive."""

from LiverTumorAttentionLib.report.case_report import report_case
from LiverTumorAttentionLib.report.comparison_report import report_comparison
from LiverTumorAttentionLib.report.content import ReportContent
from LiverTumorAttentionLib.report.wanted_plan import WantedMargin, WantedPlan, WantedResection

__all__ = [
    "ReportContent",
    "WantedMargin",
    "WantedPlan",
    "WantedResection",
    "report_case",
    "report_comparison",
]
