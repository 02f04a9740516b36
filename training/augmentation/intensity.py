"""Brightness, contrast and noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.recipes.settings import AugmentationSettings


def varied(
    rng: np.random.Generator, settings: AugmentationSettings, values: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return network input with another contrast and brightness and with added noise; any shape, float32.

    The contrast changes about the mean of the sample. `values` may be changed in place.
    """
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
