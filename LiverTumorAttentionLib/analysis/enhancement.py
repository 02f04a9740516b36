"""How bright a tumour is beside the liver around it, in both phases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.analysis.hu_statistics import HuStatistics
from LiverTumorAttentionLib.voxels.boxes import Box
from LiverTumorAttentionLib.voxels.labels import OUTSIDE_HU

Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Brightness:
    """HU of a tumour and of the liver around it. What was not given or not seen is None.

    portal, arterial: over the tumour; the arterial ones over that part of it which the arterial volume saw.
    liver_portal, liver_arterial: over the liver around it, likewise; None when no such liver is left.
    contrast_portal_hu, contrast_arterial_hu: mean of the tumour less that of the liver around it.
    enhancement_hu: mean of the tumour, arterial less portal: above 0 where the arterial phase is brighter.
    washout_hu: arterial less portal contrast: above 0 where the tumour loses brightness against the liver
        from the arterial to the portal venous phase. Enhancement and washout are of those voxels alone that
        both phases saw.
    """

    portal: HuStatistics
    arterial: HuStatistics | None
    liver_portal: HuStatistics | None
    liver_arterial: HuStatistics | None
    contrast_portal_hu: float | None
    contrast_arterial_hu: float | None
    enhancement_hu: float | None
    washout_hu: float | None


def brightness_of(
    tumor: Mask, liver: Mask, box: Box, portal_hu: NDArray[Any], arterial_hu: NDArray[Any] | None
) -> Brightness:
    """Compare a tumour with the liver around it.

    tumor, liver: (z, y, x) in `box` of the image; the tumour has a voxel. portal_hu, arterial_hu: of the
    whole image.
    """
    portal = portal_hu[box]
    tumor_portal = HuStatistics.of(portal[tumor])
    if tumor_portal is None:
        raise ValueError("a tumour without a voxel has no HU")
    liver_portal = HuStatistics.of(portal[liver])
    tumor_arterial = liver_arterial = None
    enhancement = liver_enhancement = None
    if arterial_hu is not None:
        arterial = arterial_hu[box]
        tumor_arterial, enhancement = _seen(arterial, portal, tumor)
        liver_arterial, liver_enhancement = _seen(arterial, portal, liver)
    return Brightness(
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


def _seen(
    arterial: NDArray[Any], portal: NDArray[Any], mask: Mask
) -> tuple[HuStatistics | None, float | None]:
    """Return the arterial HU of what the arterial volume saw of a region, and by how much it is brighter."""
    seen = mask & (arterial > OUTSIDE_HU)
    statistics = HuStatistics.of(arterial[seen])
    if statistics is None:
        return None, None
    return statistics, statistics.mean_hu - float(portal[seen].mean(dtype=float))


def _contrast(tumor: HuStatistics | None, liver: HuStatistics | None) -> float | None:
    return None if tumor is None or liver is None else tumor.mean_hu - liver.mean_hu
