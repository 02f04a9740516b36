"""Random intensities: in Hounsfield units before the stage's window, and in units of the network's input after it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from training.augmentation.shading import draw_shading
from training.recipes.settings import AugmentationSettings

TISSUE_HU = 60.0
"""The contrast in HU changes about this value, of soft tissue, where the liver's own is not known."""
NOISE_SHARE, CORRELATED_SHARE, GAMMA_SHARE = 0.6, 0.5, 0.3
CLIP_HU = (0, 255)
"""What pictures of CT keep of its values, see `layouts.msd_liver_slices`."""
GRAIN_PIXELS, GRAIN_GAIN = 0.7, np.float32(2.4)
"""In-plane smoothing of correlated noise, and the factor that brings it back to unit standard deviation."""
BLUR_PIXELS = (0.3, 0.9)


def varied_hu(
    rng: np.random.Generator,
    settings: AugmentationSettings,
    hu: NDArray[np.generic],
    *,
    tissue_hu: float = TISSUE_HU,
) -> NDArray[np.generic]:
    """Return Hounsfield units (C, ..., Y, X) with another contrast, level, shading, sharpness and noise.

    tissue_hu: the level about which the contrast changes.
    Without such settings `hu` itself is returned, in its own type; otherwise a new array. A clip comes first: it was
    done to the scan, not to the sample.
    """
    if settings.clip_share and rng.random() < settings.clip_share:
        hu = np.clip(hu, *CLIP_HU)
    if settings.contrast_hu or settings.shift_hu:
        gain = np.float32(1 + rng.normal(0, settings.contrast_hu))
        shift = np.float32(rng.normal(0, settings.shift_hu))
        level = np.float32(tissue_hu)
        hu = (hu.astype(np.float32) - level) * gain + (level + shift)
    if settings.shading_hu:
        shading = draw_shading(rng, hu.shape[-2:], settings.shading_hu)
        hu = hu if shading is None else hu.astype(np.float32) + shading
    if settings.blur_share and rng.random() < settings.blur_share:
        hu = _in_plane(hu.astype(np.float32), rng.uniform(*BLUR_PIXELS))
    if settings.noise_hu and rng.random() < NOISE_SHARE:
        grain = rng.standard_normal(hu.shape, dtype=np.float32)
        if rng.random() < CORRELATED_SHARE:
            grain = _in_plane(grain, GRAIN_PIXELS) * GRAIN_GAIN
        hu = hu.astype(np.float32) + np.float32(rng.uniform(0, settings.noise_hu)) * grain
    return hu


def varied(
    rng: np.random.Generator, settings: AugmentationSettings, values: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return network input with another gamma, contrast and brightness and with added noise; any shape, float32.

    The contrast changes about the mean of the sample. `values` may be changed in place.
    """
    if settings.gamma and rng.random() < GAMMA_SHARE:
        values = np.clip(values, 0, 1) ** np.float32(np.exp(rng.normal(0, settings.gamma)))
    if settings.contrast:
        factor = np.float32(np.exp(rng.normal(0, settings.contrast)))
        mean = values.mean()
        values -= mean
        values *= factor
        values += mean
    if settings.brightness:
        values += np.float32(rng.normal(0, settings.brightness))
    if settings.noise:
        grain = rng.standard_normal(values.shape, dtype=np.float32)
        grain *= np.float32(rng.uniform(0, settings.noise))
        values += grain
    return values


def _in_plane(values: NDArray[np.float32], pixels: float) -> NDArray[np.float32]:
    """Return an array smoothed along its last two axes."""
    smooth: NDArray[np.float32] = ndimage.gaussian_filter(values, (0,) * (values.ndim - 2) + (pixels, pixels))
    return smooth
