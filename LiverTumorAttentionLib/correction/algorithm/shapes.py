"""Shapes on a window's blocks, with distances in millimetres between centres."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.correction.algorithm.block_grid import Field, Mask
from LiverTumorAttentionLib.voxels.morphology import fill_holes

Spacing = NDArray[np.float64]

NECK_SHARE = 0.55
"""A part that hangs on a lesion by a neck thinner than this share of the lesion is cut off."""
NECK_MOST_MM = 12.0


def depth_mm(mask: Mask, spacing_mm: Spacing) -> Field:
    """Return how far each voxel of a mask lies from what is not in it; where the array ends, the mask goes on."""
    if mask.all():
        return np.full(mask.shape, np.float32(1e3))
    return np.asarray(ndimage.distance_transform_edt(mask, sampling=spacing_mm), dtype=np.float32)


def inner_depth_mm(mask: Mask, spacing_mm: Spacing) -> Field:
    """Return the same for a mask that ends where the array does."""
    return depth_mm(np.pad(mask, 1), spacing_mm)[1:-1, 1:-1, 1:-1]


def closed(mask: Mask, spacing_mm: Spacing, radius_mm: float) -> Mask:
    """Return a mask with its dents filled that no ball of this radius outside of it reaches."""
    if not mask.any() or mask.all():
        return mask
    margin = [(int(np.ceil(radius_mm / step)) + 1,) * 2 for step in spacing_mm]
    wide = np.pad(mask, margin)
    dilated = depth_mm(~wide, spacing_mm) <= radius_mm
    filled = depth_mm(dilated, spacing_mm) > radius_mm + 0.01
    inner = tuple(slice(m, -m) for m, _ in margin)
    return np.asarray(filled[inner] | mask)


def hanging_together(mask: Mask, seeds: Mask) -> Mask:
    """Return the parts (6-connected) of a mask that hold a seed, and the seeds."""
    labels, _ = ndimage.label(mask)
    kept = np.unique(labels[seeds])
    return np.isin(labels, kept[kept > 0]) | seeds


def without_necks(mask: Mask, seeds: Mask, from_seed_mm: Field, spacing_mm: Spacing) -> Mask:
    """Return a mask without what hangs on its seeds by thin necks, and without thin sheets.

    An opening whose radius is a share of the mask's own: the parts deeper than it that hold a seed, or that lie
    nearest to one when none does, are kept with what lies within the radius of them.
    """
    depth = inner_depth_mm(mask, spacing_mm)
    radius = NECK_SHARE * min(float(depth.max()), NECK_MOST_MM)
    deep = depth > radius
    labels, _ = ndimage.label(deep)
    kept = np.unique(labels[seeds])
    kept = kept[kept > 0]
    if not kept.size:
        kept = labels.ravel()[[int(np.argmin(np.where(deep, from_seed_mm, np.inf)))]]
    near = depth_mm(~np.isin(labels, kept), spacing_mm)
    return np.asarray(mask & (near <= 1.05 * radius + 0.5 * spacing_mm.min()))


def enclosed(mask: Mask) -> Mask:
    """Return the cavities of a mask, in space or within a slice, also those that a small gap opens."""
    wide = np.pad(mask, 2)
    shell = ndimage.binary_closing(wide) | wide
    solid = fill_holes(shell)
    for plane in solid:
        plane |= ndimage.binary_fill_holes(plane)
    # What the closing took of a cavity comes back with it; what it filled elsewhere was no cavity.
    cavities = ndimage.binary_dilation(solid & ~shell) & solid & ~wide
    return np.asarray(cavities[2:-2, 2:-2, 2:-2])
