"""Shapes as signed distances (negative inside, mm) on regular grids, and the smooth noise that deforms them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.voxels.boxes import Box
from LiverTumorAttentionLib.voxels.geometry import interpolate, interpolate_axis

Array = NDArray[np.float32]
Coordinates = tuple[Array, Array, Array]  # x, y, z, each (z, y, x) or broadcasting to it
Triple = tuple[float, float, float]  # x, y, z

FAR_MM = 6.0  # distances to tubes are computed up to here


@dataclass(frozen=True)
class Grid:
    """A regular grid: origin and spacing as (x, y, z) in mm, shape as (z, y, x)."""

    origin: Triple
    spacing: Triple
    shape: tuple[int, int, int]

    @staticmethod
    def over(low: Sequence[float], high: Sequence[float], spacing_mm: float) -> Grid:
        """Return the isotropic grid that covers the box from `low` to `high` (x, y, z; mm)."""
        count = [max(2, int(np.ceil((b - a) / spacing_mm)) + 1) for a, b in zip(low, high, strict=True)]
        return Grid(
            (float(low[0]), float(low[1]), float(low[2])), (spacing_mm,) * 3, (count[2], count[1], count[0])
        )

    def axis(self, which: int) -> Array:
        """Return the positions (mm) along axis 0 = x, 1 = y, 2 = z."""
        steps = np.arange(self.shape[2 - which], dtype=np.float32)
        return np.float32(self.origin[which]) + np.float32(self.spacing[which]) * steps

    def coordinates(self) -> Coordinates:
        """Return x (1, 1, X), y (1, Y, 1) and z (Z, 1, 1), which broadcast to the grid's shape."""
        return self.axis(0)[None, None, :], self.axis(1)[None, :, None], self.axis(2)[:, None, None]

    def crop(self, box: Box) -> Grid:
        """Return the part of this grid that `box` (z, y, x slices with plain start and stop) selects."""
        starts = [box[2].start, box[1].start, box[0].start]
        origin = [o + s * k for o, s, k in zip(self.origin, self.spacing, starts, strict=True)]
        shape = tuple(b.stop - b.start for b in box)
        return Grid((origin[0], origin[1], origin[2]), self.spacing, (shape[0], shape[1], shape[2]))

    def box_around(self, other: Grid) -> tuple[slice, slice, slice]:
        """Return the (z, y, x) slices of the voxels that `other` covers."""
        spans = []
        for k in (2, 1, 0):
            low = int(np.ceil((other.origin[k] - self.origin[k]) / self.spacing[k]))
            high = int(np.floor((other.high()[k] - self.origin[k]) / self.spacing[k])) + 1
            size = self.shape[2 - k]
            spans.append(slice(min(max(low, 0), size), min(max(high, low, 0), size)))
        return spans[0], spans[1], spans[2]

    def box_of(self, part: Grid) -> tuple[slice, slice, slice]:
        """Return the (z, y, x) slices that select `part`, a crop of this grid."""
        start = [round((part.origin[k] - self.origin[k]) / self.spacing[k]) for k in (2, 1, 0)]
        z, y, x = (slice(a, a + n) for a, n in zip(start, part.shape, strict=True))
        return z, y, x

    def high(self) -> Triple:
        """Return the position (x, y, z; mm) of the last voxel."""
        x, y, z = (
            o + s * (n - 1) for o, s, n in zip(self.origin, self.spacing, self.shape[::-1], strict=True)
        )
        return x, y, z

    def indices(self, points: Coordinates) -> list[Array]:
        """Return the fractional (z, y, x) indices of points given as x, y, z arrays of one shape."""
        return [(points[k] - np.float32(self.origin[k])) / np.float32(self.spacing[k]) for k in (2, 1, 0)]


def sample(values: Array, grid: Grid, points: Coordinates) -> Array:
    """Interpolate `values` on `grid` linearly at points (x, y, z arrays); edge values are repeated beyond it."""
    shape = np.broadcast_shapes(*(p.shape for p in points))
    index = np.stack([np.broadcast_to(i, shape) for i in grid.indices(points)])
    return interpolate(values, index, np.float32)


def upsample(values: Array, grid: Grid, target: Grid) -> Array:
    """Interpolate `values` on `grid` linearly onto `target`, axis by axis (fast); the edge value is repeated."""
    for which in (2, 1, 0):
        values = interpolate_axis(
            values, 2 - which, grid.origin[which], grid.spacing[which], target.axis(which)
        )
    return values


def smooth_noise(rng: np.random.Generator, shape: tuple[int, ...], sigma: float | Sequence[float]) -> Array:
    """Return Gaussian noise smoothed by `sigma` voxels, with mean 0 and standard deviation 1."""
    noise = ndimage.gaussian_filter(
        rng.standard_normal(shape, dtype=np.float32), sigma, mode="wrap", truncate=3.0
    )
    noise -= noise.mean()
    return (noise / max(float(noise.std()), 1e-6)).astype(np.float32)


def ellipsoid(
    points: Coordinates, center: Triple, axes: Triple, tilt: float = 0.0, lean: float = 0.0
) -> Array:
    """Return the approximate signed distance to an ellipsoid with half axes `axes` (mm).

    tilt turns it about y (the upper pole to the left, radians), lean about x (the upper pole to the back).
    """
    x, y, z = (p - np.float32(c) for p, c in zip(points, center, strict=True))
    if tilt:
        c, s = np.float32(np.cos(tilt)), np.float32(np.sin(tilt))
        x, z = c * x - s * z, s * x + c * z
    if lean:
        c, s = np.float32(np.cos(lean)), np.float32(np.sin(lean))
        y, z = c * y - s * z, s * y + c * z
    qx, qy, qz = (v / np.float32(a) for v, a in zip((x, y, z), axes, strict=True))
    k0 = np.sqrt(qx * qx + qy * qy + qz * qz)
    qx, qy, qz = (v / np.float32(a) for v, a in zip((qx, qy, qz), axes, strict=True))
    k1 = np.sqrt(qx * qx + qy * qy + qz * qz)
    return k0 * (k0 - 1) / np.maximum(k1, np.float32(1e-6))


def oval(
    x: Array, y: Array, center: tuple[float, float], axes: tuple[float, float], power: float = 2.0
) -> Array:
    """Return the approximate signed distance to a superelliptic cylinder along z."""
    qx = np.abs(x - np.float32(center[0])) / np.float32(axes[0])
    qy = np.abs(y - np.float32(center[1])) / np.float32(axes[1])
    if power == 2.0:
        return (np.sqrt(qx * qx + qy * qy) - 1) * np.float32(min(axes))
    norm = np.power(np.power(qx, np.float32(power)) + np.power(qy, np.float32(power)), np.float32(1 / power))
    return (norm - 1) * np.float32(min(axes))


def smooth_max(a: Array, b: Array, radius: float) -> Array:
    """Intersect two shapes with an edge rounded over `radius` mm."""
    h = np.maximum(np.float32(radius) - np.abs(a - b), 0)
    return np.maximum(a, b) + h * h * np.float32(0.25 / radius)


def smooth_min(a: Array, b: Array, radius: float) -> Array:
    """Unite two shapes with a fillet of `radius` mm."""
    h = np.maximum(np.float32(radius) - np.abs(a - b), 0)
    return np.minimum(a, b) - h * h * np.float32(0.25 / radius)


def tube(
    grid: Grid,
    points: NDArray[np.floating],
    radii: NDArray[np.floating],
    links: NDArray[np.integer] | None = None,
    squash: Triple = (1.0, 1.0, 1.0),
) -> Array:
    """Return the signed distance (cut at FAR_MM) to tapering capsules on `grid`.

    points (n, 3) x, y, z in mm; radii (n,); links (m, 2) pairs of point numbers, by default one after the
    other; squash divides distances along x, y, z (2 makes the tube twice as wide that way).
    """
    if links is None:
        links = np.stack([np.arange(len(points) - 1), np.arange(1, len(points))], axis=1)
    out = np.full(grid.shape, FAR_MM, np.float32)
    x, y, z = grid.coordinates()
    origin, spacing = np.array(grid.origin), np.array(grid.spacing)
    limit = np.array(grid.shape[::-1])
    stretch = np.array(squash)
    for i, j in links:
        reach = (max(radii[i], radii[j]) + FAR_MM) * stretch
        low = np.maximum(np.floor((np.minimum(points[i], points[j]) - reach - origin) / spacing), 0).astype(
            int
        )
        high = np.ceil((np.maximum(points[i], points[j]) + reach - origin) / spacing).astype(int) + 1
        high = np.minimum(high, limit)
        if np.any(high <= low):
            continue
        box = (slice(low[2], high[2]), slice(low[1], high[1]), slice(low[0], high[0]))
        start = (points[i] / stretch).astype(np.float32)
        along = ((points[j] - points[i]) / stretch).astype(np.float32)
        dx = x[:, :, box[2]] / np.float32(stretch[0]) - start[0]
        dy = y[:, box[1], :] / np.float32(stretch[1]) - start[1]
        dz = z[box[0], :, :] / np.float32(stretch[2]) - start[2]
        t = np.clip(
            (dx * along[0] + dy * along[1] + dz * along[2]) / max(float(along @ along), 1e-6), 0, 1
        ).astype(np.float32)
        distance = np.sqrt((dx - t * along[0]) ** 2 + (dy - t * along[1]) ** 2 + (dz - t * along[2]) ** 2) - (
            np.float32(radii[i]) + t * np.float32(radii[j] - radii[i])
        )
        np.minimum(out[box], distance, out=out[box])
    return out


def curve(
    points: Sequence[Sequence[float]] | NDArray[np.floating], step_mm: float = 6.0
) -> NDArray[np.float64]:
    """Return a smooth curve (Catmull-Rom) through control points, sampled about every `step_mm`."""
    p = np.asarray(points, float)
    p = np.concatenate([[2 * p[0] - p[1]], p, [2 * p[-1] - p[-2]]])
    pieces = []
    for k in range(1, len(p) - 2):
        count = max(1, int(np.ceil(np.linalg.norm(p[k + 1] - p[k]) / step_mm)))
        t = np.linspace(0, 1, count, endpoint=False)[:, None]
        a, b, c, d = p[k - 1], p[k], p[k + 1], p[k + 2]
        pieces.append(
            0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        )
    pieces.append(p[-2][None])
    return np.concatenate(pieces)
