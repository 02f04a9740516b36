"""Text of corrections and plans, for labels and tooltips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionLib.wording import measured

if TYPE_CHECKING:
    from LiverTumorAttentionLib.analysis.planning import MarginPlan, ResectionPlan
    from LiverTumorAttentionLib.analysis.segments import LiverSegments, SegmentPlan, SegmentShare
    from LiverTumorAttentionLib.analysis.vasculature.territories import TerritoryPlan
    from LiverTumorAttentionLib.correction import Action

PLAN_STALE = _("The tumors or vessels have changed: update the plan.")
PLAN_NOT_SHOWN = _("Planned earlier: update the plan to see its numbers.")
SHOWN_TUMORS = 8
"""Margins or segments of more tumors than these are counted, not listed."""

_ACTIONS = {
    "add": _("add a tumor"),
    "line": _("add a tumor by a line"),
    "box": _("add a tumor by a box"),
    "lasso": _("draw around Tumor {lesion}"),
    "same_in_phase": _("redraw Tumor {lesion} as the {phase} phase shows it"),
    "remove": _("remove Tumor {lesion}"),
    "merge": _("merge tumors"),
    "split": _("split a tumor"),
    "include": _("include a point of Tumor {lesion}"),
    "exclude": _("exclude a point of Tumor {lesion}"),
    "threshold": _("threshold Tumor {lesion} at {probability:.2f}"),
    "grow": _("grow Tumor {lesion} by {distance_mm:g} mm"),
    "shrink": _("shrink Tumor {lesion} by {distance_mm:g} mm"),
    "smooth": _("smooth Tumor {lesion} over {distance_mm:g} mm"),
    "fill": _("fill Tumor {lesion} over {distance_mm:g} mm"),
    "accept": _("accept Tumor {lesion}"),
    "reject": _("reject Tumor {lesion}"),
    "revise": _("reopen Tumor {lesion}"),
    "merge_findings": _("take in a new run's findings"),
    "draw": _("brush work on Tumor {lesion}"),
}
_OF_ANY_TUMOR = {
    "lasso": _("draw around a tumor"),
    "remove": _("remove a tumor"),
    "include": _("include a point"),
    "exclude": _("exclude a point"),
    "threshold": _("threshold a tumor at {probability:.2f}"),
    "grow": _("grow a tumor by {distance_mm:g} mm"),
    "shrink": _("shrink a tumor by {distance_mm:g} mm"),
    "smooth": _("smooth a tumor over {distance_mm:g} mm"),
    "fill": _("fill a tumor over {distance_mm:g} mm"),
    "accept": _("accept a tumor"),
    "reject": _("reject a tumor"),
    "revise": _("reopen a tumor"),
    "draw": _("brush work"),
}
"""Actions that name no tumor."""


def action_text(action: Action) -> str:
    """Return a correction in words, such as "grow Tumor 2 by 3 mm"."""
    lesion = getattr(action, "lesion", None)
    words = _ACTIONS if isinstance(lesion, int) else {**_ACTIONS, **_OF_ANY_TUMOR}
    return words.get(action.tool, action.tool.replace("_", " ")).format(
        lesion=lesion,
        distance_mm=getattr(action, "distance_mm", None),
        probability=getattr(action, "probability", None),
        phase=getattr(action, "phase", None),
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
        _parenchyma_text(plan),
    ]
    margins = [
        _("Tumor {number}: {value}").format(number=tumor.number, value=measured(tumor.margin_mm, "mm"))
        for tumor in plan.tumors
        if tumor.status == "resected" and tumor.margin_mm is not None
    ]
    if margins:
        names, more = ", ".join(margins[:SHOWN_TUMORS]), len(margins) - SHOWN_TUMORS
        lines.append(
            _("Smallest margins: {names}, and {value} more").format(names=names, value=more)
            if more > 0
            else _("Smallest margins: {names}").format(names=names)
        )
    if plan.left_tumors:
        lines.append(_("In the FLR: {tumors}").format(tumors=_tumors(plan.left_tumors)))
    return "\n".join(lines)


def territories_text(plan: TerritoryPlan) -> str:
    """Return what cuts through vessels take: each by itself, and all together."""
    losses = {"supply": _("loses portal supply"), "drainage": _("loses venous drainage")}
    lines = [
        _("Cut {number} ({vessel}, {diameter}): {value} ({percent:.1f} %) {loss}").format(
            number=number,
            vessel=part.vessel,
            diameter=measured(part.diameter_mm, "mm"),
            value=measured(part.lost_ml, "mL"),
            percent=part.lost_percent,
            loss=losses[part.side],
        )
        for number, part in enumerate(plan.territories, start=1)
    ]
    together = _("Together: {value} ({percent:.1f} % of the liver)").format(
        value=measured(plan.lost_ml, "mL"), percent=plan.lost_percent
    )
    return "\n".join([*lines, together])


def _parenchyma_text(plan: ResectionPlan) -> str:
    value, percent = measured(plan.remnant_parenchyma_ml, "mL"), plan.remnant_parenchyma_percent
    if plan.remnant_ml_per_kg is None:
        return _("FLR without tumors: {value} ({percent:.1f} %)").format(value=value, percent=percent)
    return _("FLR without tumors: {value} ({percent:.1f} %), {ml_per_kg:.1f} mL/kg").format(
        value=value, percent=percent, ml_per_kg=plan.remnant_ml_per_kg
    )


def cut_text(numbers: Sequence[int]) -> str:
    """Return which tumors are cut; empty for none."""
    return _("Cut: {tumors}").format(tumors=_tumors(numbers)) if numbers else ""


def segments_text(told: LiverSegments, shares: Mapping[int, tuple[SegmentShare, ...]]) -> str:
    """Return who told the Couinaud segments, their volumes, and in which each tumor lies."""
    from LiverTumorAttentionLib.analysis.segments import share_text
    from LiverTumorAttentionLib.voxels.couinaud import roman

    volumes = [f"{roman(number)} {measured(volume, 'mL')}" for number, volume in told.volumes_ml.items()]
    lines = [
        _("Segments {source}").format(source=told.source),
        ", ".join(volumes),
        *(
            _("Tumor {number}: {segments}").format(number=number, segments=share_text(its))
            for number, its in list(shares.items())[:SHOWN_TUMORS]
        ),
    ]
    if len(shares) > SHOWN_TUMORS:
        lines.append(_("… and {count} more in the table").format(count=len(shares) - SHOWN_TUMORS))
    return "\n".join(lines)


def segment_resection_text(plan: SegmentPlan) -> str:
    """Return the numbers of a resection by segments: resected part, remnant, and limits that it does not reach."""
    lines = [
        _("Resected segments {segments}: {value} ({percent:.1f} %)").format(
            segments=plan.resection.numerals,
            value=measured(plan.resected_ml, "mL"),
            percent=plan.resected_percent,
        ),
        _("FLR without tumors: {value} ({percent:.1f} % of the liver without tumors)").format(
            value=measured(plan.remnant.flr_ml, "mL"), percent=plan.remnant.functional_percent
        ),
        _standardized_text(plan),
    ]
    if plan.remnant.weight_percent is not None:
        lines.append(_("FLR to body weight: {percent:.2f} %").format(percent=plan.remnant.weight_percent))
    left = [tumor.number for tumor in plan.tumors if tumor.status == "remnant"]
    if left:
        lines.append(_("In the FLR: {tumors}").format(tumors=_tumors(left)))
    missed = [each.limit for each in plan.remnant.limits_reached if each.reached is False]
    lines.extend(
        _("Below {least:g} % ({name}; {source})").format(
            least=limit.least_percent, name=limit.name, source=limit.source
        )
        for limit in missed
    )
    if plan.missing:
        lines.append(_("This liver shows no segment {segments}.").format(segments=", ".join(plan.missing)))
    return "\n".join(lines)


def _standardized_text(plan: SegmentPlan) -> str:
    """Return the remnant in % of the estimated liver volume, or what is missing for it."""
    total, percent = plan.remnant.person.estimated_liver_ml, plan.remnant.standardized_percent
    if total is not None and percent is not None:
        return _("Standardized FLR: {percent:.1f} % of {value}, estimated from body surface").format(
            percent=percent, value=measured(total, "mL")
        )
    if plan.remnant.person.surface_m2 is None:
        return _("Standardized FLR: needs body weight and height")
    return _("Standardized FLR: none, since the formula is of adults")


def _tumors(numbers: Sequence[int]) -> str:
    return ", ".join(_("Tumor {number}").format(number=number) for number in numbers)
