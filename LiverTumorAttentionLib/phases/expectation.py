"""What each contrast phase shows: expected HU and differences, and how well a volume's levels fit.

A level fits a phase as a normal distribution about the expected value. Differences between vessels and organs count
beside the levels themselves, since dose, weight and tube voltage move all of them together: in the arterial phases
arteries are far brighter than veins, before contrast and in equilibrium they are not, whatever the dose.

Sources, as in `phantoms.enhancement`. Where a source describes a course in time rather than a number, the mean is our
reading of it; spreads are wide, for other doses, weights and voltages than the papers'. No number is fitted to patients
at hand.
[Bae]      Radiology 2010;256:32-61: time courses of aorta, portal vein and liver after one injection. Aorta and veins
           come together about 70 s after its start and fall together after that; renal cortex, medulla, then urine.
[Late]     Radiopaedia.org, late arterial phase (rev. 2023): aorta 290-360, liver 20-30 above plain, portal vein
           145 +- 20.
[Heiken]   Radiology 1995;195:353-357: liver 50 and more above plain at its peak.
[LI-RADS]  v2018: portal vein not enhanced in the early arterial phase; hepatic veins not in the late one; liver and
           vessels less enhanced in the delayed phase (2 to 5 minutes) than in the portal venous one.
[Kalender] Computed Tomography 2011: blood 40 to 60, liver 50 to 70 without contrast; less in steatosis.
"""

from __future__ import annotations

import math

from LiverTumorAttentionLib.contrast_phase import (
    CONTRAST_PHASES,
    DELAYED,
    EARLY_ARTERIAL,
    LATE_ARTERIAL,
    NATIVE,
    PORTAL,
)
from LiverTumorAttentionLib.phases.levels import Levels

Normal = tuple[float, float]
"""Mean and standard deviation, HU."""

EXPECTED: dict[str, dict[str, Normal]] = {
    # Aorta: [Kalender] blood; [Late]; [Bae] for the others.
    "aorta": {
        NATIVE: (45, 12),
        EARLY_ARTERIAL: (310, 85),
        LATE_ARTERIAL: (310, 75),
        PORTAL: (155, 30),
        DELAYED: (105, 20),
    },
    # How much brighter the aorta is than the veins, wherever they are brightest: cava, portal and hepatic veins.
    "aorta above veins": {
        NATIVE: (-8, 16),
        EARLY_ARTERIAL: (235, 80),
        LATE_ARTERIAL: (180, 65),
        PORTAL: (-5, 22),
        DELAYED: (-6, 16),
    },
    # The liver gets a quarter of its blood from the artery: [Late], [Heiken].
    "aorta above liver": {
        NATIVE: (-6, 18),
        EARLY_ARTERIAL: (245, 85),
        LATE_ARTERIAL: (235, 75),
        PORTAL: (45, 24),
        DELAYED: (14, 16),
    },
    "liver": {
        NATIVE: (52, 18),
        EARLY_ARTERIAL: (58, 18),
        LATE_ARTERIAL: (75, 20),
        PORTAL: (110, 20),
        DELAYED: (92, 18),
    },
    # Portal and hepatic veins against the liver: [LI-RADS], [Late].
    "veins above liver": {
        NATIVE: (4, 12),
        EARLY_ARTERIAL: (12, 16),
        LATE_ARTERIAL: (45, 24),
        PORTAL: (50, 18),
        DELAYED: (24, 13),
    },
    # Renal cortex before medulla: [Bae]; the numbers of the phantoms.
    "cortex above medulla": {
        NATIVE: (3, 10),
        EARLY_ARTERIAL: (100, 40),
        LATE_ARTERIAL: (95, 35),
        PORTAL: (35, 25),
        DELAYED: (5, 20),
    },
}

URINE_ABOVE_HU = 60.0
"""Contrast in the urine: that much above cortex and aorta."""
EXCRETION: dict[str, float] = {
    NATIVE: 0.02,
    EARLY_ARTERIAL: 0.02,
    LATE_ARTERIAL: 0.02,
    PORTAL: 0.06,
    DELAYED: 0.85,
}
"""How often urine with contrast is seen where kidneys are: excretion begins 2 to 3 minutes after injection [Bae]."""
ENHANCED_KIDNEYS: dict[str, float] = {NATIVE: 0.03} | dict.fromkeys(CONTRAST_PHASES[1:], 0.95)
"""How often kidneys brighter than muscle are found where the volume holds kidneys."""
DEPENDENCE = 0.5
"""The differences share their levels: their evidence counts half, so that it is not counted twice."""
FAR = 3.5
"""Standard deviations beyond which a level says no more: a wrongly found region must not outweigh all others."""


def observed(levels: Levels) -> dict[str, float]:
    """Return the levels and differences that `EXPECTED` knows, as far as they were measured."""
    aorta, liver = levels.aorta_hu, levels.liver_hu
    found: dict[str, float] = {}
    veins = [hu for hu in (levels.cava_hu, levels.veins_hu) if hu is not None]
    if aorta is not None:
        found["aorta"] = aorta
        if veins:
            found["aorta above veins"] = aorta - max(veins)
        if liver is not None:
            found["aorta above liver"] = aorta - liver
    if liver is not None:
        found["liver"] = liver
        if levels.veins_hu is not None:
            found["veins above liver"] = levels.veins_hu - liver
    if levels.cortex_hu is not None and levels.medulla_hu is not None:
        found["cortex above medulla"] = levels.cortex_hu - levels.medulla_hu
    return found


def log_likelihoods(levels: Levels) -> dict[str, float]:
    """Return how well the levels fit each phase, as natural logarithms up to a common constant.

    Without the aorta nothing is told: a fatty liver looks like one without contrast, and bowel with contrast agent like
    an enhanced kidney.
    """
    sums = dict.fromkeys(CONTRAST_PHASES, 0.0)
    if levels.aorta_hu is None:
        return sums
    for name, value in observed(levels).items():
        for phase, (mean, sd) in EXPECTED[name].items():
            z = min(abs(value - mean) / sd, FAR + math.log1p(max(0.0, abs(value - mean) / sd - FAR)))
            sums[phase] -= DEPENDENCE * (0.5 * z * z + math.log(sd))
    if levels.urine_hu is not None and levels.cortex_hu is not None:
        bound = max(levels.cortex_hu, levels.aorta_hu or 0.0) + URINE_ABOVE_HU
        excreted = levels.urine_hu > bound
        for phase in CONTRAST_PHASES:
            sums[phase] += math.log(EXCRETION[phase] if excreted else 1 - EXCRETION[phase])
            sums[phase] += math.log(ENHANCED_KIDNEYS[phase])
    return sums
