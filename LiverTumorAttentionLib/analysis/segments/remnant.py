"""What a resection leaves: the future liver remnant, by itself, standardized, and by the body's weight.

    functional liver         liver without any tumor (mL)
    future liver remnant     FLR: what of the functional liver stays
    body surface area        BSA = sqrt(height_cm weight_kg / 3600)                                  Mosteller 1987
    estimated total volume   TELV = -794.41 + 1267.28 BSA (mL)                                       Vauthey 2002
    standardized remnant     100 FLR / TELV (%)                                                      Vauthey 2000
    remnant to body weight   100 FLR / weight (%), a mL weighing a gram                              Truant 2007

Numbers with definitions and limits with their sources; whether a liver can be resected is not decided here.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from LiverTumorAttentionLib.errors import InputError

LIGHTEST_KG, HEAVIEST_KG = 1.0, 400.0
SHORTEST_CM, TALLEST_CM = 40.0, 250.0
TELV_SLOPE_ML, TELV_OFFSET_ML = 1267.28, -794.41
"""Source: Vauthey et al., Body surface area and body weight predict total liver volume in Western adults, Liver
Transplantation 2002; 8: 233-240."""

MEASURES = {
    "standardized": "future liver remnant in % of the estimated total liver volume (Vauthey)",
    "functional": "future liver remnant in % of the liver without tumors",
    "weight": "future liver remnant in % of the body's weight, a mL weighing a gram",
}
"""What a limit may be compared with."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """The body of the patient, as far as it is known."""

    height_cm: float | None = None
    weight_kg: float | None = None

    def __post_init__(self) -> None:
        check_weight(self.weight_kg)
        if self.height_cm is not None and not SHORTEST_CM <= self.height_cm <= TALLEST_CM:
            raise InputError(
                f"the body's height must lie between {SHORTEST_CM:g} and {TALLEST_CM:g} cm, got {self.height_cm:g} cm"
                ": give it in centimeters"
            )

    @property
    def surface_m2(self) -> float | None:
        """Body surface area by Mosteller's formula; None unless height and weight are known."""
        if self.height_cm is None or self.weight_kg is None:
            return None
        return math.sqrt(self.height_cm * self.weight_kg / 3600.0)

    @property
    def estimated_liver_ml(self) -> float | None:
        """Estimated total liver volume by Vauthey's formula, which is of adults.

        None unless height and weight are known, and where it gives no volume, as it does for infants.
        """
        surface = self.surface_m2
        if surface is None:
            return None
        volume = TELV_OFFSET_ML + TELV_SLOPE_ML * surface
        return volume if volume > 0 else None


def check_weight(weight_kg: float | None) -> None:
    """Raise `InputError` for a weight that is none."""
    if weight_kg is not None and not LIGHTEST_KG <= weight_kg <= HEAVIEST_KG:
        raise InputError(
            f"the body's weight must lie between {LIGHTEST_KG:g} and {HEAVIEST_KG:g} kg, got {weight_kg:g} kg"
            ": give it in kilograms"
        )


@dataclass(frozen=True, kw_only=True)
class RemnantLimit:
    """A least remnant that somebody published or a team works by."""

    name: str
    """For which livers it is meant."""
    measure: str
    """What it is compared with: a key of MEASURES."""
    least_percent: float
    """The limit."""
    source: str = ""
    """Who gives it."""

    def __post_init__(self) -> None:
        if self.measure not in MEASURES:
            raise InputError(
                f"a limit of the remnant is compared with {', '.join(MEASURES)}, got {self.measure!r}: choose one"
            )
        if not 0 < self.least_percent < 100:
            raise InputError(
                f"the limit {self.name!r} must lie between 0 and 100 %, got {self.least_percent:g}: give a percentage"
            )


DEFAULT_LIMITS = (
    RemnantLimit(
        name="normal liver",
        measure="standardized",
        least_percent=20.0,
        source="Kishi et al., Annals of Surgery 2009; 250: 540-548",
    ),
    RemnantLimit(
        name="after more than 3 months of chemotherapy",
        measure="standardized",
        least_percent=30.0,
        source="Shindoh et al., Annals of Surgical Oncology 2013; 20: 2493-2500",
    ),
    RemnantLimit(
        name="chronic hepatitis or cirrhosis",
        measure="functional",
        least_percent=40.0,
        source="Kubota et al., Hepatology 1997; 26: 1176-1181",
    ),
    RemnantLimit(
        name="by the body's weight",
        measure="weight",
        least_percent=0.5,
        source="Truant et al., Journal of the American College of Surgeons 2007; 204: 22-33",
    ),
)
"""Limits that a plan shows unless it has its own. Others publish others; which of them holds for a patient is the
team's to say."""


@dataclass(frozen=True, kw_only=True)
class LimitReached:
    """A limit beside what a plan leaves. percent: what it is compared with; None where that is not known."""

    limit: RemnantLimit
    percent: float | None

    @property
    def reached(self) -> bool | None:
        """Whether the remnant is at least as large; None where that is not known."""
        return None if self.percent is None else self.percent >= self.limit.least_percent

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {**asdict(self.limit), "percent": self.percent, "reached": self.reached}


@dataclass(frozen=True, kw_only=True)
class Remnant:
    """What stays of a liver, beside the body and what was published.

    functional_ml: the liver without any tumor; flr_ml: what of it stays, the future liver remnant. person: of whom.
    limits: least remnants to compare with.
    """

    functional_ml: float
    flr_ml: float
    person: Person
    limits: tuple[RemnantLimit, ...]

    @property
    def functional_percent(self) -> float:
        """The remnant in % of the functional liver."""
        return 100.0 * self.flr_ml / self.functional_ml if self.functional_ml else 0.0

    @property
    def standardized_percent(self) -> float | None:
        """The remnant in % of the estimated total liver volume."""
        total = self.person.estimated_liver_ml
        return None if total is None else 100.0 * self.flr_ml / total

    @property
    def weight_percent(self) -> float | None:
        """The remnant in % of the body's weight, a mL weighing a gram."""
        weight = self.person.weight_kg
        return None if weight is None else 100.0 * self.flr_ml / (1000.0 * weight)

    @property
    def limits_reached(self) -> tuple[LimitReached, ...]:
        """Each limit beside what stays."""
        known = {
            "standardized": self.standardized_percent,
            "functional": self.functional_percent,
            "weight": self.weight_percent,
        }
        return tuple(LimitReached(limit=limit, percent=known[limit.measure]) for limit in self.limits)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "height_cm": self.person.height_cm,
            "weight_kg": self.person.weight_kg,
            "body_surface_m2": self.person.surface_m2,
            "estimated_liver_ml": self.person.estimated_liver_ml,
            "remnant_parenchyma_ml": self.flr_ml,
            "remnant_parenchyma_percent": self.functional_percent,
            "standardized_percent": self.standardized_percent,
            "weight_percent": self.weight_percent,
            "limits": [limit.as_dict() for limit in self.limits_reached],
        }
