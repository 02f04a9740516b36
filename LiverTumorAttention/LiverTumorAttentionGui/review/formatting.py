"""The numbers of a plan in lines that can be read while a plane is dragged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

STALE = "The tumors or vessels have changed: update the plan."
NOT_SHOWN = "Planned earlier: update the plan to see its numbers."
SHOWN_MARGINS = 8


def margin(plan: Any, *, with_vessels: bool) -> str:
    """Return a margin's numbers: volume, share of the liver, vessels and other tumours in it.

    with_vessels: whether any vessels are known, so that touching none means something.
    """
    lines = [f"{plan.volume_ml:.1f} mL with the tumors, {plan.liver_percent:.1f} % of the liver"]
    vessels = [f"{vessel.name} ({vessel.volume_ml:.2f} mL)" for vessel in plan.vessels]
    if with_vessels:
        lines.append(f"Touches {', '.join(vessels)}" if vessels else "Touches none of the vessels")
    if plan.other_tumors:
        lines.append(f"Other tumors in it: {_numbers(plan.other_tumors)}")
    return "\n".join(lines)


def resection(plan: Any) -> str:
    """Return a resection's numbers: what is taken out, what stays, and the margin of each tumour."""
    lines = [
        f"Taken out: {plan.resected_ml:.0f} mL ({plan.resected_percent:.1f} %)",
        f"Stays: {plan.remnant_ml:.0f} mL ({plan.remnant_percent:.1f} %)",
        f"Stays without tumors: {plan.remnant_parenchyma_ml:.0f} mL ({plan.remnant_parenchyma_percent:.1f} %)"
        + (f", {plan.remnant_ml_per_kg:.1f} mL/kg" if plan.remnant_ml_per_kg is not None else ""),
    ]
    margins = [
        f"Tumor {tumor.number}: {tumor.margin_mm:.1f} mm"
        for tumor in plan.tumors
        if tumor.status == "resected"
    ]
    if margins:
        more = f", and {len(margins) - SHOWN_MARGINS} more" if len(margins) > SHOWN_MARGINS else ""
        lines.append(f"Smallest margins: {', '.join(margins[:SHOWN_MARGINS])}{more}")
    if plan.cut_tumors:
        lines.append(f"Cut: {_numbers(plan.cut_tumors)}")
    if plan.left_tumors:
        lines.append(f"Left: {_numbers(plan.left_tumors)}")
    return "\n".join(lines)


def _numbers(numbers: Sequence[int]) -> str:
    return ", ".join(f"Tumor {number}" for number in numbers)
