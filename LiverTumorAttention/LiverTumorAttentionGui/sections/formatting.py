"""Text of corrections and plans, for labels and tooltips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionLib.wording import measured

if TYPE_CHECKING:
    from LiverTumorAttentionLib.analysis.planning import MarginPlan, ResectionPlan
    from LiverTumorAttentionLib.correction import Action

PLAN_STALE = _("The tumors or vessels have changed: update the plan.")
PLAN_NOT_SHOWN = _("Planned earlier: update the plan to see its numbers.")
SHOWN_MARGINS = 8
"""Margins of more tumors than these are counted, not listed."""

_ACTIONS = {
    "add": _("add a tumor"),
    "remove": _("remove"),
    "merge": _("merge tumors"),
    "split": _("split a tumor"),
    "include": _("include a point"),
    "exclude": _("exclude a point"),
    "threshold": _("threshold"),
    "grow": _("grow"),
    "shrink": _("shrink"),
    "smooth": _("smooth"),
    "fill": _("fill"),
    "accept": _("accept"),
    "reject": _("reject"),
    "revise": _("reopen"),
    "merge_findings": _("take in a new run's findings"),
    "draw": _("brush work"),
}


def action_text(action: Action) -> str:
    """Return a correction in words, such as "grow Tumor 2 by 3 mm"."""
    text = _ACTIONS.get(action.tool, action.tool.replace("_", " "))
    lesion = getattr(action, "lesion", None)
    if isinstance(lesion, int):
        text += (
            _(" Tumor {lesion}").format(lesion=lesion)
            if action.tool not in ("include", "exclude")
            else _(" of Tumor {lesion}").format(lesion=lesion)
        )
    distance_mm = getattr(action, "distance_mm", None)
    if distance_mm is not None:
        preposition = "by" if action.tool in ("grow", "shrink") else "over"
        text += _(" {preposition} {distance_mm:g} mm").format(
            preposition=preposition, distance_mm=distance_mm
        )
    probability = getattr(action, "probability", None)
    return (
        text
        if probability is None
        else _("{text} at {probability:.2f}").format(text=text, probability=probability)
    )


def margin_text(plan: MarginPlan, *, with_vessels: bool) -> str:
    """Return the numbers of a margin: volume, share of the liver, vessels and other tumors in it.

    with_vessels: whether the study has vessels, so that "none" is a finding.
    """
    lines = [
        _("{value} with the tumors, {liver_percent:.1f} % of the liver").format(
            value=measured(plan.volume_ml, "mL"), liver_percent=plan.liver_percent
        )
    ]
    vessels = [f"{vessel.name} ({measured(vessel.volume_ml, 'mL')})" for vessel in plan.vessels]
    if with_vessels:
        lines.append(
            _("Touches {names}").format(names=", ".join(vessels))
            if vessels
            else _("Touches none of the vessels")
        )
    if plan.other_tumors:
        lines.append(_("Other tumors in it: {tumors}").format(tumors=_tumors(plan.other_tumors)))
    return "\n".join(lines)


def resection_text(plan: ResectionPlan) -> str:
    """Return the numbers of a resection: resected part, remnant, and the margin of each resected tumor."""
    lines = [
        _("Resected volume: {value} ({resected_percent:.1f} %)").format(
            value=measured(plan.resected_ml, "mL"), resected_percent=plan.resected_percent
        ),
        _("Future liver remnant (FLR): {value} ({remnant_percent:.1f} %)").format(
            value=measured(plan.remnant_ml, "mL"), remnant_percent=plan.remnant_percent
        ),
        _("FLR without tumors: {value} ({remnant_parenchyma_percent:.1f} %)").format(
            value=measured(plan.remnant_parenchyma_ml, "mL"),
            remnant_parenchyma_percent=plan.remnant_parenchyma_percent,
        )
        + (
            _(", {remnant_ml_per_kg:.1f} mL/kg").format(remnant_ml_per_kg=plan.remnant_ml_per_kg)
            if plan.remnant_ml_per_kg is not None
            else ""
        ),
    ]
    margins = [
        _("Tumor {number}: {value}").format(number=tumor.number, value=measured(tumor.margin_mm, "mm"))
        for tumor in plan.tumors
        if tumor.status == "resected" and tumor.margin_mm is not None
    ]
    if margins:
        more = (
            _(", and {value} more").format(value=len(margins) - SHOWN_MARGINS)
            if len(margins) > SHOWN_MARGINS
            else ""
        )
        lines.append(
            _("Smallest margins: {names}{more}").format(names=", ".join(margins[:SHOWN_MARGINS]), more=more)
        )
    if plan.left_tumors:
        lines.append(_("In the FLR: {tumors}").format(tumors=_tumors(plan.left_tumors)))
    return "\n".join(lines)


def cut_text(plan: ResectionPlan) -> str:
    """Return which tumors the planes cut; empty for none."""
    return _("Cut: {tumors}").format(tumors=_tumors(plan.cut_tumors)) if plan.cut_tumors else ""


def _tumors(numbers: Sequence[int]) -> str:
    return ", ".join(_("Tumor {number}").format(number=number) for number in numbers)
