"""HU of vessels and organs of a volume, from which its contrast phase is told."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.phases.organs import find_kidneys, find_liver, find_spleen, liver_levels
from LiverTumorAttentionLib.phases.regions import (
    PERIOD_MM,
    body_of,
    coarse,
    find_aorta,
    find_cava,
    find_spine,
)

SHORTEST_MM = 2 * PERIOD_MM
"""Along a shorter part of the body, less than two vertebrae with their discs, a vessel cannot be told from bone."""


@dataclass(frozen=True, kw_only=True)
class Levels:
    """HU of what was found; None for what was not. Field names are keys of the report.

    aorta_hu, cava_hu: median along the vessel; the cava may be a brighter neighbor of it.
    liver_hu: median; veins_hu: mean of the brightest 2 % of the liver with its vessels.
    cortex_hu, medulla_hu, urine_hu: of the kidneys. spleen_hu: median.
    aorta_spread_hu, liver_spread_hu: half of the middle 68 % of the values.
    unseen: why too little is seen to tell a phase, in words; empty where that is not so.
    """

    aorta_hu: float | None = None
    aorta_spread_hu: float | None = None
    cava_hu: float | None = None
    liver_hu: float | None = None
    liver_spread_hu: float | None = None
    veins_hu: float | None = None
    cortex_hu: float | None = None
    medulla_hu: float | None = None
    urine_hu: float | None = None
    spleen_hu: float | None = None
    unseen: str = ""

    def known(self) -> dict[str, int]:
        """Return what was measured, in whole HU, by name without the unit."""
        measured = {name: value for name, value in asdict(self).items() if name.endswith("_hu")}
        return {name[:-3]: round(value) for name, value in measured.items() if value is not None}


def measure_levels(image: sitk.Image, liver: sitk.Image | None = None) -> Levels:
    """Measure a CT (HU, any orientation) on a grid of 4 mm.

    liver: mask on the image's grid, such as the liver stage gives; None finds the inside of the liver by its evenness.
    """
    scan = coarse(image, liver)
    body = body_of(scan)
    seen_mm = float(body.any(axis=(1, 2)).sum()) * scan.spacing_zyx_mm[0]
    spine = find_spine(scan, body) if seen_mm >= SHORTEST_MM else None
    values: dict[str, Any] = {}
    if spine is None:
        values["unseen"] = (
            f"only {seen_mm:.0f} mm of the body are seen" if seen_mm < SHORTEST_MM else "no spine is seen"
        )
    organ = scan.liver if scan.liver is not None and scan.liver.any() else None
    taken = np.zeros(scan.hu.shape, bool)
    if spine is not None:
        aorta = find_aorta(scan, body, spine)
        if aorta is None:
            values["unseen"] = "the aorta cannot be told from what lies beside it"
        else:
            values |= {"aorta_hu": aorta[0].hu, "aorta_spread_hu": aorta[0].spread_hu}
            taken |= aorta[1]
            cava = find_cava(scan, body, spine, aorta[1])
            if cava is not None:
                values["cava_hu"] = cava[0].hu
                taken |= cava[1]
        if organ is None:
            organ = find_liver(scan, body, spine)
    if organ is not None:
        level, veins = liver_levels(scan, organ)
        values |= {"liver_hu": level.hu, "liver_spread_hu": level.spread_hu, "veins_hu": veins}
        taken |= organ
    if spine is not None:
        spleen = find_spleen(scan, body, spine, taken)
        if spleen is not None:
            values["spleen_hu"] = float(np.median(scan.hu[spleen]))
            taken |= spleen
        kidneys = find_kidneys(scan, body, spine, taken)
        if kidneys is not None:
            values |= {
                "cortex_hu": kidneys.cortex_hu,
                "medulla_hu": kidneys.medulla_hu,
                "urine_hu": kidneys.urine_hu,
            }
    return Levels(**values)
