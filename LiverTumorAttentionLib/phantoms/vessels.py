"""Portal and hepatic veins inside the liver: trees of tapering tubes that grow towards scattered points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.phantoms.patient import Field
from LiverTumorAttentionLib.phantoms.render import Layer
from LiverTumorAttentionLib.phantoms.scene import STRUCTURES, Scene, Spaces
from LiverTumorAttentionLib.phantoms.shapes import curve, tube

STEP_MM = 5.0
MURRAY = 2.7  # a parent's radius to this power is the sum of its children's


@dataclass(frozen=True)
class Tree:
    """A vessel tree in portal coordinates: points (n, 3), radii (n,) in mm, and links (m, 2) parent to child."""

    name: str
    points: NDArray[np.float64]
    radii: NDArray[np.float64]
    links: NDArray[np.intp]


def grow_trees(scene: Scene, spaces: Spaces) -> list[Tree]:
    """Grow the portal and the hepatic venous tree inside the liver of the portal phase."""
    liver = spaces.field
    rng = scene.rng("trees")
    inside = _scatter(rng, spaces, int(rng.integers(110, 170)))
    portal_seed = [
        curve([[-2, -12, -36], [-14, -12, -18], [-26, -10, -2]]),
        curve([[-26, -10, -2], [-44, -4, 6], [-66, 2, 10]]),
        curve([[-26, -10, -2], [-10, -22, 10], [2, -42, 22], [0, -56, 26]]),
        curve([[-66, 2, 10], [-84, -22, 2]]),
        curve([[-66, 2, 10], [-86, 24, 16]]),
    ]
    hepatic_seed = [
        curve([[-17, 3, 68], [-40, 8, 56], [-72, 12, 36]]),
        curve([[-17, 3, 68], [-26, -18, 54], [-36, -40, 32]]),
        curve([[-17, 3, 68], [2, -22, 56], [18, -46, 44]]),
    ]
    half = len(inside) // 2
    wide = rng.uniform(0.85, 1.2)
    return [
        _grow(rng, liver, "portal_vein", portal_seed, inside[:half], 7.0 * wide, 0.8),
        _grow(rng, liver, "hepatic_vein", hepatic_seed, inside[half:], 5.6 * wide, 0.8),
    ]


def _scatter(rng: np.random.Generator, spaces: Spaces, count: int) -> NDArray[np.float64]:
    """Return points inside the liver, a few millimeters from its surface, spread by rejection."""
    grid = spaces.field.grid
    where = np.argwhere(spaces.liver < -5)
    if len(where) == 0:
        return np.zeros((0, 3))
    drawn = where[rng.integers(0, len(where), count * 12)][:, ::-1] * np.array(grid.spacing) + np.array(
        grid.origin
    )
    chosen: list[NDArray[np.float64]] = []
    for apart in (17.0, 12.0, 8.0):
        for p in drawn:
            if len(chosen) >= count:
                break
            if not chosen or np.min(np.linalg.norm(np.array(chosen) - p, axis=1)) > apart:
                chosen.append(p)
    return rng.permutation(np.array(chosen))


def _grow(
    rng: np.random.Generator,
    where: Field,
    name: str,
    seeds: list[NDArray[np.float64]],
    targets: NDArray[np.float64],
    trunk_mm: float,
    leaf_mm: float,
) -> Tree:
    """Join every target to the tree where nearness and a short way to the root are best balanced."""
    points: list[NDArray[np.float64]] = []
    parents: list[int] = []
    path: list[float] = []

    def add(point: NDArray[np.float64], parent: int) -> int:
        points.append(point)
        parents.append(parent)
        path.append(0.0 if parent < 0 else path[parent] + float(np.linalg.norm(point - points[parent])))
        return len(points) - 1

    for line in seeds:
        placed = where.place(line)
        if not points:
            last = add(placed[0], -1)
        else:
            last = int(np.argmin(np.linalg.norm(np.array(points) - placed[0], axis=1)))
        for p in placed[1:]:
            last = add(p, last)

    order = np.argsort(np.linalg.norm(targets - points[0], axis=1))
    for goal in targets[order]:
        tree = np.array(points)
        distance = np.linalg.norm(tree - goal, axis=1)
        start = int(np.argmin(distance + 0.35 * np.array(path)))
        count = max(1, int(distance[start] / STEP_MM))
        bow = np.cross(rng.normal(0, 1, 3), goal - tree[start])
        bow *= rng.uniform(0.03, 0.12) * distance[start] / max(float(np.linalg.norm(bow)), 1e-6)
        last = start
        for k in range(1, count + 1):
            t = k / count
            last = add(tree[start] + t * (goal - tree[start]) + np.sin(np.pi * t) * bow, last)

    flow = np.zeros(len(points))
    children = np.bincount([p for p in parents if p >= 0], minlength=len(points))
    flow[children == 0] = 1.0
    for k in range(len(points) - 1, 0, -1):
        flow[parents[k]] += flow[k]
    radii = leaf_mm * flow ** (1 / MURRAY)
    radii *= min(1.6, trunk_mm / max(float(radii.max()), 1e-6))
    links = np.array([(p, k) for k, p in enumerate(parents) if p >= 0], dtype=np.intp).reshape(-1, 2)
    # A child begins no thinner than it ends, and a side branch does not start as wide as its parent.
    return Tree(name, np.array(points), np.maximum(radii, 0.7), links)


def tree_layers(trees: list[Tree], spaces: Spaces, hu: dict[str, float], spacing_mm: float) -> list[Layer]:
    """Return the trees of one phase, cut to the liver where they leave it (the portal trunk stays)."""
    out = []
    for tree in trees:
        placed = tree.points if spaces.field.motion is None else spaces.field.motion.forward(tree.points)
        grid = spaces.field.box_around(placed, 10.0, spacing_mm)
        starts = np.minimum(tree.radii[tree.links[:, 0]], tree.radii[tree.links[:, 1]] * 1.25)
        ends = tree.radii[tree.links[:, 1]]
        pairs = np.stack([placed[tree.links[:, 0]], placed[tree.links[:, 1]]], axis=1).reshape(-1, 3)
        radii = np.stack([starts, ends], axis=1).reshape(-1)
        links = np.arange(len(pairs)).reshape(-1, 2)
        d = tube(grid, pairs, radii, links)
        if tree.name == "hepatic_vein":
            d = np.maximum(d, spaces.on("liver", grid) - 1.0)
        out.append(Layer(STRUCTURES[tree.name], grid, d, hu[tree.name], liver="in"))
    return out
