"""Plan file: the margins and resections to compute, as JSON. README.md beside this file gives the format."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import SimpleITK as sitk

from LiverTumorAttentionLib.analysis import Vessels
from LiverTumorAttentionLib.analysis.planning import (
    Combination,
    CutPlane,
    CutSurface,
    MarginPlan,
    Planner,
    ResectionPlan,
)
from LiverTumorAttentionLib.analysis.segments import LiverSegments, Person, SegmentPlan, plan_named_resection
from LiverTumorAttentionLib.analysis.segments.named_resections import NamedResection as NamedSegments
from LiverTumorAttentionLib.analysis.segments.named_resections import resection_named
from LiverTumorAttentionLib.analysis.segments.remnant import DEFAULT_LIMITS, RemnantLimit
from LiverTumorAttentionLib.analysis.vasculature.territories import Territories, TerritoryPlan, VesselCut
from LiverTumorAttentionLib.config_parsing import from_mapping
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.json_file import read_json
from LiverTumorAttentionLib.progress import Progress

MOST = 12
"""Limit of the number of margins and of resections, so that the page stays readable."""


@dataclass(frozen=True, kw_only=True)
class WantedMargin:
    """A safety margin to compute."""

    margin_mm: float
    """Its width."""
    tumors: tuple[int, ...] | None = None
    """Numbers of the tumors that it surrounds; None for all."""
    name: str = ""
    """Its name on the page."""


@dataclass(frozen=True, kw_only=True)
class WantedResection:
    """A resection to compute."""

    planes: tuple[CutPlane, ...] = ()
    """The planes that cut, in LPS mm."""
    surface: CutSurface | None = None
    """A curved surface through points, which cuts instead of planes."""
    combine: str = "all"
    """"all": what lies beyond all planes is taken out; "any": what lies beyond any of them."""
    name: str = ""
    """Its name on the page."""

    def __post_init__(self) -> None:
        if bool(self.planes) == (self.surface is not None):
            raise InputError(
                f"the resection {self.name or 'without a name'!r} must have either planes or a curved surface: give "
                "one of them"
            )
        if self.combine not in ("all", "any"):
            raise InputError(
                f"planes combine as 'all' (a wedge) or as 'any', got {self.combine!r}: choose one of the two"
            )


@dataclass(frozen=True, kw_only=True)
class WantedSegmentResection:
    """A resection by Couinaud segments to compute."""

    resection: str
    """Its name in the words of Brisbane 2000, such as "right hepatectomy", or segments, such as "V VI"."""
    caudate: bool = False
    """Whether segment I is taken out with it."""
    name: str = ""
    """Its name on the page; without one that of the resection."""

    def __post_init__(self) -> None:
        _ = self.named

    @property
    def named(self) -> NamedSegments:
        """What is taken out."""
        found = resection_named(self.resection)
        return found.with_caudate() if self.caudate else found


@dataclass(frozen=True, kw_only=True)
class WantedPlan:
    """Content of a plan file."""

    margins: tuple[WantedMargin, ...] = ()
    """Safety margins, each by itself."""
    resections: tuple[WantedResection, ...] = ()
    """Resections, each by itself: alternatives, not steps."""
    segment_resections: tuple[WantedSegmentResection, ...] = ()
    """Resections by Couinaud segments, likewise."""
    vessel_cuts: tuple[VesselCut, ...] = ()
    """Cuts through portal and hepatic veins, all of them together: what they supply or drain is told."""
    weight_kg: float | None = None
    """The body's weight."""
    height_cm: float | None = None
    """The body's height."""
    limits: tuple[RemnantLimit, ...] = DEFAULT_LIMITS
    """Least remnants to compare with, each with its source."""

    def __post_init__(self) -> None:
        if not (self.margins or self.resections or self.segment_resections or self.vessel_cuts):
            raise InputError(
                "the plan has neither a margin nor a resection nor a cut through a vessel: give one"
            )
        Person(height_cm=self.height_cm, weight_kg=self.weight_kg)
        for what, wanted in (
            ("margins", self.margins),
            ("resections", self.resections),
            ("segment_resections", self.segment_resections),
            ("limits", self.limits),
        ):
            if len(wanted) > MOST:
                raise InputError(f"the plan has {len(wanted)} {what}, at most {MOST} fit: leave some out")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> WantedPlan:
        """Build a plan from JSON values. Raises `InputError` naming an unknown key and the nearest known one."""
        return from_mapping(cls, values, where="the plan")


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
    """A computed resection and its name."""

    name: str
    plan: ResectionPlan

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"name": self.name, **self.plan.as_dict()}


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


def read_plan(path: str | os.PathLike[str]) -> WantedPlan:
    """Read a plan's file. Raises `InputError` for what is missing, no JSON or no plan."""
    return WantedPlan.from_dict(read_json(path, "plan"))


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
    weight_kg = wanted.weight_kg if weight_kg is None else weight_kg
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
                plan = planner.curved_resection(resection.surface, weight_kg)
            else:
                plan = planner.resection(resection.planes, combine, weight_kg)
        except InputError as error:
            raise InputError(f"the plan's {name!r}: {error}") from error
        resections.append(NamedResection(name=name, plan=plan))
    height_cm = wanted.height_cm if height_cm is None else height_cm
    by_segments = _by_segments(wanted, instances, segments, Person(height_cm=height_cm, weight_kg=weight_kg))
    territories = _territories(wanted, instances, vessels, progress.part(0.9, 1.0))
    progress.update(1.0)
    return CasePlan(
        weight_kg=weight_kg,
        margins=tuple(margins),
        resections=tuple(resections),
        height_cm=height_cm,
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
