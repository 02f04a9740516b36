"""Planning on a segmented liver: safety margins around tumors, and resections by planes and curved surfaces."""

from LiverTumorAttentionLib.analysis.planning.curved_resection import Sheet, lies_beyond
from LiverTumorAttentionLib.analysis.planning.margin import MarginPlan, VesselInMargin
from LiverTumorAttentionLib.analysis.planning.plane import CutPlane
from LiverTumorAttentionLib.analysis.planning.planner import Planner
from LiverTumorAttentionLib.analysis.planning.resection import Combination, ResectionPlan, TumorResection
from LiverTumorAttentionLib.analysis.planning.surface import CutSurface

__all__ = [
    "Combination",
    "CutPlane",
    "CutSurface",
    "MarginPlan",
    "Planner",
    "ResectionPlan",
    "Sheet",
    "TumorResection",
    "VesselInMargin",
    "lies_beyond",
]
