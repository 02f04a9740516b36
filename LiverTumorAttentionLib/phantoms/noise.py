"""CT noise: band-limited, stronger where the body is thick, correlated between neighboring slices."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from LiverTumorAttentionLib.phantoms.shapes import Array

SHARED = 0.35  # correlation of the noise of adjacent slices


def add_noise(
    hu: Array, rng: np.random.Generator, sigma_hu: float, grain_mm: float, spacing_mm: tuple[float, float]
) -> None:
    """Add noise to `hu` (z, y, x) in place.

    sigma_hu: standard deviation in the middle of the body; grain_mm: deviation of the kernel that blurs it;
    spacing_mm: (x, y). The kernel is a difference of two Gaussians: filtered back projection has little noise at
    the lowest frequencies.
    """
    ny, nx = hu.shape[1:]
    sigma = np.array([grain_mm / spacing_mm[1], grain_mm / spacing_mm[0]])
    y, x = np.mgrid[-1 : 1 : ny * 1j, -1 : 1 : nx * 1j].astype(np.float32)
    place = (0.55 + 0.45 * np.exp(-1.4 * (x * x + y * y))) * np.float32(sigma_hu / 0.95)

    def grain() -> Array:
        white = rng.standard_normal((ny, nx), dtype=np.float32)
        fine = ndimage.gaussian_filter(white, sigma, mode="wrap", truncate=2.5)
        fine -= np.float32(0.6) * ndimage.gaussian_filter(fine, sigma * 1.9, mode="wrap", truncate=2.0)
        return fine

    before = grain()
    place /= np.float32(max(float(before.std()), 1e-6) * np.sqrt(1 + SHARED**2))
    for k in range(len(hu)):
        here = grain()
        hu[k] += (here + np.float32(SHARED) * before) * place
        before = here
