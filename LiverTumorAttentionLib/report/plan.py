"""A plan computed on a case: margins, resections and cuts through vessels, by their names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import SimpleITK as sitk

from LiverTumorAttentionLib.analysis import Vessels
from LiverTumorAttentionLib.analysis.planning import Combination, MarginPlan, Planner, ResectionPlan
from LiverTumorAttentionLib.analysis.segments import (
    LiverSegments,
    Person,
    Remnant,
    SegmentPlan,
    plan_named_resection,
)
from LiverTumorAttentionLib.analysis.vasculature.territories import Territories, TerritoryPlan
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.report.wanted_plan import WantedPlan


@dataclass(frozen=True, kw_only=True)
class NamedMargin:
    """A computed margin and its name."""

    name: str
    plan: MarginPlan

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"name": self.name, **self.plan.as_dict()}


@dataclass(frozen=True, kw_only=True)
class NamedResection:
    """A computed resection, its name, and what stays beside the body and the plan's limits."""

    name: str
    plan: ResectionPlan
    remnant: Remnant

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"name": self.name, **self.plan.as_dict(), **self.remnant.as_dict()}


@dataclass(frozen=True, kw_only=True)
class NamedSegmentPlan:
    """A computed resection by segments and its name."""

    name: str
    plan: SegmentPlan

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"name": self.name, **self.plan.as_dict()}


@dataclass(frozen=True, kw_only=True)
class CasePlan:
    """Computed margins and resections."""

    weight_kg: float | None
    margins: tuple[NamedMargin, ...]
    resections: tuple[NamedResection, ...]
    height_cm: float | None = None
    segment_resections: tuple[NamedSegmentPlan, ...] = ()
    territories: TerritoryPlan | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as JSON values."""
        return {
            "weight_kg": self.weight_kg,
            "margins": [margin.as_dict() for margin in self.margins],
            "resections": [resection.as_dict() for resection in self.resections],
            "height_cm": self.height_cm,
            "segment_resections": [resection.as_dict() for resection in self.segment_resections],
            "territories": None if self.territories is None else self.territories.as_dict(),
        }


def compute_plan(
    wanted: WantedPlan,
    instances: sitk.Image,
    vessels: Vessels | None,
    weight_kg: float | None,
    progress: Progress,
    segments: LiverSegments | None = None,
    height_cm: float | None = None,
) -> CasePlan:
    """Compute a plan on a segmentation; weight_kg and height_cm count before the plan's own.

    segments: Couinaud segments on the same grid, for resections by them.

    Raises `InputError` that names the margin or the resection that cannot be meant, and `Cancelled`.
    """
    planner = Planner(instances, vessels)
    person = Person(
        height_cm=wanted.height_cm if height_cm is None else height_cm,
        weight_kg=wanted.weight_kg if weight_kg is None else weight_kg,
    )
    steps = max(len(wanted.margins) + len(wanted.resections), 1)
    margins: list[NamedMargin] = []
    for number, margin in enumerate(wanted.margins, start=1):
        progress.update(0.9 * len(margins) / steps)
        name = margin.name or f"Margin {number}"
        try:
            margins.append(NamedMargin(name=name, plan=planner.margin(margin.margin_mm, margin.tumors)))
        except InputError as error:
            raise InputError(f"the plan's {name!r}: {error}") from error
    resections: list[NamedResection] = []
    for number, resection in enumerate(wanted.resections, start=1):
        progress.update(0.9 * (len(margins) + len(resections)) / steps)
        name = resection.name or f"Resection {number}"
        combine: Combination = "any" if resection.combine == "any" else "all"
        try:
            if resection.surface is not None:
                plan = planner.curved_resection(
                    resection.surface, person.weight_kg, resection.planes, combine
                )
            else:
                plan = planner.resection(resection.planes, combine, person.weight_kg)
        except InputError as error:
            raise InputError(f"the plan's {name!r}: {error}") from error
        remnant = Remnant(
            functional_ml=plan.parenchyma_ml,
            flr_ml=plan.remnant_parenchyma_ml,
            person=person,
            limits=wanted.limits,
        )
        resections.append(NamedResection(name=name, plan=plan, remnant=remnant))
    by_segments = _by_segments(wanted, instances, segments, person)
    territories = _territories(wanted, instances, vessels, progress.part(0.9, 1.0))
    progress.update(1.0)
    return CasePlan(
        weight_kg=person.weight_kg,
        margins=tuple(margins),
        resections=tuple(resections),
        height_cm=person.height_cm,
        segment_resections=by_segments,
        territories=territories,
    )


def _territories(
    wanted: WantedPlan, instances: sitk.Image, vessels: Vessels | None, progress: Progress
) -> TerritoryPlan | None:
    """Compute what the cuts through vessels of a plan take."""
    if not wanted.vessel_cuts:
        return None
    if vessels is None:
        raise InputError(
            "the plan has cuts through vessels, and no vessels are known: give them with --vessels (the command "
            "vessels proposes them)"
        )
    try:
        laid_out = Territories(instances, vessels, progress.part(0.0, 0.6))
        return laid_out.cut(wanted.vessel_cuts, progress.part(0.6, 1.0))
    except InputError as error:
        raise InputError(f"the plan's cuts through vessels: {error}") from error


def _by_segments(
    wanted: WantedPlan, instances: sitk.Image, segments: LiverSegments | None, person: Person
) -> tuple[NamedSegmentPlan, ...]:
    """Compute the resections by segments of a plan."""
    if not wanted.segment_resections:
        return ()
    if segments is None:
        raise InputError(
            "the plan has resections by Couinaud segments, and no segments are known: give them with --segments, or "
            "have them proposed (--segments propose)"
        )
    plans = []
    for each in wanted.segment_resections:
        name = each.name or each.named.title
        try:
            plan = plan_named_resection(instances, segments, each.named, person, wanted.limits)
        except InputError as error:
            raise InputError(f"the plan's {name!r}: {error}") from error
        plans.append(NamedSegmentPlan(name=name, plan=plan))
    return tuple(plans)
