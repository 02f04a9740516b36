"""Means over whole blocks of voxels, plane by plane: a large volume of integers never stands in memory as floats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

Prepare = Callable[[NDArray[Any]], NDArray[Any]]
"""Changes the voxels of one plane (y, x), one by one."""


def block_means(
    image: sitk.Image, factors: Sequence[int], prepare: Prepare | None = None, *, pad: bool = False
) -> sitk.Image:
    """Return the means over blocks of `factors` voxels along x, y, z, float32.

    prepare: applied to each plane of the image before it is averaged.
    pad: whether a block that reaches beyond the image takes the nearest voxels for what is missing; else it is
    left out.
    The values and the grid are those of SimpleITK's `BinShrink` on the whole image.
    """
    factors = [int(factor) for factor in factors]
    voxels = sitk.GetArrayViewFromImage(image)
    if max(factors) == 1 and prepare is None and voxels.dtype == np.float32:
        return image
    x, y, z = (
        -(-length // factor) if pad else max(1, length // factor)
        for length, factor in zip(image.GetSize(), factors, strict=True)
    )
    means = np.empty((z, y, x), np.float32)
    for number, mean in enumerate(means):
        first = number * factors[2]
        planes = range(first, first + factors[2])
        mean[:] = _plane_mean(voxels, planes, factors, mean.shape, prepare)
    result = sitk.GetImageFromArray(means)
    result.SetSpacing([length * factor for length, factor in zip(image.GetSpacing(), factors, strict=True)])
    result.SetDirection(image.GetDirection())
    result.SetOrigin(image.TransformContinuousIndexToPhysicalPoint([(factor - 1) / 2 for factor in factors]))
    return result


def _plane_mean(
    voxels: NDArray[Any],
    planes: range,
    factors: Sequence[int],
    shape: tuple[int, ...],
    prepare: Prepare | None,
) -> NDArray[np.float64]:
    """Return the mean of the blocks (y, x) over some planes; those beyond the last one repeat it."""
    total: NDArray[Any] | None = None
    for place in planes:
        plane = voxels[min(place, len(voxels) - 1)]
        plane = plane if prepare is None else prepare(plane)
        missing = [
            max(0, blocks * factor - length)
            for blocks, factor, length in zip(shape, factors[1::-1], plane.shape, strict=True)
        ]
        if any(missing):
            plane = np.pad(plane, [(0, one) for one in missing], mode="edge")
        if total is None:
            exact = plane.dtype.kind in "iub" and plane.dtype.itemsize < 8
            total = np.zeros(shape, np.int64 if exact else np.float64)
        for row, column in product(range(factors[1]), range(factors[0])):
            total += plane[row :: factors[1], column :: factors[0]][: shape[0], : shape[1]]
    if total is None:
        raise ValueError("a block has no planes")
    return total / (len(planes) * factors[0] * factors[1])
