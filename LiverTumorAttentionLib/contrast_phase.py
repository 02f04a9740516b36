"""Contrast phases of liver CT: their names, and what each shows.

Terms: CT/MRI LI-RADS v2018 (American College of Radiology), core and technical requirements. The arterial phase is
early while the portal vein is not yet enhanced, and late once it is, the hepatic veins not yet by antegrade flow. In
the portal venous phase portal and hepatic veins are enhanced and the liver usually is at its peak. In the delayed
phase, 2 to 5 minutes after injection, vessels and liver are enhanced less than before.
"""

from __future__ import annotations

NATIVE = "native"
EARLY_ARTERIAL = "early_arterial"
LATE_ARTERIAL = "late_arterial"
PORTAL = "portal"
DELAYED = "delayed"

CONTRAST_PHASES = (NATIVE, EARLY_ARTERIAL, LATE_ARTERIAL, PORTAL, DELAYED)
"""In the order of time."""
PHASE_TITLES = {
    NATIVE: "native",
    EARLY_ARTERIAL: "early arterial",
    LATE_ARTERIAL: "late arterial",
    PORTAL: "portal venous",
    DELAYED: "delayed",
}
"""In words, as they stand before "phase"."""

ROLES = ("portal", "arterial", "delayed", "native")
"""Inputs of a run, by what they are for; the portal venous one comes first, on whose grid the result lies."""
REGISTERED_ROLES = ROLES[1:]
"""Those that are registered onto the portal venous one."""
ROLE_PHASES = {
    "portal": (PORTAL,),
    "arterial": (LATE_ARTERIAL, EARLY_ARTERIAL),
    "delayed": (DELAYED,),
    "native": (NATIVE,),
}
"""Phases that fit an input, the better one first."""


def role_of(phase: str) -> str:
    """Return the input that a contrast phase is for."""
    return next(role for role, phases in ROLE_PHASES.items() if phase in phases)
