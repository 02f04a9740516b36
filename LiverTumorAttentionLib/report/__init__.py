"""The report of a case: a page to look at, its numbers as CSV and JSON, and DICOM for the archive."""

from LiverTumorAttentionLib.report.content import ReportContent
from LiverTumorAttentionLib.report.job import ReviewJob
from LiverTumorAttentionLib.report.plan import WantedMargin, WantedPlan, WantedResection
from LiverTumorAttentionLib.report.write import report_case

__all__ = ["ReportContent", "ReviewJob", "WantedMargin", "WantedPlan", "WantedResection", "report_case"]
