"""Conversion of Hounsfield units to network input: windowing and z-scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from LiverTumorAttentionLib.errors import InputError


def window_hu(hu: ArrayLike, window: tuple[float, float]) -> NDArray[np.float32]:
    """Clip to a window and scale it to [0, 1].

    hu: any shape, in HU. window: (lowest, highest) HU, which become 0 and 1.
    Source: PA-ResSeg, section 3.A, clips to [-70, 180] HU. The paper does not say how the result is
    scaled; [0, 1] makes its "pixels outside the liver are set to zero" mean the window's lower end.
    Raises InputError when the window is empty.
    """
    low, high = float(window[0]), float(window[1])
    if not low < high:
        raise InputError(f"the HU window [{low:g}, {high:g}] is empty: give the lower value first")
    scaled = np.asarray(hu, dtype=np.float32)
    scaled = np.clip(scaled, low, high)
    scaled -= np.float32(low)
    scaled /= np.float32(high - low)
    return scaled


@dataclass(frozen=True, kw_only=True)
class Standard:
    """Z-score normalization of a volume, with clipped outliers.

    Source: DPC-Net, section 3.1: the percentiles 0.5 and 99.5 of the volume clip it, then z-score.
    Departs: clipped and scaled after resampling instead of before; the numbers are those of the volume as
        it was scanned, so that they do not depend on the part of it that a network sees.
    """

    low: float
    high: float
    mean: float
    deviation: float

    @classmethod
    def of(cls, hu: ArrayLike, percentiles: tuple[float, float]) -> Standard:
        """Measure a whole volume, HU, of any shape. A volume of one value alone gets the deviation 1."""
        values = np.asarray(hu)
        low, high = (float(value) for value in np.percentile(values, percentiles))
        clipped = np.clip(values, low, high)
        deviation = float(clipped.std(dtype=np.float64))
        return cls(low=low, high=high, mean=float(clipped.mean(dtype=np.float64)), deviation=deviation or 1.0)

    def __call__(self, hu: ArrayLike) -> NDArray[np.float32]:
        """Return the clipped and scaled values, float32."""
        scaled = np.clip(np.asarray(hu, dtype=np.float32), self.low, self.high)
        scaled -= np.float32(self.mean)
        scaled /= np.float32(self.deviation)
        return scaled


def stack_neighbours(volume: NDArray[np.float32], index: int, neighbours: int = 1) -> NDArray[np.float32]:
    """Return slice `index` of a (z, y, x) volume with its neighbors, as (2 * neighbors + 1, y, x).

    Channels run from the lower to the higher z index; the slice itself stands in the middle. Beyond the
    first and the last slice the outermost one is repeated.
    Source: PA-ResSeg, section 4.A, stacks three adjacent slices of each phase.
    """
    if neighbours < 0 or not 0 <= index < volume.shape[0]:
        raise InputError(
            f"slice {index} with {neighbours} neighbours was asked of a volume of {volume.shape[0]} slices"
        )
    wanted = np.arange(index - neighbours, index + neighbours + 1)
    return volume[np.clip(wanted, 0, volume.shape[0] - 1)]
