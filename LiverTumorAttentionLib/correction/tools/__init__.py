"""Tools: each is an action, a frozen dataclass of its parameters that returns its edit."""

from __future__ import annotations

from LiverTumorAttentionLib.correction.session import Action
from LiverTumorAttentionLib.correction.tools.add_remove import Add, Remove
from LiverTumorAttentionLib.correction.tools.box import AddByBox
from LiverTumorAttentionLib.correction.tools.draw import Draw, Drawing
from LiverTumorAttentionLib.correction.tools.findings import MergeFindings
from LiverTumorAttentionLib.correction.tools.lasso import Lasso
from LiverTumorAttentionLib.correction.tools.line import AddByLine
from LiverTumorAttentionLib.correction.tools.merge_split import Merge, Split
from LiverTumorAttentionLib.correction.tools.morphology import Fill, Grow, Shrink, Smooth
from LiverTumorAttentionLib.correction.tools.same_in_phase import SameInPhase
from LiverTumorAttentionLib.correction.tools.status import Accept, Reject, Revise
from LiverTumorAttentionLib.correction.tools.strokes import Exclude, Include
from LiverTumorAttentionLib.correction.tools.threshold import Threshold

TOOLS: dict[str, type[Action]] = {
    kind.tool: kind
    for kind in (
        *(
            Add,
            AddByLine,
            AddByBox,
            Lasso,
            Remove,
            Merge,
            Split,
            Include,
            Exclude,
            SameInPhase,
            Threshold,
            Grow,
            Shrink,
            Smooth,
            Fill,
            Draw,
        ),
        *(Accept, Reject, Revise, MergeFindings),
    )
}
"""Every tool by its name in logs and prompts."""

__all__ = [
    "TOOLS",
    "Accept",
    "Add",
    "AddByBox",
    "AddByLine",
    "Draw",
    "Drawing",
    "Exclude",
    "Fill",
    "Grow",
    "Include",
    "Lasso",
    "Merge",
    "MergeFindings",
    "Reject",
    "Remove",
    "Revise",
    "SameInPhase",
    "Shrink",
    "Smooth",
    "Split",
    "Threshold",
]
