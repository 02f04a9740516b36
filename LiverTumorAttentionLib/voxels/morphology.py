"""Small morphology on boolean volumes that costs what the object costs, not what the volume costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.errors import InputError

Mask = NDArray[np.bool_]

FACES = ndimage.generate_binary_structure(3, 1)
"""6-connectivity: voxels that share a face hang together."""

CORNERS = ndimage.generate_binary_structure(3, 3)
"""26-connectivity: voxels that share a corner hang together."""


def fill_holes(mask: Mask) -> Mask:
    """Return the mask with every cavity filled that no path through faces connects to the array's border."""
    outside, _ = ndimage.label(np.pad(~mask, 1, constant_values=True), structure=FACES)
    return (outside != outside[0, 0, 0])[1:-1, 1:-1, 1:-1]


def largest_component(mask: Mask, structure: Mask = FACES) -> Mask:
    """Return the largest component; of several that are equally large, the one that comes first in memory."""
    labels, count = ndimage.label(mask, structure=structure)
    if count <= 1:
        return mask.copy()
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return labels == int(sizes.argmax())


def opened(mask: Mask, radius_mm: float, spacing_zyx_mm: Sequence[float]) -> Mask:
    """Return the mask opened by a ball: what no ball of this radius inside the mask can reach is taken away.

    Distances run between voxel centres, and to a border of the array there is no distance: what is cut off
    by the edge of the scan is not eroded from there.
    """
    if mask.all():
        return mask.copy()
    eroded = ndimage.distance_transform_edt(mask, sampling=spacing_zyx_mm) > radius_mm
    if not eroded.any():
        return eroded
    return mask & (ndimage.distance_transform_edt(~eroded, sampling=spacing_zyx_mm) <= radius_mm)


def check_spacing(spacing_zyx_mm: Sequence[float]) -> tuple[float, float, float]:
    """Return the spacing as three floats, or raise `InputError`."""
    spacing = tuple(float(step) for step in spacing_zyx_mm)
    if len(spacing) != 3 or not all(np.isfinite(step) and step > 0 for step in spacing):
        raise InputError(
            f"the spacing is {spacing} mm; three lengths above zero are needed, in the order z, y, x"
        )
    return spacing


def check_volume(array: NDArray[Any], name: str) -> None:
    """Raise `InputError` when an array is not three-dimensional or has no voxel."""
    if array.ndim != 3 or array.size == 0:
        raise InputError(
            f"{name} has the shape {array.shape}; a volume of three dimensions (z, y, x) is needed"
        )
