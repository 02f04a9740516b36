"""Breathing and posture between the phases as a smooth invertible displacement field.

A portal point p lies at phi(p) = p + u(p) in the arterial volume. `inverse` gives v with phi^-1(q) = q + v(q),
by the fixed point v <- -u(q + v), which converges because u changes by less than 1 mm a millimeter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.phantoms.shapes import (
    Array,
    Coordinates,
    Grid,
    Triple,
    sample,
    smooth_noise,
    upsample,
)

MAX_DISPLACEMENT_MM = 25.0
MIN_JACOBIAN = 0.35  # reached by damping the field; the promise to users is 0.2
NODE_MM = 5.0


@dataclass(frozen=True)
class Motion:
    """The field between the phases on a grid of nodes NODE_MM apart; linear between them.

    u, v: forward and inverse displacement as (x, y, z) components of shape (Z, Y, X), mm.
    """

    grid: Grid
    u: tuple[Array, Array, Array]
    v: tuple[Array, Array, Array]

    def forward(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Map portal points (n, 3) to the arterial volume."""
        return points + self._at(self.u, points)

    def backward(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Map arterial points (n, 3) to the portal volume."""
        return points + self._at(self.v, points)

    def _at(self, parts: tuple[Array, Array, Array], points: NDArray[np.floating]) -> NDArray[np.float64]:
        where = tuple(points[:, k].astype(np.float32) for k in range(3))
        return np.stack([sample(c, self.grid, where) for c in parts], axis=1).astype(np.float64)  # type: ignore[arg-type]

    def on(self, grid: Grid) -> tuple[Array, Array, Array]:
        """Return u's components on another grid."""
        x, y, z = (upsample(c, self.grid, grid) for c in self.u)
        return x, y, z

    def portal_points(self, grid: Grid) -> Coordinates:
        """Return phi^-1 of every voxel of `grid` as x, y, z arrays."""
        x, y, z = (upsample(c, self.grid, grid) + p for c, p in zip(self.v, grid.coordinates(), strict=True))
        return x, y, z


def no_motion(grid: Grid) -> Motion:
    """Return the field that leaves everything where it is."""
    nodes = Grid.over(grid.origin, grid.high(), 20.0)
    zero = np.zeros(nodes.shape, np.float32)
    return Motion(nodes, (zero, zero, zero), (zero, zero, zero))


def draw_motion(
    rng: np.random.Generator, grid: Grid, liver: Triple, spine: Triple, reach: Triple, largest_mm: float
) -> Motion:
    """Draw a field over `grid`.

    liver, spine: centers (x, y, z; mm) of what breathes most and least; reach: half sizes of the part of
    the body that breathes; largest_mm: the drawn field's greatest length, at most MAX_DISPLACEMENT_MM.
    """
    nodes = Grid.over(grid.origin, grid.high(), NODE_MM)
    x, y, z = nodes.coordinates()
    dx, dy, dz = (
        ((p - np.float32(c)) / np.float32(r)) ** 2 for p, c, r in zip((x, y, z), liver, reach, strict=True)
    )
    breathing = np.exp(-0.5 * (dx + dy + dz))
    away = ((x - np.float32(spine[0])) / 45) ** 2 + ((y - np.float32(spine[1])) / 45) ** 2
    breathing = breathing * (1 - 0.85 * np.exp(-0.5 * away))
    breathing /= breathing.max()

    amplitude = float(rng.choice([-1, 1])) * rng.uniform(0.25, 1.0)
    forward_share, side_share = rng.uniform(0.05, 0.35), rng.uniform(-0.12, 0.12)
    u = [side_share * amplitude * breathing, forward_share * amplitude * breathing, -amplitude * breathing]

    local = rng.uniform(0.03, 0.14)
    for k in range(3):
        u[k] = u[k] + local * smooth_noise(rng, nodes.shape, 28.0 / NODE_MM) * (0.3 + 0.7 * breathing)
    scale = largest_mm / max(float(np.sqrt(u[0] ** 2 + u[1] ** 2 + u[2] ** 2).max()), 1e-6)
    u = [c * np.float32(scale) for c in u]

    shift, angles = rng.normal(0, 0.08 * largest_mm, 3), np.deg2rad(rng.normal(0, 0.5, 3))
    rx, ry, rz = x - np.float32(spine[0]), y - np.float32(spine[1]), z - np.float32(spine[2])
    u[0] = u[0] + shift[0] + angles[1] * rz - angles[2] * ry
    u[1] = u[1] + shift[1] + angles[2] * rx - angles[0] * rz
    u[2] = u[2] + shift[2] + angles[0] * ry - angles[1] * rx
    length = float(np.sqrt(u[0] ** 2 + u[1] ** 2 + u[2] ** 2).max())
    damping = min(1.0, largest_mm / max(length, 1e-6))
    while True:
        x, y, z = ((c * damping).astype(np.float32) for c in u)
        field = (x, y, z)
        if jacobian(field, nodes).min() >= MIN_JACOBIAN:
            break
        damping *= 0.9
    return Motion(nodes, field, inverse(field, nodes))


def inverse(u: tuple[Array, Array, Array], nodes: Grid) -> tuple[Array, Array, Array]:
    """Return v on the nodes with v(q) = -u(q + v(q))."""
    start = nodes.coordinates()
    v = (-u[0], -u[1], -u[2])
    for _ in range(12):
        points = (v[0] + start[0], v[1] + start[1], v[2] + start[2])
        new = (-sample(u[0], nodes, points), -sample(u[1], nodes, points), -sample(u[2], nodes, points))
        change = max(float(np.abs(a - b).max()) for a, b in zip(new, v, strict=True))
        v = new
        if change < 0.005:
            break
    return v


def jacobian(u: tuple[Array, Array, Array], grid: Grid) -> Array:
    """Return the determinant of the gradient of p + u(p) on `grid`."""
    g = [
        [np.gradient(c, grid.spacing[axis], axis=2 - axis) + (1.0 if k == axis else 0.0) for axis in range(3)]
        for k, c in enumerate(u)
    ]
    return (
        g[0][0] * (g[1][1] * g[2][2] - g[1][2] * g[2][1])
        - g[0][1] * (g[1][0] * g[2][2] - g[1][2] * g[2][0])
        + g[0][2] * (g[1][0] * g[2][1] - g[1][1] * g[2][0])
    ).astype(np.float32)
