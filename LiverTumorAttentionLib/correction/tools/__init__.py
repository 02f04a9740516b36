"""The tools, one a file: each is a frozen dataclass of what it is told, and says what it would change."""

from __future__ import annotations

from LiverTumorAttentionLib.correction.session import Action
from LiverTumorAttentionLib.correction.tools.add import Add
from LiverTumorAttentionLib.correction.tools.decide import Accept, Reject, Revise
from LiverTumorAttentionLib.correction.tools.draw import Draw, Drawing
from LiverTumorAttentionLib.correction.tools.fill import Fill
from LiverTumorAttentionLib.correction.tools.findings import MergeFindings
from LiverTumorAttentionLib.correction.tools.merge import Merge
from LiverTumorAttentionLib.correction.tools.remove import Remove
from LiverTumorAttentionLib.correction.tools.resize import Grow, Shrink
from LiverTumorAttentionLib.correction.tools.smooth import Smooth
from LiverTumorAttentionLib.correction.tools.split import Split
from LiverTumorAttentionLib.correction.tools.strokes import Exclude, Include
from LiverTumorAttentionLib.correction.tools.threshold import Threshold

TOOLS: dict[str, type[Action]] = {
    kind.tool: kind
    for kind in (
        *(Add, Remove, Merge, Split, Include, Exclude, Threshold, Grow, Shrink, Smooth, Fill, Draw),
        *(Accept, Reject, Revise, MergeFindings),
    )
}
"""Every tool by the name that logs and prompts use."""

__all__ = [
    "TOOLS",
    "Accept",
    "Add",
    "Draw",
    "Drawing",
    "Exclude",
    "Fill",
    "Grow",
    "Include",
    "Merge",
    "MergeFindings",
    "Reject",
    "Remove",
    "Revise",
    "Shrink",
    "Smooth",
    "Split",
    "Threshold",
]
