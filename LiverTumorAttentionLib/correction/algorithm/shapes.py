"""Morphology of masks on a block grid; distances run between block centers, in millimetres."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.correction.algorithm.block_grid import Field, Mask
from LiverTumorAttentionLib.voxels.morphology import fill_holes

Spacing = NDArray[np.float64]

NECK_SHARE = 0.55
"""Radius of the opening that cuts necks, as a share of the mask's largest depth."""
NECK_MOST_MM = 12.0
"""Largest depth that counts for that radius."""


def depth_mm(mask: Mask, spacing_mm: Spacing) -> Field:
    """Return each voxel's distance to the outside of a mask; the array's border is not outside."""
    if mask.all():
        return np.full(mask.shape, np.float32(1e3))
    return np.asarray(ndimage.distance_transform_edt(mask, sampling=spacing_mm), dtype=np.float32)


def inner_depth_mm(mask: Mask, spacing_mm: Spacing) -> Field:
    """Return the same where the array's border is outside."""
    return depth_mm(np.pad(mask, 1), spacing_mm)[1:-1, 1:-1, 1:-1]


def closed(mask: Mask, spacing_mm: Spacing, radius_mm: float) -> Mask:
    """Return the closing of a mask by a ball."""
    if not mask.any() or mask.all():
        return mask
    margin = [(int(np.ceil(radius_mm / step)) + 1,) * 2 for step in spacing_mm]
    wide = np.pad(mask, margin)
    dilated = depth_mm(~wide, spacing_mm) <= radius_mm
    filled = depth_mm(dilated, spacing_mm) > radius_mm + 0.01
    inner = tuple(slice(m, -m) for m, _ in margin)
    return np.asarray(filled[inner] | mask)


def connected_to(mask: Mask, seeds: Mask) -> Mask:
    """Return the components (6-connected) of a mask that contain a seed, and the seeds."""
    labels, _ = ndimage.label(mask)
    seeded = np.unique(labels[seeds])
    return np.isin(labels, seeded[seeded > 0]) | seeds


def without_necks(mask: Mask, seeds: Mask, from_seed_mm: Field, spacing_mm: Spacing) -> Mask:
    """Return a mask without the parts that thin necks connect to its seeds, and without thin sheets.

    An opening by reconstruction: the components of the eroded mask that contain a seed, or the one nearest to a
    seed when none does, dilated within the mask. The radius is a share of the mask's largest depth.
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


def cavities_of(mask: Mask) -> Mask:
    """Return the cavities of a mask, in space or within a slice, also those that a gap of a voxel opens."""
    wide = np.pad(mask, 2)
    shell = ndimage.binary_closing(wide) | wide
    solid = fill_holes(shell)
    for plane in solid:
        plane |= fill_holes(plane)
    # The dilation restores what the closing took of a cavity; what it filled elsewhere is no cavity.
    cavities = ndimage.binary_dilation(solid & ~shell) & solid & ~wide
    return np.asarray(cavities[2:-2, 2:-2, 2:-2])
