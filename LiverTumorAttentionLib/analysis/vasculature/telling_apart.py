"""Which voxel of a vessel mask belongs to the portal vein and which to the hepatic veins.

From the root of each tree the cheapest way runs to every voxel; the tree whose way costs less has it.

    cost of a step = length (1 + 4 mm / t) + 8 max(0, t' - t)       t, t' local radius before and after the step, mm

Blood vessels taper away from their root, so that a way that enters a wider vessel than it comes from, as where a branch
of one tree touches a trunk of the other, is dear. Parts that touch neither root take the tree of the nearest part.

What it cannot tell: where both trees touch along a stretch, the border lies where both ways cost the same, not at the
wall; a part cut off from its tree by a gap may lie nearer to the other one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from LiverTumorAttentionLib.analysis.vasculature.voxel_graph import neighbor_pairs
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import bounding_box, expanded_box

Mask = NDArray[np.bool_]

NARROW_MM = 4.0
WIDENING_COST = 8.0
LEVELS = 8
"""Local radii are told apart in so many steps."""


def told_apart(
    vessels: Mask, portal_root: Mask, hepatic_root: Mask, voxel_mm: float, progress: Progress
) -> tuple[Mask, Mask]:
    """Return the portal and the hepatic part of a vessel mask.

    vessels, portal_root, hepatic_root: (z, y, x) of cubes; a root may be empty, and then its tree is.
    Raises `Cancelled`.
    """
    box = bounding_box(vessels)
    portal, hepatic = np.zeros(vessels.shape, bool), np.zeros(vessels.shape, bool)
    if box is None:
        return portal, hepatic
    box = expanded_box(box, (1, 1, 1), vessels.shape)
    inside = vessels[box]
    radius = local_radius_mm(inside, voxel_mm)[inside]
    progress.update(0.3)
    first, second, length = neighbor_pairs(inside, (voxel_mm,) * 3)
    ends = np.concatenate([first, second]), np.concatenate([second, first])
    climb = np.maximum(radius[ends[1]] - radius[ends[0]], 0.0)
    cost = (
        np.tile(length, 2) * (1 + NARROW_MM / np.maximum(radius[ends[0]], voxel_mm / 2))
        + WIDENING_COST * climb
    )
    graph = coo_array((cost, ends), shape=(radius.size, radius.size)).tocsr()
    ways = []
    for number, root in enumerate((portal_root, hepatic_root)):
        progress.update(0.4 + 0.3 * number)
        seeds = np.flatnonzero((root[box] & inside)[inside])
        ways.append(
            dijkstra(graph, indices=seeds, min_only=True) if seeds.size else np.full(radius.size, np.inf)
        )
    labels = np.zeros(inside.shape, np.uint8)
    labels[inside] = np.where(np.isinf(ways[0]) & np.isinf(ways[1]), 0, np.where(ways[0] <= ways[1], 1, 2))
    labels = _with_islands(labels, inside, (voxel_mm,) * 3)
    portal[box], hepatic[box] = labels == 1, labels == 2
    progress.update(1.0)
    return portal, hepatic


def local_radius_mm(mask: Mask, voxel_mm: float) -> NDArray[np.float32]:
    """Return the radius of the widest ball inside a mask that holds each voxel, in steps; 0 outside."""
    depth = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=voxel_mm)[1:-1, 1:-1, 1:-1]
    radius = np.zeros(mask.shape, np.float32)
    widest = float(depth.max(initial=0.0))
    for level in np.linspace(voxel_mm, widest, LEVELS) if widest > voxel_mm else [voxel_mm]:
        core = depth >= level
        if core.any():
            reached = mask & (ndimage.distance_transform_edt(~core, sampling=voxel_mm) < level)
            radius[reached] = level
    radius[mask & (radius == 0)] = voxel_mm / 2
    return radius


def _with_islands(
    labels: NDArray[np.uint8], mask: Mask, spacing_zyx_mm: Sequence[float]
) -> NDArray[np.uint8]:
    """Return labels with those of parts that have none: of the nearest voxel that has one, the nearest part first."""
    known = labels > 0
    if not known.any():
        return labels
    parts, count = ndimage.label(mask & ~known, structure=np.ones((3, 3, 3)))
    if not count:
        return labels
    distance, nearest = ndimage.distance_transform_edt(~known, sampling=spacing_zyx_mm, return_indices=True)
    places = ndimage.minimum_position(distance, parts, range(1, count + 1))
    chosen = np.array([0, *(labels[tuple(nearest[:, z, y, x])] for z, y, x in places)], np.uint8)
    return np.where(known, labels, chosen[parts])
