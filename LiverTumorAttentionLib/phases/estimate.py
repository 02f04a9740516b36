"""Which contrast phase a volume shows: headers and voxels together, with a confidence and the numbers behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import SimpleITK as sitk

from LiverTumorAttentionLib.contrast_phase import CONTRAST_PHASES, PHASE_TITLES, ROLE_PHASES, ROLES
from LiverTumorAttentionLib.phases.expectation import log_likelihoods
from LiverTumorAttentionLib.phases.headers import NOTHING, Evidence, in_order_of_time
from LiverTumorAttentionLib.phases.levels import Levels, measure_levels

SHOWN = (
    ("aorta_hu", "aorta"),
    ("veins_hu", "veins of the liver"),
    ("cava_hu", "vena cava"),
    ("liver_hu", "liver"),
    ("cortex_hu", "renal cortex"),
    ("medulla_hu", "medulla"),
    ("spleen_hu", "spleen"),
)
"""Levels as a sentence names them."""
LIKELY = 0.75
"""From this confidence on a phase is named; below it is open."""
CLEAR = 0.95
"""From this confidence on a phase is taken for certain enough to refuse what contradicts it."""


@dataclass(frozen=True, kw_only=True)
class PhaseEstimate:
    """A contrast phase with its confidence.

    probabilities: of each phase. levels: the HU behind it; all None where no voxels were looked at.
    reasons: why, in words, of headers and voxels.
    """

    probabilities: dict[str, float]
    levels: Levels
    reasons: tuple[str, ...] = ()

    @property
    def phase(self) -> str:
        """The most probable phase."""
        return max(CONTRAST_PHASES, key=lambda phase: self.probabilities[phase])

    @property
    def confidence(self) -> float:
        """Its probability."""
        return self.probabilities[self.phase]

    @property
    def is_known(self) -> bool:
        """Whether one or two phases, next to each other maybe, are likely; else nothing is told."""
        return sum(sorted(self.probabilities.values())[-2:]) >= LIKELY

    def fits(self, role: str) -> float:
        """Return the probability that the volume is of a phase that fits an input of a run."""
        return sum(self.probabilities[phase] for phase in ROLE_PHASES[role])

    @property
    def role(self) -> str:
        """The input that it fits best."""
        return max(ROLES, key=self.fits)

    def sentence(self) -> str:
        """Return phase, confidence and reasons in words, without a full stop."""
        reasons = "; ".join(self.reasons)
        if not self.is_known:
            return f"phase not known{f' ({reasons})' if reasons else ''}"
        name = f"{PHASE_TITLES[self.phase]} phase" if self.confidence >= LIKELY else self._open()
        return f"{name} ({100 * self.confidence:.0f} %{': ' + reasons if reasons else ''})"

    def _open(self) -> str:
        ranked = sorted(CONTRAST_PHASES, key=lambda phase: -self.probabilities[phase])[:2]
        return f"{PHASE_TITLES[ranked[0]]} or {PHASE_TITLES[ranked[1]]} phase"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values for the report; names of series stay out."""
        return {
            "phase": self.phase if self.is_known else None,
            "unseen": self.levels.unseen or None,
            "confidence": round(self.confidence, 3),
            "probabilities": {phase: round(value, 3) for phase, value in self.probabilities.items()},
            "hu": self.levels.known(),
        }


def level_words(levels: Levels) -> str:
    """Return the levels as "aorta 310, liver 75 HU"; empty where nothing was measured."""
    named = [f"{name} {getattr(levels, key):.0f}" for key, name in SHOWN if getattr(levels, key) is not None]
    return f"{', '.join(named)} HU" if named else ""


def voxel_evidence(levels: Levels) -> Evidence:
    """Return what measured levels say."""
    reasons = tuple(filter(None, (level_words(levels), levels.unseen)))
    return Evidence(logs=log_likelihoods(levels), reasons=reasons)


def estimate_of(levels: Levels, headers: Evidence = NOTHING) -> PhaseEstimate:
    """Return the estimate from measured levels and what the headers say."""
    together = headers.plus(voxel_evidence(levels))
    return PhaseEstimate(
        probabilities=in_order_of_time([together], [None])[0], levels=levels, reasons=together.reasons
    )


def estimate_phase(
    image: sitk.Image, headers: Evidence = NOTHING, liver: sitk.Image | None = None
) -> PhaseEstimate:
    """Return the estimate for a CT (HU); liver: a mask on its grid, where there is one."""
    return estimate_of(measure_levels(image, liver), headers)
