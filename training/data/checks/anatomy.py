"""Do the labels lie on a liver? Bounds are wide: what falls outside is worth a look, not always wrong."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.voxels.boxes import bounding_box
from LiverTumorAttentionLib.voxels.labels import LIVER, TUMOR
from LiverTumorAttentionLib.wording import counted
from training.data.checks.finding import Finding

LIVER_ML = (300.0, 6000.0)
"""A child's liver, and one of polycystic or massive disease."""
LIVER_HU = (-40.0, 250.0)
"""Median of the parenchyma: severe steatosis without contrast, and more than any contrast phase gives."""
LEFT_MM = 20.0
"""How far left of the middle of the body the liver's center may lie."""
AIR_HU = -300.0


def anatomy_findings(
    case: str, portal: sitk.Image, labels: sitk.Image, *, whole: bool = True
) -> Iterator[Finding]:
    """Yield what is strange about the labels of a case; both images are in LPS order on one grid.

    whole: whether a liver's volume can be expected, as it cannot of a single slice or a crop.
    """
    voxels = sitk.GetArrayViewFromImage(labels)
    counts = np.zeros(3, int)
    for plane in voxels:  # a plane at a time: counting widens the values
        counts += np.bincount(plane.reshape(-1), minlength=3)
    liver, tumor = int(counts[1]), int(counts[2])
    voxel_ml = float(np.prod(labels.GetSpacing())) / 1000
    if not liver:
        shown = f"only tumor ({tumor} voxels)" if tumor else "nothing at all"
        yield Finding(
            case=case,
            severity="error",
            what=f"the labels show no liver but {shown}",
            do="check that they are the labels of this case and that their values mean what the layout says",
        )
        return

    def strange(what: str, do: str) -> Finding:
        return Finding(case=case, severity="warning", what=what, do=do)

    if tumor > liver:
        yield strange(
            f"the tumors ({tumor * voxel_ml:.0f} mL) are larger than the liver around them "
            f"({liver * voxel_ml:.0f} mL)",
            "check that the values of liver and tumor are not swapped",
        )
    apart, apart_voxels = _outside(voxels) if tumor else (0, 0)
    if apart:
        yield strange(
            f"{counted(apart, 'tumor')} ({apart_voxels * voxel_ml:.2g} mL together) without contact to the liver",
            "look at them: stray voxels, or a liver that was not drawn there",
        )
    volume_ml = (liver + tumor) * voxel_ml
    if whole and not LIVER_ML[0] <= volume_ml <= LIVER_ML[1]:
        yield strange(
            f"the liver measures {volume_ml:.0f} mL",
            "check the voxel size, and that the whole liver was drawn",
        )
    hu = sitk.GetArrayViewFromImage(portal)
    median = _median_hu(hu, voxels)
    if not LIVER_HU[0] <= median <= LIVER_HU[1]:
        yield strange(
            f"the voxels drawn as liver have a median of {median:.0f} HU",
            "look at them over the volume: they may be flipped, shifted, or those of another case",
        )
    left_mm = _left_of_body(hu, voxels) * labels.GetSpacing()[0]
    if whole and left_mm > LEFT_MM:  # a slice through the tip of the left lobe lies there
        yield strange(
            f"the liver lies on the left, {left_mm:.0f} mm from the middle of the body",
            "check the orientation in the header: the volume may be mirrored",
        )


def _outside(voxels: NDArray[np.uint8]) -> tuple[int, int]:
    """Return how many connected tumors touch no liver, and their voxels."""
    box = bounding_box(voxels == TUMOR, margin=(1, 1, 1))
    if box is None:
        return 0, 0
    part = voxels[box]
    tumors, count = ndimage.label(part == TUMOR, structure=np.ones((3, 3, 3)))
    touching = np.unique(tumors[ndimage.binary_dilation(part == LIVER)])
    sizes = np.bincount(tumors.reshape(-1), minlength=count + 1)
    alone = np.setdiff1d(np.arange(1, count + 1), touching)
    return len(alone), int(sizes[alone].sum())


def _median_hu(hu: NDArray[np.number], voxels: NDArray[np.uint8]) -> float:
    liver = hu[voxels == 1]
    return float(np.median(liver[:: max(1, liver.size // 1_000_000)]))


def _left_of_body(hu: NDArray[np.number], voxels: NDArray[np.uint8]) -> float:
    """Return how many voxels the liver's center lies to the left of the body's in the slices that show it."""
    planes = np.flatnonzero(voxels.any(axis=(1, 2)))
    thinned = planes[:: max(1, len(planes) // 50)]
    body = (hu[thinned] > AIR_HU).sum(axis=(0, 1), dtype=float)
    liver = (voxels[thinned] > 0).sum(axis=(0, 1), dtype=float)
    columns = np.arange(len(body))
    return float(columns @ liver / liver.sum() - columns @ body / max(body.sum(), 1.0))
