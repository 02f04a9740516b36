"""Distance of every voxel from a body, and the inside of an organ."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]


def distance_map_mm(body: Mask, spacing_zyx_mm: Sequence[float]) -> NDArray[np.float32]:
    """Return how far the centre of each voxel lies from the nearest centre of a body's voxels.

    body: (z, y, x). Exact, 0 inside the body; infinite where there is no body.
    """
    if not body.any():
        return np.full(body.shape, np.inf, dtype=np.float32)
    image = sitk.GetImageFromArray(body.view(np.uint8))
    image.SetSpacing([float(step) for step in spacing_zyx_mm[::-1]])
    signed = sitk.SignedMaurerDistanceMap(
        image, insideIsPositive=False, squaredDistance=False, useImageSpacing=True
    )
    result: NDArray[np.float32] = np.maximum(sitk.GetArrayViewFromImage(signed), np.float32(0))
    return result


def filled(organ: Mask) -> Mask:
    """Return an organ with the cavities filled that no way over faces leads to from the array's border.

    What a cavity is, a vessel or a cyst that was left out, does not lie outside of the organ.
    """
    parts, _ = ndimage.label(~organ)
    at_border = set[int]()
    for axis in range(3):
        for side in (0, -1):
            at_border.update(np.unique(parts.take(side, axis=axis)).tolist())
    outside = np.zeros(int(parts.max()) + 1, dtype=bool)
    outside[sorted(at_border - {0})] = True
    return ~outside[parts]
