"""Couinaud segments of a liver: whose they are, which tumor lies in which, and what a named resection leaves."""

from LiverTumorAttentionLib.analysis.segments.liver_segments import LiverSegments, SegmentShare, share_text
from LiverTumorAttentionLib.analysis.segments.named_resections import NAMED_RESECTIONS, NamedResection
from LiverTumorAttentionLib.analysis.segments.remnant import Person, Remnant, RemnantLimit
from LiverTumorAttentionLib.analysis.segments.segment_plan import SegmentPlan, plan_named_resection

__all__ = [
    "NAMED_RESECTIONS",
    "LiverSegments",
    "NamedResection",
    "Person",
    "Remnant",
    "RemnantLimit",
    "SegmentPlan",
    "SegmentShare",
    "plan_named_resection",
    "share_text",
]
