"""Means over whole blocks of voxels, slab by slab: a large volume of integers never stands in memory as floats."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import SimpleITK as sitk

SLAB_VOXELS = 4_000_000
"""Voxels of the volume that are converted at a time."""


def as_float(image: sitk.Image) -> sitk.Image:
    """Return an image as float32."""
    return image if image.GetPixelID() == sitk.sitkFloat32 else sitk.Cast(image, sitk.sitkFloat32)


def block_means(
    image: sitk.Image,
    factors: Sequence[int],
    prepare: Callable[[sitk.Image], sitk.Image] = as_float,
    *,
    pad: bool = False,
) -> sitk.Image:
    """Return the means over blocks of `factors` voxels along x, y, z, float32.

    prepare: applied to each slab of the image before it is averaged, voxel by voxel; returns float32.
    pad: whether a block that reaches beyond the image takes the nearest voxels for what is missing; else it is
    left out.
    The values and the grid are those of SimpleITK's `BinShrink` on the whole image.
    """
    x, y, depth = image.GetSize()
    step = int(factors[2])
    blocks = max(1, SLAB_VOXELS // (x * y * step))
    slabs: list[np.ndarray] = []
    stop = depth if pad else max(depth - depth % step, min(depth, step))
    for start in range(0, stop, blocks * step):
        thick = min(blocks * step, stop - start)
        slab = image if thick == depth else sitk.RegionOfInterest(image, [x, y, thick], [0, 0, start])
        slab = prepare(slab)
        missing = [-length % factor for length, factor in zip(slab.GetSize(), factors, strict=True)]
        if pad and any(missing):
            slab = sitk.ZeroFluxNeumannPad(slab, [0, 0, 0], missing)
        means = sitk.BinShrink(slab, [int(factor) for factor in factors])
        if thick == depth:
            return means
        if not slabs:
            spacing, direction, origin = means.GetSpacing(), means.GetDirection(), means.GetOrigin()
        slabs.append(sitk.GetArrayFromImage(means))
    result = sitk.GetImageFromArray(np.concatenate(slabs))
    result.SetSpacing(spacing)
    result.SetDirection(direction)
    result.SetOrigin(origin)
    return result
