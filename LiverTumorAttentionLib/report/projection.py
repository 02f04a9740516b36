"""Orthographic projection of solids along the patient's axes: depth, shading and compositing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.report.solids import IsotropicGrid, Solid

Floats = NDArray[np.float32]
Color = tuple[float, float, float]
"""Red, green and blue, 0 to 1."""

LIGHT = np.array([-0.80, -0.48, -0.36])
"""Direction of the light, (depth, down, right): from the viewer, from above, from the left."""
AMBIENT, DIFFUSE, SHINE = 0.38, 0.62, 0.22
SHINE_EXPONENT = 24


@dataclass(frozen=True)
class ViewDirection:
    """A direction of view along one of the patient's axes.

    order: the array axes (z, y, x) of depth, down and right; turned: which of them are reversed.
    letters: what lies at the top, the right, the bottom and the left of the picture.
    """

    name: str
    order: tuple[int, int, int]
    turned: tuple[bool, bool, bool]
    letters: tuple[str, str, str, str]

    def reoriented(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return an array (z, y, x) as (depth, down, right); no copy."""
        view = values.transpose(self.order)
        return view[tuple(slice(None, None, -1 if turned else 1) for turned in self.turned)]

    def size(self, cubes: IsotropicGrid) -> tuple[int, int]:
        """Return rows and columns of the picture, one pixel a voxel."""
        return cubes.shape[self.order[1]], cubes.shape[self.order[2]]

    def window(self, solid: Solid, cubes: IsotropicGrid) -> tuple[int, slice, slice]:
        """Return where a solid lies: its first depth, and its rows and columns."""
        first = []
        for axis, turned in zip(self.order, self.turned, strict=True):
            start, length = solid.start[axis], solid.values.shape[axis]
            first.append(cubes.shape[axis] - start - length if turned else start)
        rows, columns = (solid.values.shape[axis] for axis in self.order[1:])
        return first[0], slice(first[1], first[1] + rows), slice(first[2], first[2] + columns)

    def vector(self, lps: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
        """Return a direction of the patient (L, P, S) as (depth, down, right)."""
        zyx = np.asarray(lps, float)[::-1]
        signs = np.where(self.turned, -1.0, 1.0)
        laid: NDArray[np.float64] = zyx[list(self.order)] * signs
        return laid


VIEW_DIRECTIONS = (
    ViewDirection("from the front", (1, 0, 2), (False, True, False), ("S", "L", "I", "R")),
    ViewDirection("from the patient's right", (2, 0, 1), (False, True, True), ("S", "A", "I", "P")),
    ViewDirection("from below, as slices are seen", (0, 1, 2), (False, False, False), ("A", "L", "P", "R")),
)


@dataclass(frozen=True)
class Layer:
    """One surface in a picture, (rows, columns): depth in voxels, infinite where there is none, color and opacity."""

    depth: Floats
    color: Floats
    opacity: Floats


@dataclass(frozen=True)
class VisibleSurface:
    """The visible surface of a solid, (rows, columns): depth in voxels, and unit normals (depth, down, right)."""

    depth: Floats
    normal: Floats


def visible_surface(solid: Solid, direction: ViewDirection, cubes: IsotropicGrid) -> VisibleSurface:
    """Return where rays first hit a solid, to a fraction of a voxel; infinite depth where they miss it."""
    values = direction.reoriented(solid.values)
    inside = values >= solid.level
    first = inside.argmax(axis=0)
    hit = np.nonzero(inside.any(axis=0))
    level = first[hit]
    there, nearer = (level, *hit), (np.maximum(level - 1, 0), *hit)
    here, before = values[there], values[nearer]
    back = np.where(level > 0, (here - solid.level) / np.maximum(here - before, 1e-6), 0.0)
    slope = _gradient(values, there)
    slope += back[:, None] * (_gradient(values, nearer) - slope)
    normal = -slope / np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), 1e-6)

    start, rows, columns = direction.window(solid, cubes)
    depth = np.full(direction.size(cubes), np.inf, np.float32)
    normals = np.zeros((*direction.size(cubes), 3), np.float32)
    depth[rows, columns][hit] = start + level - back
    normals[rows, columns][hit] = normal
    return VisibleSurface(depth, normals)


def visible_sheet(
    field: Solid, within: Solid, direction: ViewDirection, cubes: IsotropicGrid
) -> VisibleSurface:
    """Return where rays first pass from one side of a sheet to the other inside a solid.

    field: its values are above 0 on one side and below on the other; on the same cubes as `within`.
    """
    height, inside = direction.reoriented(field.values), direction.reoriented(within.values) >= within.level
    above = height > 0
    passes = (above[1:] != above[:-1]) & inside[1:] & inside[:-1]
    first = passes.argmax(axis=0)
    hit = np.nonzero(passes.any(axis=0))
    there, here = (first[hit], *hit), (first[hit] + 1, *hit)
    before, behind = height[there], height[here]
    slope = _gradient(height, there)
    normal = slope / np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), 1e-6)
    normal = np.where(normal[:, :1] > 0, -normal, normal)  # towards the eye

    start, rows, columns = direction.window(within, cubes)
    depth = np.full(direction.size(cubes), np.inf, np.float32)
    normals = np.zeros((*direction.size(cubes), 3), np.float32)
    depth[rows, columns][hit] = start + first[hit] + before / (before - behind)
    normals[rows, columns][hit] = normal
    return VisibleSurface(depth, normals)


def shaded(normal: Floats, color: Color | Floats) -> Floats:
    """Return the color (rows, columns, 3) of a surface: ambient, diffuse and specular (Blinn-Phong)."""
    light = LIGHT / np.linalg.norm(LIGHT)
    half = light + np.array([-1.0, 0.0, 0.0])
    half /= np.linalg.norm(half)
    bright = AMBIENT + DIFFUSE * np.clip(normal @ light, 0.0, 1.0)
    shine = SHINE * np.clip(normal @ half, 0.0, 1.0) ** SHINE_EXPONENT
    return np.asarray(
        np.clip(np.asarray(color) * bright[..., None] + shine[..., None], 0.0, 1.0), dtype=np.float32
    )


def composite(layers: Sequence[Layer]) -> NDArray[np.uint8]:
    """Return the picture of layers, composited front to back, RGBA (rows, columns, 4)."""
    depth = np.stack([sheet.depth for sheet in layers])
    order = depth.argsort(axis=0, kind="stable")
    color = np.stack([sheet.color for sheet in layers])
    opacity = np.stack([np.where(np.isfinite(sheet.depth), sheet.opacity, 0.0) for sheet in layers])
    seen = np.zeros((*depth.shape[1:], 3), np.float32)
    covered = np.zeros(depth.shape[1:], np.float32)
    for rank in order:
        share = np.take_along_axis(opacity, rank[None], axis=0)[0] * (1.0 - covered)
        seen += share[..., None] * np.take_along_axis(color, rank[None, :, :, None], axis=0)[0]
        covered += share
    picture = np.zeros((*covered.shape, 4), np.float32)
    picture[..., :3] = seen / np.maximum(covered, 1e-6)[..., None]
    picture[..., 3] = covered
    return np.asarray(np.rint(255.0 * np.clip(picture, 0.0, 1.0)), dtype=np.uint8)


def _gradient(values: NDArray[Any], place: tuple[NDArray[Any], ...]) -> NDArray[np.float64]:
    """Return the gradient (N, 3) of an array at places, by central differences."""
    slopes = []
    for axis in range(3):
        up, down = list(place), list(place)
        up[axis] = np.minimum(place[axis] + 1, values.shape[axis] - 1)
        down[axis] = np.maximum(place[axis] - 1, 0)
        slopes.append(values[tuple(up)].astype(float) - values[tuple(down)])
    return np.stack(slopes, axis=1)
