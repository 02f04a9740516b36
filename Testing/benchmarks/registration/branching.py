"""Where vessels divide, from a mask of the vessels.

A front runs through the vessel from its widest place. Cut into shells of equal way from there, one piece of a
shell follows another along a branch; a piece that two long branches follow is where the vessel divides.
Nothing has to be thinned, and branches shorter than `least_mm` do not count.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import SimpleITK as sitk
from scipy import ndimage, sparse
from scipy.sparse import csgraph

SHELL_MM = 5.0
LEAST_BRANCH_MM = 10.0
LEAST_VOXELS = 200
"""Vessels of fewer voxels are left out."""


def branch_points(vessels: sitk.Image, *, least_mm: float = LEAST_BRANCH_MM) -> np.ndarray:
    """Return the points (n, 3; LPS mm) where the vessels of a 0/1 mask divide."""
    mask = sitk.GetArrayViewFromImage(vessels) > 0
    labels, _ = ndimage.label(mask, np.ones((3, 3, 3)))
    spacing = np.array(vessels.GetSpacing())[::-1]
    found = []
    for part, where in enumerate(ndimage.find_objects(labels), start=1):
        own = np.pad(labels[where] == part, 1)
        if np.count_nonzero(own) >= LEAST_VOXELS:
            start = np.array([s.start - 1 for s in where])
            found += [index + start for index in _divisions(own, spacing, least_mm)]
    points = [vessels.TransformContinuousIndexToPhysicalPoint([float(v) for v in f[::-1]]) for f in found]
    return np.array(points).reshape(-1, 3)


def _divisions(mask: np.ndarray, spacing: np.ndarray, least_mm: float) -> list[np.ndarray]:
    """Return the indices (z, y, x) where one connected vessel divides."""
    voxels = np.argwhere(mask)
    graph = _neighbours(mask, spacing)
    root = int(np.argmax(ndimage.distance_transform_edt(mask, sampling=spacing)[tuple(voxels.T)]))
    shell = (csgraph.dijkstra(graph, directed=False, indices=root) / SHELL_MM).astype(int)
    graph = graph.tocoo()
    same = shell[graph.row] == shell[graph.col]
    within = sparse.coo_array((graph.data[same], (graph.row[same], graph.col[same])), graph.shape)
    count, piece = csgraph.connected_components(within, directed=False)
    height = np.zeros(count, int)
    of_piece = np.zeros(count, int)
    of_piece[piece] = shell
    a, b = piece[graph.row[~same]], piece[graph.col[~same]]
    links = np.unique(
        np.stack([np.where(of_piece[a] < of_piece[b], a, b), np.where(of_piece[a] < of_piece[b], b, a)]),
        axis=1,
    )
    children: dict[int, list[int]] = {}
    for near, far in links.T[np.argsort(-of_piece[links[1]], kind="stable")]:
        height[near] = max(height[near], height[far] + 1)
        children.setdefault(int(near), []).append(int(far))
    long = least_mm / SHELL_MM
    divided = [p for p, c in children.items() if sum(height[k] + 1 >= long for k in c) >= 2]
    return [voxels[piece == p].mean(axis=0) for p in sorted(divided)]


def _neighbours(mask: np.ndarray, spacing: np.ndarray) -> sparse.csr_array:
    """Return the graph of a mask's voxels and their 26 neighbors, weighted by their distance in mm."""
    number = np.full(mask.shape, -1, np.int32)  # as csgraph asks for in scipy 1.13, which Slicer 5.10 ships
    number[mask] = np.arange(np.count_nonzero(mask))
    rows, columns, lengths = [], [], []
    for offset in product((-1, 0, 1), repeat=3):
        if offset <= (0, 0, 0):
            continue
        here = number[
            tuple(slice(max(0, -o), n - max(0, o)) for o, n in zip(offset, mask.shape, strict=True))
        ]
        there = number[
            tuple(slice(max(0, o), n + min(0, o)) for o, n in zip(offset, mask.shape, strict=True))
        ]
        both = (here >= 0) & (there >= 0)
        rows.append(here[both])
        columns.append(there[both])
        lengths.append(np.full(np.count_nonzero(both), np.linalg.norm(offset * spacing)))
    size = int(np.count_nonzero(mask))
    edges = (np.concatenate(lengths), (np.concatenate(rows), np.concatenate(columns)))
    return sparse.csr_array(edges, shape=(size, size))
