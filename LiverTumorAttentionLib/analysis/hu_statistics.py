"""HU of a region: how bright it is and how mixed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class HuStatistics:
    """The HU over the voxels of a region.

    voxels: how many there are. mean_hu, median_hu. sd_hu: the standard deviation of the population (Slicer's
    Segment Statistics gives that of a sample, larger by the factor sqrt(n / (n - 1))). p10_hu, p90_hu: 10th
    and 90th percentile, linear between ranks.
    """

    voxels: int
    mean_hu: float
    sd_hu: float
    median_hu: float
    p10_hu: float
    p90_hu: float

    @classmethod
    def of(cls, hu: NDArray[Any]) -> HuStatistics | None:
        """Return the statistics of some values, or None when there is none."""
        if hu.size == 0:
            return None
        p10, median, p90 = np.percentile(hu, (10, 50, 90))
        return cls(
            voxels=int(hu.size),
            mean_hu=float(hu.mean(dtype=float)),
            sd_hu=float(hu.std(dtype=float)),
            median_hu=float(median),
            p10_hu=float(p10),
            p90_hu=float(p90),
        )
