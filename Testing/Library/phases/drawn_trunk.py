"""A trunk of ellipsoids and tubes in every contrast phase; HU from the middle of the ranges of the phantoms."""

from __future__ import annotations

from functools import cache

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.contrast_phase import (
    CONTRAST_PHASES,
    DELAYED,
    LATE_ARTERIAL,
    NATIVE,
    PORTAL,
)
from LiverTumorAttentionLib.phantoms.enhancement import (
    FURTHER_PHASES,
    FURTHER_TISSUES,
    RENAL_PELVIS_HU,
    TISSUES,
)

SPACING_MM = (4.0, 4.0, 5.0)
SIZE = (92, 66, 44)
NATIVE_LIVER_HU = 58.0


def phase_hu(phase: str) -> dict[str, float]:
    """Return the middle of the range of every tissue that contrast reaches, and of the liver."""
    out = {}
    for name, row in TISSUES.items():
        if row.timed:
            ranges = {PORTAL: row.portal_hu, LATE_ARTERIAL: row.arterial_hu}
            ranges |= dict(zip(FURTHER_PHASES, FURTHER_TISSUES[name], strict=True))
            out[name] = sum(ranges[phase]) / 2
    out["liver"] = NATIVE_LIVER_HU + out["liver_gain"]
    return out


def trunk(phase: str, *, noise_hu: float = 8.0, seed: int = 0, dose: float = 1.0) -> sitk.Image:
    """Return a trunk in a phase, LPS; dose: by what the enhancement of all tissues is multiplied."""
    return sitk.Image(_drawn(phase, noise_hu, seed, dose))


@cache
def _drawn(phase: str, noise_hu: float, seed: int, dose: float) -> sitk.Image:
    hu, plain = phase_hu(phase), phase_hu(NATIVE)
    hu = {name: plain[name] + dose * (value - plain[name]) for name, value in hu.items()}
    z, y, x = np.meshgrid(
        *(np.arange(n) * s - n * s / 2 for n, s in zip(SIZE[::-1], SPACING_MM[::-1], strict=True)),
        indexing="ij",
    )

    def ellipsoid(center: tuple[float, float, float], axes: tuple[float, float, float]) -> np.ndarray:
        parts = [((p - c) / a) ** 2 for p, c, a in zip((x, y, z), center, axes, strict=True)]
        return np.sqrt(sum(parts))

    def tube(center: tuple[float, float], radius: float) -> np.ndarray:
        return np.hypot(x - center[0], y - center[1]) < radius

    image = np.full(x.shape, -1000.0)
    image[ellipsoid((0, 0, 0), (160, 112, 1e6)) < 1] = -95
    image[(ellipsoid((0, 0, 0), (150, 102, 1e6)) < 1) & (ellipsoid((0, 0, 0), (138, 90, 1e6)) > 1)] = hu[
        "muscle"
    ]
    image[(np.abs(x) < 7) & (y > 48) & (y < 84)] = 380
    vertebra = ellipsoid((0, 22, 0), (21, 17, 1e6)) < 1
    image[vertebra] = np.where((z[vertebra] % 35) < 25, 240, 88)
    liver = ellipsoid((-72, -22, 12), (62, 64, 82)) < 1
    image[liver] = hu["liver"]
    image[liver & (np.hypot(y + 12, z - 8) < 8)] = hu["portal_vein"]
    image[liver & (np.hypot(y + 10, z - 45) < 7)] = hu["hepatic_vein"]
    image[ellipsoid((104, 36, 40), (28, 36, 46)) < 1] = hu["spleen"]
    for side in (-1, 1):
        kidney = ellipsoid((side * 60, 30, -55), (26, 24, 48))
        image[kidney < 1] = hu["kidney_cortex"]
        image[kidney < 0.62] = hu["kidney_medulla"]
        if phase == DELAYED:
            image[kidney < 0.3] = sum(RENAL_PELVIS_HU) / 2
    image[tube((-22, -6), 12)] = hu["ivc"]
    image[tube((11, -8), 11)] = hu["aorta"]
    noise = np.random.default_rng([seed, CONTRAST_PHASES.index(phase)]).normal(0, noise_hu, image.shape)
    out = sitk.GetImageFromArray(np.rint(image + noise).astype(np.int16))
    out.SetSpacing(SPACING_MM)
    out.SetOrigin([-n * s / 2 for n, s in zip(SIZE, SPACING_MM, strict=True)])
    return out


def knees() -> sitk.Image:
    """Return two knees: condyles in muscle, fat and skin, air around."""
    _, y, x = np.meshgrid(
        np.arange(30) * 4.0, np.arange(60) * 4.0 - 120, np.arange(100) * 4.0 - 200, indexing="ij"
    )
    image = np.full(x.shape, -1000.0)
    for side in (-1, 1):
        r = np.hypot(x - side * 85, y)
        image[r < 60] = -90
        image[r < 52] = 55
        image[r < 32] = 320
    out = sitk.GetImageFromArray(image.astype(np.int16))
    out.SetSpacing((4.0, 4.0, 4.0))
    return out
