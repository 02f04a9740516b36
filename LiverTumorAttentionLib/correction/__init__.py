"""Correction of lesions by clicks, strokes, thresholds and morphology, with undo, a log and its replay."""

from LiverTumorAttentionLib.correction.case import CorrectionCase
from LiverTumorAttentionLib.correction.click_model import ClickModel
from LiverTumorAttentionLib.correction.lesions import Lesion, Status
from LiverTumorAttentionLib.correction.log import HEADER_KEY, CorrectionLog, replay, resume
from LiverTumorAttentionLib.correction.log_codec import PackedMask
from LiverTumorAttentionLib.correction.session import Action, CorrectionSession, Entry, Outcome
from LiverTumorAttentionLib.correction.sign_off import SignOff
from LiverTumorAttentionLib.correction.tools import (
    TOOLS,
    Accept,
    Add,
    AddByBox,
    AddByLine,
    Draw,
    Drawing,
    Exclude,
    Fill,
    Grow,
    Include,
    Lasso,
    Merge,
    MergeFindings,
    Reject,
    Remove,
    Revise,
    SameInPhase,
    Shrink,
    Smooth,
    Split,
    Threshold,
)
from LiverTumorAttentionLib.correction.tools.findings import merge_new_findings
from LiverTumorAttentionLib.voxels.geometry import Point

__all__ = [
    "HEADER_KEY",
    "TOOLS",
    "Accept",
    "Action",
    "Add",
    "AddByBox",
    "AddByLine",
    "ClickModel",
    "CorrectionCase",
    "CorrectionLog",
    "CorrectionSession",
    "Draw",
    "Drawing",
    "Entry",
    "Exclude",
    "Fill",
    "Grow",
    "Include",
    "Lasso",
    "Lesion",
    "Merge",
    "MergeFindings",
    "Outcome",
    "PackedMask",
    "Point",
    "Reject",
    "Remove",
    "Revise",
    "SameInPhase",
    "Shrink",
    "SignOff",
    "Smooth",
    "Split",
    "Status",
    "Threshold",
    "merge_new_findings",
    "replay",
    "resume",
]
