"""Choice of the inputs of a run among volumes whose phases were estimated."""

from __future__ import annotations

from collections.abc import Sequence

from LiverTumorAttentionLib.contrast_phase import LATE_ARTERIAL, ROLES
from LiverTumorAttentionLib.phases.estimate import LIKELY, PhaseEstimate

LEAST_PORTAL = 0.5
"""The portal venous volume is needed, so that it is chosen with less confidence than the others; a run checks it."""


def choose_by_phase(estimates: Sequence[PhaseEstimate], roles: Sequence[str] = ROLES) -> dict[str, int]:
    """Return the index of the volume for each input that one fits; each volume is chosen once.

    Of arterial phases the late one is better.
    """
    chosen: dict[str, int] = {}
    for role in roles:
        free = [index for index in range(len(estimates)) if index not in chosen.values()]
        best = max(free, key=lambda index: _score(estimates[index], role), default=None)
        if best is not None and estimates[best].fits(role) >= (LEAST_PORTAL if role == "portal" else LIKELY):
            chosen[role] = best
    return chosen


def _score(estimate: PhaseEstimate, role: str) -> float:
    fits = estimate.fits(role)
    return 0.5 * (fits + estimate.probabilities[LATE_ARTERIAL]) if role == "arterial" else fits
