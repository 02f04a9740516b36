"""The error of a coarse liver: a border that lies a few millimeters off, smoothly along it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, special

from training.augmentation.random_fields import smooth_noise
from training.recipes.settings import AugmentationSettings

SIGMA_MM = 3.0
"""Of the smoothing below: about as far as the border is moved."""
WAVELENGTH_MM = (12.0, 40.0)
"""Range of the wavelength of the roughness."""


def perturbed_liver(
    rng: np.random.Generator,
    settings: AugmentationSettings,
    inside: NDArray[np.uint8],
    spacing_mm: Sequence[float],
) -> NDArray[np.uint8]:
    """Return the mask of the dilated coarse liver with its border moved, (C, *size) of 0 and 1.

    The mask smoothed by a Gaussian of sigma s is Phi(d / s) at the signed depth d below a flat border, so that the
    threshold Phi(-m / s) moves the border outward by m; m is a margin, the same everywhere, and a smooth random field.
    inside: (C, *size), as prepared. spacing_mm: of the axes of `size`. Without such settings the mask is unchanged.
    """
    low, high = settings.liver_margin_mm
    if not (low or high or settings.liver_roughness_mm):
        return inside
    moved = np.full(inside.shape[1:], rng.uniform(low, high), np.float32)
    if settings.liver_roughness_mm:
        rough = smooth_noise(rng, inside.shape[1:], spacing_mm, rng.uniform(*WAVELENGTH_MM))
        moved += np.float32(rng.uniform(0, settings.liver_roughness_mm)) * rough
    sigma = (0.0, *(SIGMA_MM / spacing for spacing in spacing_mm))
    smooth = ndimage.gaussian_filter(inside.astype(np.float32), sigma, mode="nearest")
    return (smooth > special.ndtr(-moved / np.float32(SIGMA_MM))).astype(np.uint8)
