"""Simulated registration error between the phases: smooth and small, in a share of samples large."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.augmentation.random_fields import smooth_noise
from training.recipes.settings import AugmentationSettings

WAVELENGTH_MM = 50.0
FAILURE_MM = (2.0, 5.0)
PER_AXIS = 0.7
"""Share of the length of an error in the plane that falls to each of its axes."""
MOST_SLICES = 0.9
"""Largest shift between slices."""


@dataclass(frozen=True, kw_only=True)
class Misregistration:
    """Displacement of the arterial phase."""

    in_plane_mm: NDArray[np.float32]
    """(2, Y, X): along y and x."""
    slices: float
    """Along z, in slices, within ±0.9."""


def draw_misregistration(
    rng: np.random.Generator,
    settings: AugmentationSettings,
    size: Sequence[int],
    spacing_mm: Sequence[float],
) -> Misregistration | None:
    """Draw an error for a sample of (y, x) pixels; None without such settings. spacing_mm: (z, y, x)."""
    if not (settings.registration_error_mm or settings.registration_failure_share):
        return None
    length_mm = abs(rng.normal(0, settings.registration_error_mm))
    if rng.random() < settings.registration_failure_share:
        length_mm = rng.uniform(*FAILURE_MM)
    through = rng.normal(0, length_mm) / spacing_mm[0]
    field = smooth_noise(rng, size, spacing_mm[1:], WAVELENGTH_MM, components=2)
    field += rng.normal(0, 1, (2, 1, 1)).astype(np.float32)
    return Misregistration(
        in_plane_mm=field * np.float32(PER_AXIS * length_mm),
        slices=float(np.clip(through, -MOST_SLICES, MOST_SLICES)),
    )
