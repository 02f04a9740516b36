"""The tools, one a file: each is a frozen dataclass of what it is told, and says what it would change."""

from __future__ import annotations

from LiverTumorAttentionLib.interaction.session import Action
from LiverTumorAttentionLib.interaction.tools.add import Add
from LiverTumorAttentionLib.interaction.tools.decide import Accept, Reject, Revise
from LiverTumorAttentionLib.interaction.tools.draw import Draw, Drawing
from LiverTumorAttentionLib.interaction.tools.fill import Fill
from LiverTumorAttentionLib.interaction.tools.findings import MergeFindings
from LiverTumorAttentionLib.interaction.tools.merge import Merge
from LiverTumorAttentionLib.interaction.tools.remove import Remove
from LiverTumorAttentionLib.interaction.tools.resize import Grow, Shrink
from LiverTumorAttentionLib.interaction.tools.smooth import Smooth
from LiverTumorAttentionLib.interaction.tools.split import Split
from LiverTumorAttentionLib.interaction.tools.strokes import Exclude, Include
from LiverTumorAttentionLib.interaction.tools.threshold import Threshold

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
