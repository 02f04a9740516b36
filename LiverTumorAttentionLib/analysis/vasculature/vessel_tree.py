"""Centerlines of a vessel as a rooted tree: where each point drains to, how wide the vessel is there.

From the root the shortest ways run to the farthest voxel not yet accounted for, kept to the middle by a penalty near
the wall; what lies within the vessel's width of a way is accounted for by it. Parts that do not touch are joined by the
shortest gaps, the nearest first, so that every point knows the way to the root.

Source: Sato et al., TEASAR: tree-structure extraction algorithm for accurate and robust skeletons, Pacific Graphics
2000.
Departs: one shortest-path search for all ways instead of one for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from LiverTumorAttentionLib.analysis.vasculature.voxel_graph import neighbor_pairs
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.boxes import bounding_box, box_start, expanded_box
from LiverTumorAttentionLib.voxels.geometry import ImageAxes
from LiverTumorAttentionLib.voxels.morphology import CORNERS

MIDDLE_POWER = 8
"""How sharply ways keep to the middle."""
MIDDLE_WEIGHT = 20.0
"""How much dearer a step along the wall is than one in the middle of the widest place."""
WIDTH_SHARE, WIDTH_MM = 1.5, 2.5
"""A way accounts for what lies within this share of the vessel's radius, and so much farther, of it."""
ROOT_SHARE = 0.7
"""Of a part the root is sought where it is at least so wide, in share of its widest place."""


@dataclass(frozen=True)
class VesselTree:
    """A rooted tree of points, each after the one that it drains to.

    points_mm: (n, 3) LPS. radius_mm: (n,) of the vessel there. parent: (n,) number of the next point towards the root,
    -1 for the root itself. part: (n,) number of the connected part of the mask, the root's is 0.
    """

    points_mm: NDArray[np.float64]
    radius_mm: NDArray[np.float64]
    parent: NDArray[np.intp]
    part: NDArray[np.intp]

    @cached_property
    def step_mm(self) -> NDArray[np.float64]:
        """Length of the way to the parent, (n,); 0 for the root and across the gap to another part."""
        way = self.points_mm - self.points_mm[self.parent]
        same = (self.parent >= 0) & (self.part == self.part[self.parent])
        return np.where(same, np.linalg.norm(way, axis=1), 0.0)

    def downstream(self, number: int) -> NDArray[np.bool_]:
        """Return which points lie away from the root, seen from a point, that point among them."""
        found = np.zeros(len(self.parent), bool)
        found[number] = True
        for point in range(number + 1, len(found)):  # each stands after its parent
            found[point] = found[point] or (self.parent[point] >= 0 and found[self.parent[point]])
        return found

    def nearest(self, position_mm: Sequence[float]) -> tuple[int, float]:
        """Return the point nearest to a position, and how far it lies from it in mm."""
        distance = np.linalg.norm(self.points_mm - np.asarray(position_mm, float), axis=1)
        number = int(distance.argmin())
        return number, float(distance[number])


def vessel_tree(
    mask: NDArray[np.bool_],
    axes: ImageAxes,
    *,
    root_mm: Sequence[float] | None = None,
    organ: NDArray[np.bool_] | None = None,
) -> VesselTree:
    """Return the tree of a vessel.

    mask: (z, y, x), best on a grid of cubes. root_mm: LPS position near its root; None takes the outermost wide place.
    organ: what it lies in, of the mask's shape, which tells what is outermost; None takes the widest place.
    Raises `InputError` where there is no vessel.
    """
    box = bounding_box(mask)
    if box is None:
        raise InputError("there is no vessel whose branches could be told: segment it first")
    box = expanded_box(box, (1, 1, 1), mask.shape)
    inside = mask[box]
    spacing = axes.spacing_zyx_mm
    parts, count = ndimage.label(inside, structure=CORNERS)
    wall = ndimage.distance_transform_edt(np.pad(inside, 1), sampling=spacing)[1:-1, 1:-1, 1:-1]
    index = np.argwhere(inside)
    depth, number = wall[inside], parts[inside]
    place = axes.of_part(box_start(box)).position_mm(index)
    outward = None if organ is None else _outward(organ, box, spacing)[inside]
    pieces = []
    first, second, length = neighbor_pairs(inside, spacing)
    for part in range(1, count + 1):
        chosen = np.flatnonzero(number == part)
        joined = number[first] == part
        pieces.append(
            _Piece(
                chosen,
                np.searchsorted(chosen, first[joined]),
                np.searchsorted(chosen, second[joined]),
                length[joined],
            )
        )
    return _joined(pieces, place, depth, outward, root_mm)


@dataclass(frozen=True)
class _Piece:
    """A connected part: numbers of its voxels, and pairs of neighbors among them with their distance."""

    voxels: NDArray[np.intp]
    first: NDArray[np.intp]
    second: NDArray[np.intp]
    length: NDArray[np.float64]

    def ways(
        self, root: int, place: NDArray[np.float64], depth: NDArray[np.float64]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the voxels of the ways from a root, each after its parent, and their parents' places among them.

        root, and what is returned: numbers within the part. place, depth: of its voxels.
        """
        size = len(self.voxels)
        if size == 1:
            return np.zeros(1, np.intp), np.full(1, -1, np.intp)
        wall = 1.0 + MIDDLE_WEIGHT * (1.0 - depth / depth.max()).clip(0) ** MIDDLE_POWER
        cost = self.length * (wall[self.first] + wall[self.second]) / 2
        plain = coo_array((self.length, (self.first, self.second)), shape=(size, size)).tocsr()
        dear = coo_array((cost, (self.first, self.second)), shape=(size, size)).tocsr()
        far = dijkstra(plain, directed=False, indices=root)
        _, before = dijkstra(dear, directed=False, indices=root, return_predecessors=True)
        tree = cKDTree(place)
        rank = np.full(size, -1, np.intp)
        rank[root] = 0
        order, parents = [root], [-1]
        open_ = np.ones(size, bool)
        open_[tree.query_ball_point(place[root], WIDTH_SHARE * depth[root] + WIDTH_MM)] = False
        for end in np.argsort(-far, kind="stable"):
            if not open_[end]:
                continue
            way = [int(end)]
            while rank[way[-1]] < 0:
                way.append(int(before[way[-1]]))
            for voxel in way[-2::-1]:
                rank[voxel] = len(order)
                parents.append(int(rank[before[voxel]]))
                order.append(voxel)
            near = tree.query_ball_point(place[way], WIDTH_SHARE * depth[way] + WIDTH_MM)
            for found in near:
                open_[found] = False
        return np.array(order, np.intp), np.array(parents, np.intp)


def _joined(
    pieces: Sequence[_Piece],
    place: NDArray[np.float64],
    depth: NDArray[np.float64],
    outward: NDArray[np.float64] | None,
    root_mm: Sequence[float] | None,
) -> VesselTree:
    """Return the parts as one tree: the root's part, then always the part nearest to what is joined already."""
    if root_mm is None:
        start = max(range(len(pieces)), key=lambda k: len(pieces[k].voxels))
        root = _outermost(pieces[start].voxels, depth, outward)
    else:
        nearest = int(np.linalg.norm(place - np.asarray(root_mm, float), axis=1).argmin())
        start = next(k for k, piece in enumerate(pieces) if nearest in set(piece.voxels.tolist()))
        root = int(np.searchsorted(pieces[start].voxels, nearest))
    trees = {k: cKDTree(place[piece.voxels]) for k, piece in enumerate(pieces) if k != start}
    voxels, parents, part = [], [], []
    gaps = dict.fromkeys(trees, (np.inf, -1, -1))
    total, parent = 0, -1
    for number in range(len(pieces)):
        piece = pieces[start]
        own, before = piece.ways(root, place[piece.voxels], depth[piece.voxels])
        voxels.append(piece.voxels[own])
        parents.append(np.where(before < 0, parent, before + total))
        part.append(np.full(len(own), number, np.intp))
        for k in gaps:
            away, at = trees[k].query(place[voxels[-1]])
            nearest = int(np.argmin(away))
            gaps[k] = min(gaps[k], (float(away[nearest]), int(at[nearest]), total + nearest))
        total += len(own)
        if gaps:
            start = min(gaps, key=lambda k: gaps[k][0])
            _, root, parent = gaps.pop(start)
    chosen = np.concatenate(voxels)
    return VesselTree(
        place[chosen], np.maximum(depth[chosen], 0.0), np.concatenate(parents), np.concatenate(part)
    )


def _outermost(
    voxels: NDArray[np.intp], depth: NDArray[np.float64], outward: NDArray[np.float64] | None
) -> int:
    """Return which voxel of a part is its root: of the wide ones the one farthest out of the organ."""
    width = depth[voxels]
    if outward is None:
        return int(width.argmax())
    wide = width >= ROOT_SHARE * width.max()
    return int(np.where(wide, outward[voxels], -np.inf).argmax())


def _outward(
    organ: NDArray[np.bool_], box: tuple[slice, ...], spacing: Sequence[float]
) -> NDArray[np.float64]:
    """Return how far out of the organ each voxel of a box lies, below 0 inside, in mm."""
    part = organ[expanded_box(box, [int(np.ceil(40.0 / s)) for s in spacing], organ.shape)]
    inner = tuple(
        slice(b.start - max(0, b.start - int(np.ceil(40.0 / s))), None)
        for b, s in zip(box, spacing, strict=True)
    )
    beyond = ndimage.distance_transform_edt(~part, sampling=spacing)
    within = ndimage.distance_transform_edt(part, sampling=spacing)
    signed = (beyond - within)[inner]
    return np.asarray(signed[tuple(slice(0, b.stop - b.start) for b in box)])
