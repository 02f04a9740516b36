"""Attenuation, enhancement and washout of a tumor against the perilesional liver, in HU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.voxels.boxes import Box
from LiverTumorAttentionLib.voxels.labels import OUTSIDE_HU

Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class HuStatistics:
    """Attenuation over the voxels of a region.

    voxels: their number. mean_hu, median_hu. sd_hu: standard deviation of the population (Slicer's Segment
    Statistics gives that of a sample, larger by the factor sqrt(n / (n - 1))). p10_hu, p90_hu: 10th and 90th
    percentile, linear between ranks.
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


@dataclass(frozen=True, kw_only=True)
class Enhancement:
    """Attenuation of a tumor and of its perilesional liver, HU; None for what was not given or not imaged.

    portal, arterial: over the tumor; the arterial ones over its part within the arterial field of view.
    liver_portal, liver_arterial: over the perilesional liver, likewise; None when none is left.
    contrast_portal_hu, contrast_arterial_hu: mean of the tumor minus mean of the perilesional liver.
    enhancement_hu: mean of the tumor, arterial minus portal: above 0 where the arterial phase is brighter.
    washout_hu: arterial minus portal contrast: above 0 where the tumor loses attenuation relative to the liver
        from the arterial to the portal venous phase. Enhancement and washout are of voxels imaged in both phases.
    """

    portal: HuStatistics
    arterial: HuStatistics | None
    liver_portal: HuStatistics | None
    liver_arterial: HuStatistics | None
    contrast_portal_hu: float | None
    contrast_arterial_hu: float | None
    enhancement_hu: float | None
    washout_hu: float | None


def measure_enhancement(
    tumor: Mask, liver: Mask, box: Box, portal_hu: NDArray[Any], arterial_hu: NDArray[Any] | None
) -> Enhancement:
    """Measure a tumor and its perilesional liver in one or both phases.

    tumor, liver: (z, y, x) in `box` of the image; the tumor has a voxel. portal_hu, arterial_hu: of the whole image,
    the arterial one `OUTSIDE_HU` outside of its field of view. Raises `ValueError` for a tumor without a voxel.
    """
    portal = portal_hu[box]
    tumor_portal = HuStatistics.of(portal[tumor])
    if tumor_portal is None:
        raise ValueError("a tumor without a voxel has no HU")
    liver_portal = HuStatistics.of(portal[liver])
    tumor_arterial = liver_arterial = None
    enhancement = liver_enhancement = None
    if arterial_hu is not None:
        arterial = arterial_hu[box]
        tumor_arterial, enhancement = _arterial(arterial, portal, tumor)
        liver_arterial, liver_enhancement = _arterial(arterial, portal, liver)
    return Enhancement(
        portal=tumor_portal,
        arterial=tumor_arterial,
        liver_portal=liver_portal,
        liver_arterial=liver_arterial,
        contrast_portal_hu=_contrast(tumor_portal, liver_portal),
        contrast_arterial_hu=_contrast(tumor_arterial, liver_arterial),
        enhancement_hu=enhancement,
        washout_hu=(
            None if enhancement is None or liver_enhancement is None else enhancement - liver_enhancement
        ),
    )


def _arterial(
    arterial: NDArray[Any], portal: NDArray[Any], mask: Mask
) -> tuple[HuStatistics | None, float | None]:
    """Return the arterial HU of a region within the arterial field of view, and its mean enhancement."""
    imaged = mask & (arterial > OUTSIDE_HU)
    statistics = HuStatistics.of(arterial[imaged])
    if statistics is None:
        return None, None
    return statistics, statistics.mean_hu - float(portal[imaged].mean(dtype=float))


def _contrast(tumor: HuStatistics | None, liver: HuStatistics | None) -> float | None:
    return None if tumor is None or liver is None else tumor.mean_hu - liver.mean_hu
