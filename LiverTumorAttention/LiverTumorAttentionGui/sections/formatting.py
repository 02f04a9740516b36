"""Text of corrections and plans, for labels and tooltips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from LiverTumorAttentionLib.wording import measured

if TYPE_CHECKING:
    from LiverTumorAttentionLib.analysis.planning import MarginPlan, ResectionPlan
    from LiverTumorAttentionLib.correction import Action

PLAN_STALE = "The tumors or vessels have changed: update the plan."
PLAN_NOT_SHOWN = "Planned earlier: update the plan to see its numbers."
SHOWN_MARGINS = 8
"""Margins of more tumors than these are counted, not listed."""

_ACTIONS = {
    "add": "add a tumor",
    "remove": "remove",
    "merge": "merge tumors",
    "split": "split a tumor",
    "include": "include a point",
    "exclude": "exclude a point",
    "threshold": "threshold",
    "grow": "grow",
    "shrink": "shrink",
    "smooth": "smooth",
    "fill": "fill",
    "accept": "accept",
    "reject": "reject",
    "revise": "reopen",
    "merge_findings": "take in a new run's findings",
    "draw": "brush work",
}


def action_text(action: Action) -> str:
    """Return a correction in words, such as "grow Tumor 2 by 3 mm"."""
    text = _ACTIONS.get(action.tool, action.tool.replace("_", " "))
    lesion = getattr(action, "lesion", None)
    if isinstance(lesion, int):
        text += f" Tumor {lesion}" if action.tool not in ("include", "exclude") else f" of Tumor {lesion}"
    distance_mm = getattr(action, "distance_mm", None)
    if distance_mm is not None:
        preposition = "by" if action.tool in ("grow", "shrink") else "over"
        text += f" {preposition} {distance_mm:g} mm"
    probability = getattr(action, "probability", None)
    return text if probability is None else f"{text} at {probability:.2f}"


def margin_text(plan: MarginPlan, *, with_vessels: bool) -> str:
    """Return the numbers of a margin: volume, share of the liver, vessels and other tumors in it.

    with_vessels: whether the study has vessels, so that "none" is a finding.
    """
    lines = [f"{measured(plan.volume_ml, 'mL')} with the tumors, {plan.liver_percent:.1f} % of the liver"]
    vessels = [f"{vessel.name} ({measured(vessel.volume_ml, 'mL')})" for vessel in plan.vessels]
    if with_vessels:
        lines.append(f"Touches {', '.join(vessels)}" if vessels else "Touches none of the vessels")
    if plan.other_tumors:
        lines.append(f"Other tumors in it: {_tumors(plan.other_tumors)}")
    return "\n".join(lines)


def resection_text(plan: ResectionPlan) -> str:
    """Return the numbers of a resection: resected part, remnant, and the margin of each resected tumor."""
    lines = [
        f"Resected volume: {measured(plan.resected_ml, 'mL')} ({plan.resected_percent:.1f} %)",
        f"Future liver remnant (FLR): {measured(plan.remnant_ml, 'mL')} ({plan.remnant_percent:.1f} %)",
        f"FLR without tumors: {measured(plan.remnant_parenchyma_ml, 'mL')} ({plan.remnant_parenchyma_percent:.1f} %)"
        + (f", {plan.remnant_ml_per_kg:.1f} mL/kg" if plan.remnant_ml_per_kg is not None else ""),
    ]
    margins = [
        f"Tumor {tumor.number}: {measured(tumor.margin_mm, 'mm')}"
        for tumor in plan.tumors
        if tumor.status == "resected" and tumor.margin_mm is not None
    ]
    if margins:
        more = f", and {len(margins) - SHOWN_MARGINS} more" if len(margins) > SHOWN_MARGINS else ""
        lines.append(f"Smallest margins: {', '.join(margins[:SHOWN_MARGINS])}{more}")
    if plan.left_tumors:
        lines.append(f"In the FLR: {_tumors(plan.left_tumors)}")
    return "\n".join(lines)


def cut_text(plan: ResectionPlan) -> str:
    """Return which tumors the planes cut; empty for none."""
    return f"Cut: {_tumors(plan.cut_tumors)}" if plan.cut_tumors else ""


def _tumors(numbers: Sequence[int]) -> str:
    return ", ".join(f"Tumor {number}" for number in numbers)
