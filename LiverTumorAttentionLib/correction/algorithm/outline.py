"""A closed outline that was drawn in one slice: which voxels lie in the slice, which of them the outline encloses.

Positions are in grid millimetres: voxel index (z, y, x) times spacing. The slice may lie along the grid or across it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.correction.algorithm.block_grid import BlockGrid, Field, Mask
from LiverTumorAttentionLib.correction.case import CorrectionCase, Voxel
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.boxes import Box
from LiverTumorAttentionLib.voxels.geometry import Point

Values = NDArray[np.float64]

FEWEST_POINTS, MOST_POINTS = 3, 5000
LONGEST_MM = 250.0
"""Largest extent of an outline; a larger one encloses the whole liver."""
RASTER = 64
"""Steps of that raster along the outline, at least where voxels are not far smaller."""
ROOM_MM = 6.0
"""How far around the outline its depth is known on a raster."""


class Outline:
    """A closed outline in the voxels of a case.

    points: LPS mm, in the order they were drawn; the last one is joined to the first by a straight line.
    Raises `InputError` for what is no outline in one slice, and for points outside of the volume.
    """

    def __init__(self, case: CorrectionCase, points: Sequence[Point]) -> None:
        if not FEWEST_POINTS <= len(points) <= MOST_POINTS:
            raise InputError(
                f"an outline has {FEWEST_POINTS} to {MOST_POINTS} points, got {len(points)}: draw around the lesion"
            )
        for point in points:
            case.voxel_at(point)
        index = np.array([case.portal.TransformPhysicalPointToContinuousIndex(list(p))[::-1] for p in points])
        self._spacing = np.asarray(case.spacing_mm)
        self._shape = case.start.shape
        corners = index * self._spacing
        if float(np.ptp(corners, axis=0).max()) > LONGEST_MM:
            raise InputError(
                f"an outline is at most {LONGEST_MM:g} mm long, got {np.ptp(corners, axis=0).max():.0f} mm: "
                "draw around one lesion"
            )
        self._middle, self._axes = _plane(index, self._spacing)
        self._half_mm = 0.5 * float(np.abs(self._axes[0]) @ self._spacing)
        height = (corners - self._middle) @ self._axes[0]
        if float(np.abs(height).max()) > self._half_mm + 1e-6:
            raise InputError(
                f"the points of the outline lie up to {np.abs(height).max():.1f} mm off one slice: draw it in one slice"
            )
        self._corners: Values = _thinned(
            (corners - self._middle) @ self._axes[1:].T, 0.25 * float(self._spacing.min())
        )
        if abs(_area(self._corners)) < 1e-6 or not self.depth_mm.max() > 0:
            raise InputError(
                "the outline encloses nothing: draw it around the lesion, back to where it begins"
            )

    @property
    def radius_mm(self) -> float:
        """Radius of the disk of the enclosed area."""
        return float(np.sqrt(np.count_nonzero(self.depth_mm > 0) * self._step**2 / np.pi))

    def box(self, along_mm: float, margin_mm: float) -> Box:
        """Return the box of voxels around the outline: by so much on both sides of its slice, and around it in it."""
        low, high = self._corners.min(axis=0) - margin_mm, self._corners.max(axis=0) + margin_mm
        corners = np.array([(h, u, v) for h in (-along_mm, along_mm) for u in (low[0], high[0])
                            for v in (low[1], high[1])])  # fmt: skip
        places = (self._middle + corners @ self._axes) / self._spacing
        first = np.clip(np.floor(places.min(axis=0)), 0, np.asarray(self._shape) - 1).astype(int)
        last = np.clip(np.ceil(places.max(axis=0)), first, np.asarray(self._shape) - 1).astype(int)
        return tuple(slice(int(a), int(b) + 1) for a, b in zip(first, last, strict=True))

    def slab(self, box: Box) -> Mask:
        """Return the voxels of a box that the slice passes through; touching a corner is not passing through."""
        height = self._height(_voxel_axes(box, self._spacing))
        return np.asarray(np.abs(height) < self._half_mm * (1 - 1e-6))

    def passes(self, voxel: Voxel) -> bool:
        """Tell whether the slice passes through a voxel."""
        return bool(self.slab(tuple(slice(i, i + 1) for i in voxel)).any())

    def enclosed(self, box: Box) -> Mask:
        """Return the voxels of a box that the slice passes through and whose centers the outline encloses.

        Of an outline that crosses itself, all that it goes around.
        """
        slab = self.slab(box)
        places = (np.argwhere(slab) + [side.start for side in box]) * self._spacing
        inside = _encloses(self._corners, (places - self._middle) @ self._axes[1:].T)
        slab[slab] = inside
        return slab

    def excess(self, grid: BlockGrid) -> Field:
        """Return how far blocks lie beyond the solid that the outline swells to, in radii; at most 0 within.

        At a point whose depth in the outline is d, the solid reaches sqrt(d (2 r - d)) to both sides of the slice,
        with the largest depth r: of a circle, a ball.
        """
        axes = grid.axes_mm()
        height = np.abs(self._height(axes))
        depth = self._depth_at(np.stack([self._in_plane(axes, k) for k in (1, 2)], axis=-1))
        largest = float(self.depth_mm.max())
        half = np.sqrt(np.maximum(depth, 0) * np.maximum(2 * largest - depth, 0))
        beyond = np.hypot(np.maximum(height - half, 0), np.maximum(-depth, 0))
        return np.asarray(beyond / largest, np.float32)

    def height_mm(self, grid: BlockGrid) -> Field:
        """Return how far blocks lie off the slice."""
        return np.abs(self._height(grid.axes_mm())).astype(np.float32)

    def deepest(self, inside: Mask, box: Box) -> tuple[Voxel, float]:
        """Return the voxel of those `inside` of a box that lies deepest in the outline, and its depth in mm.

        Of equally deep ones, to a hundredth of a millimetre, the first in array order.
        """
        places = np.argwhere(inside) + [side.start for side in box]
        depth = self._depth_at((places * self._spacing - self._middle) @ self._axes[1:].T)
        best = int(np.argmax(np.round(depth, 2)))
        z, y, x = (int(i) for i in places[best])
        return (z, y, x), float(depth[best])

    def beside(self, within: int, around: int, off_mm: float) -> tuple[list[Voxel], list[Voxel]]:
        """Return about so many voxels well inside of the outline, and around it, that far off, evenly by direction."""
        largest, step = float(self.depth_mm.max()), self._step
        deep = self.depth_mm >= 0.5 * largest
        ring = (self.depth_mm <= -off_mm) & (self.depth_mm > -off_mm - 1.5 * step)
        return self._spread(deep, within), self._spread(ring, around)

    def _spread(self, raster: NDArray[np.bool_], count: int) -> list[Voxel]:
        """Return voxels of a mask of the raster, evenly by their direction from its middle."""
        places = np.argwhere(raster)
        if not len(places):
            return []
        u, v = (places - places.mean(axis=0)).T
        order = np.argsort(np.round(np.arctan2(v, u), 6), kind="stable")
        chosen = places[order[np.linspace(0, len(order), count, endpoint=False).astype(int)]]
        index = (self._middle + (self._first + self._step * chosen) @ self._axes[1:]) / self._spacing
        inside = (index > -0.5).all(axis=1) & (index < np.asarray(self._shape) - 0.5).all(axis=1)
        voxels = [(int(z), int(y), int(x)) for z, y, x in np.rint(index[inside])]
        return list(dict.fromkeys(voxels))

    @cached_property
    def depth_mm(self) -> Values:
        """Distance to the outline, negative outside of it, on a raster of its plane."""
        count = [
            int(np.ceil(side / self._step)) + 1 for side in np.ptp(self._corners, axis=0) + 2 * self._room
        ]
        axes = [self._first[k] + self._step * np.arange(count[k]) for k in range(2)]
        places = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        inside = _encloses(self._corners, places.reshape(-1, 2)).reshape(places.shape[:2])
        half = 0.5 * self._step
        within = ndimage.distance_transform_edt(inside, sampling=self._step) - half
        beyond = ndimage.distance_transform_edt(~inside, sampling=self._step) - half
        return np.where(inside, within, -beyond)

    @property
    def _step(self) -> float:
        """Step of the raster: of a voxel, and less for a small outline."""
        extent = float(np.ptp(self._corners, axis=0).max())
        return float(np.clip(extent / RASTER, 0.25 * self._spacing.min(), self._spacing.min()))

    @property
    def _room(self) -> float:
        return ROOM_MM + 2 * self._step

    @property
    def _first(self) -> Values:
        return np.asarray(self._corners.min(axis=0) - self._room)

    def _depth_at(self, places: Values) -> Values:
        """Return the depth at places of the plane (…, 2); beyond the raster, less by the distance to it."""
        index = (places - self._first) / self._step
        last = np.asarray(self.depth_mm.shape) - 1
        nearest = np.clip(np.rint(index), 0, last).astype(int)
        off = np.sqrt(((np.clip(index, 0, last) - index) ** 2).sum(axis=-1)) * self._step
        return np.asarray(self.depth_mm[nearest[..., 0], nearest[..., 1]] - off)

    def _height(self, axes: Sequence[Values]) -> Values:
        return self._in_plane(axes, 0)

    def _in_plane(self, axes: Sequence[Values], which: int) -> Values:
        """Return the coordinate along an axis of the plane (0: across it) of the grid of points of three axes."""
        z, y, x = (
            (axis - middle) * part
            for axis, middle, part in zip(axes, self._middle, self._axes[which], strict=True)
        )
        return np.asarray(z[:, None, None] + y[None, :, None] + x[None, None, :])


def _plane(index: Values, spacing: Values) -> tuple[Values, Values]:
    """Return the middle (mm) of the plane of voxel positions, and its normal and its own two axes, as rows.

    A slice along the grid is that slice exactly; any other plane is the one of least squares.
    """
    for axis in range(3):
        if np.ptp(np.rint(index[:, axis])) == 0:
            middle = index.mean(axis=0)
            middle[axis] = np.rint(index[0, axis])
            return middle * spacing, np.eye(3)[[axis, *(k for k in range(3) if k != axis)]]
    places = index * spacing
    middle = places.mean(axis=0)
    _, _, rows = np.linalg.svd(places - middle, full_matrices=True)
    return middle, rows[[2, 0, 1]]


def _voxel_axes(box: Box, spacing: Values) -> list[Values]:
    return [np.arange(side.start, side.stop) * step for side, step in zip(box, spacing, strict=True)]


def _thinned(corners: Values, least_mm: float) -> Values:
    """Return a path without the points that lie nearer than that to the one before."""
    kept = [corners[0]]
    for corner in corners[1:]:
        if np.hypot(*(corner - kept[-1])) >= least_mm:
            kept.append(corner)
    return np.asarray(kept)


def _area(corners: Values) -> float:
    u, v = corners.T
    return 0.5 * float(np.sum(u * np.roll(v, -1) - v * np.roll(u, -1)))


def _encloses(corners: Values, places: Values) -> NDArray[np.bool_]:
    """Return which places (n, 2) a polygon winds around.

    Source: Sunday, Inclusion of a point in a polygon, 2001: crossings upward less crossings downward.
    """
    winding = np.zeros(len(places), int)
    u, v = places.T
    for (u0, v0), (u1, v1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        side = (u1 - u0) * (v - v0) - (u - u0) * (v1 - v0)
        winding += (v0 <= v) & (v < v1) & (side > 0)
        winding -= (v1 <= v) & (v < v0) & (side < 0)
    return np.asarray(winding != 0)
