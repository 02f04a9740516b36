"""Surface distances: ASSD, Hausdorff distance and its 95th percentile, in mm.

The surface of an object is the set of its voxels that have a face towards a voxel outside of it; beyond the
border of the volume is outside. Distances run from the center of each surface voxel to the nearest center of
a surface voxel of the other object, exactly (a k-d tree, not a grid).

Where others differ:

- **MONAI** takes the same surface voxels and the same percentile: HD and HD95 are the same, and ASSD is its
  average surface distance with `symmetric=True`. It has inf, or nan, where one object is empty.
- **DeepMind's surface-distance** puts the surface on the corners of voxels, half a voxel away, and weighs each
  corner by the **area** of surface around it, where here each **surface voxel** counts once. Every corner has
  a surface voxel, and every surface voxel a corner, within half the diagonal of a voxel, so that the two HD
  differ by at most one diagonal. Averages differ by more where an object is thin (a plate of one slice has one
  layer of voxels and two of corners) and where slices are thick. It gives the two directions apart, and its
  percentiles are not interpolated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.voxels.surfaces import surface_distances_mm


@dataclass(frozen=True, kw_only=True)
class SurfaceDistances:
    """Symmetric distances between two surfaces; 0 when both objects are empty, nan when one is.

    assd_mm: average symmetric surface distance: the mean over the surface voxels of both objects together.
    hd_mm: Hausdorff distance, the largest of all.
    hd95_mm: the larger of the two directed 95th percentiles (linear between ranks).
    """

    assd_mm: float
    hd_mm: float
    hd95_mm: float


def surface_distances(
    prediction: NDArray[Any], truth: NDArray[Any], spacing_zyx_mm: Sequence[float]
) -> SurfaceDistances:
    """Measure the distances between the surfaces of prediction and truth.

    prediction, truth: (z, y, x), or (y, x) for the contours of one slice, of the same shape, not zero where
    the object is. spacing_zyx_mm: distance of neighboring voxels along each axis; with 1 all is in pixels.
    Raises `ValueError` for shapes that differ. Time grows with the surfaces, not with the volume.
    """
    if prediction.shape != truth.shape:
        raise ValueError(f"the prediction has the shape {prediction.shape}, the truth {truth.shape}")
    if not prediction.any() or not truth.any():
        value = 0.0 if prediction.any() == truth.any() else math.nan
        return SurfaceDistances(assd_mm=value, hd_mm=value, hd95_mm=value)
    forth, back = surface_distances_mm(prediction, truth, spacing_zyx_mm)
    return SurfaceDistances(
        assd_mm=float((forth.sum() + back.sum()) / (len(forth) + len(back))),
        hd_mm=float(max(forth.max(), back.max())),
        hd95_mm=float(max(np.percentile(forth, 95), np.percentile(back, 95))),
    )
