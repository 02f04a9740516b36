"""Vessels for the painter: a tree that divides where the organ it feeds is divided.

A trunk leads to the middle of the organ; the organ is cut in two by a plane through that middle, and a branch leads to
the middle of each half; and so on until a piece is small. Every node but the leaves is a point of branching.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SMALLEST_PIECE_ML = 12.0


@dataclass(frozen=True)
class Tree:
    """Nodes (n, 3) in mm (z, y, x), links (m, 2) parent to child, and each link's radius in mm."""

    nodes: np.ndarray
    links: np.ndarray
    radii: np.ndarray

    def branchings(self, least_mm: float) -> np.ndarray:
        """Return the nodes (k, 3) with more than one child that a vessel of at least this radius leads to."""
        children = np.bincount(self.links[:, 0], minlength=len(self.nodes))
        radius = np.zeros(len(self.nodes))
        radius[self.links[:, 1]] = self.radii
        return self.nodes[(children > 1) & (radius >= least_mm)]


def grow(
    rng: np.random.Generator, organ: np.ndarray, voxel_mm: float, root: np.ndarray, trunk_mm: float
) -> Tree:
    """Return a tree from `root` (mm; z, y, x) into the mask `organ`, its trunk of radius `trunk_mm`."""
    points = (np.argwhere(organ) * voxel_mm).astype(np.float32)
    points = points[rng.permutation(len(points))[:20_000]]
    ml = np.count_nonzero(organ) * voxel_mm**3 / 1000 / len(points)
    whole = len(points)
    nodes, links, radii = [root], [], []

    def divide(piece: np.ndarray, parent: int) -> None:
        centre = piece.mean(axis=0)
        nodes.append(nodes[parent] + rng.uniform(0.55, 0.8) * (centre - nodes[parent]))
        node = len(nodes) - 1
        links.append((parent, node))
        radii.append(max(trunk_mm * (len(piece) / whole) ** (1 / 2.7), 0.8))
        if len(piece) * ml < SMALLEST_PIECE_ML:
            return
        _, _, axes = np.linalg.svd(piece - centre, full_matrices=False)
        normal = axes[0] + 0.3 * rng.normal(size=3)
        side = (piece - centre) @ normal > rng.normal(0, 4.0)
        for half in (piece[side], piece[~side]):
            if len(half) > 20:
                divide(half, node)

    divide(points, 0)
    return Tree(np.array(nodes), np.array(links), np.array(radii))


def coverage(tree: Tree, shape: tuple[int, ...], voxel_mm: float) -> np.ndarray:
    """Return how much of each voxel (z, y, x) the vessels fill, 0 to 1."""
    out = np.zeros(shape, np.float32)
    for (a, b), radius in zip(tree.links, tree.radii, strict=True):
        start, stop = tree.nodes[a], tree.nodes[b]
        low = np.maximum(np.floor((np.minimum(start, stop) - radius - 2) / voxel_mm), 0).astype(int)
        high = np.minimum(np.ceil((np.maximum(start, stop) + radius + 2) / voxel_mm) + 1, shape).astype(int)
        if np.any(high <= low):
            continue
        box = tuple(slice(p, q) for p, q in zip(low, high, strict=True))
        at = np.moveaxis(np.indices(tuple(high - low)), 0, -1) * voxel_mm + low * voxel_mm
        along = stop - start
        share = np.clip((at - start) @ along / max(along @ along, 1e-6), 0, 1)
        distance = np.linalg.norm(at - start - share[..., None] * along, axis=-1)
        np.maximum(out[box], np.clip((radius - distance) / voxel_mm + 0.5, 0, 1), out=out[box])
    return out
