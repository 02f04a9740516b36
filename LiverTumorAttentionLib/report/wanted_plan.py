"""Plan file: the margins and resections to compute, as JSON. README.md beside this file gives the format."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from LiverTumorAttentionLib.analysis.planning import CutPlane, CutSurface
from LiverTumorAttentionLib.analysis.segments import Person, RemnantLimit
from LiverTumorAttentionLib.analysis.segments.named_resections import NamedResection, resection_named
from LiverTumorAttentionLib.analysis.segments.remnant import DEFAULT_LIMITS
from LiverTumorAttentionLib.analysis.vasculature.territories import VesselCut
from LiverTumorAttentionLib.config_parsing import from_mapping
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.json_file import read_json

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
    """A curved surface through points, which cuts with the planes or instead of them."""
    combine: str = "all"
    """"all": what lies beyond all planes and the surface is taken out; "any": what lies beyond any of them."""
    name: str = ""
    """Its name on the page."""

    def __post_init__(self) -> None:
        if not self.planes and self.surface is None:
            raise InputError(
                f"the resection {self.name or 'without a name'!r} must have planes or a curved surface: give one "
                "of them"
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
    def named(self) -> NamedResection:
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


def read_plan(path: str | os.PathLike[str]) -> WantedPlan:
    """Read a plan's file. Raises `InputError` for what is missing, no JSON or no plan."""
    return WantedPlan.from_dict(read_json(path, "plan"))
