"""Shading: the dark band with streaks that arms beside the body, or bone, throw over a part of a slice.

Such a band is as dark as many a lesion and larger than most; it has no edge, and streaks run along it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

SHARE = 0.3
"""Of the samples that get one."""
WIDTH = (0.3, 1.5)
"""Range of how far its edge fades, relative to half of the sample's side."""
STREAKS = 0.2
"""Standard deviation of the streaks, relative to the depth of the band."""
STREAK_PIXELS = (0.7, 2.5)
"""Range of the standard deviation of a streak's profile."""


def draw_shading(
    rng: np.random.Generator, shape: Sequence[int], largest_hu: float
) -> NDArray[np.float32] | None:
    """Return what a band adds to a slice (y, x) in HU, or None for the samples that get none.

    largest_hu: depth of the deepest band. The band fills one side of the slice, in any direction.
    """
    if rng.random() >= SHARE:
        return None
    angle, start = rng.uniform(0, 2 * np.pi), rng.uniform(-0.6, 0.8)
    depth, width = rng.uniform(0, largest_hu), rng.uniform(*WIDTH)
    y, x = (np.linspace(-1, 1, n) for n in shape)
    across = np.sin(angle) * y[:, None] + np.cos(angle) * x
    band = 1 / (1 + np.exp(-np.clip((across - start) / (width / 4), -30, 30)))
    profile = ndimage.gaussian_filter1d(rng.standard_normal(2 * max(shape)), rng.uniform(*STREAK_PIXELS))
    profile /= profile.std()
    streaks = np.interp(across, np.linspace(-np.sqrt(2), np.sqrt(2), len(profile)), profile)
    return np.asarray(-depth * band * (1 + STREAKS * streaks), dtype=np.float32)
