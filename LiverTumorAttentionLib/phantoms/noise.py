"""The noise of a CT: band-limited grain, stronger where the body is thick, partly shared by neighbouring slices."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from LiverTumorAttentionLib.phantoms.shapes import Array


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
    gain, last = 0.0, np.zeros((ny, nx), np.float32)
    y, x = np.mgrid[-1 : 1 : ny * 1j, -1 : 1 : nx * 1j].astype(np.float32)
    place = (0.55 + 0.45 * np.exp(-1.4 * (x * x + y * y))) * np.float32(sigma_hu / 0.95)
    for k in range(len(hu)):
        white = rng.standard_normal((ny, nx), dtype=np.float32)
        fine = ndimage.gaussian_filter(white, sigma, mode="wrap", truncate=2.5)
        fine -= np.float32(0.6) * ndimage.gaussian_filter(fine, sigma * 1.9, mode="wrap", truncate=2.0)
        if gain == 0.0:
            gain = 1 / max(float(fine.std()), 1e-6)
            last = rng.permuted(fine)
            last = ndimage.gaussian_filter(last, sigma, mode="wrap", truncate=2.5)
            last *= np.float32(gain and fine.std() / max(float(last.std()), 1e-6))
        hu[k] += (fine + np.float32(0.35) * last) * place * np.float32(gain / np.sqrt(1 + 0.35**2))
        last = fine
