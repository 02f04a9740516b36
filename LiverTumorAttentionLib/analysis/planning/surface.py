"""A curved surface that cuts the liver, through points that a surgeon placed.

    height above the points' plane   h(u, v) = a . (1, u, v) + sum b_i r_i^2 log r_i,    r_i = |(u, v) - (u_i, v_i)|

with b and a such that the surface passes through every point and bends as little as can be: a thin plate. Three points,
or more in one plane, give that plane. Beyond the points the plate runs on, ever flatter.

Source: Duchon, Splines minimizing rotation-invariant semi-norms in Sobolev spaces, 1977; Meinguet 1979.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.analysis.planning.plane import SHORTEST_NORMAL
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.geometry import Point

Floats = NDArray[np.float64]

LEAST_POINTS, MOST_POINTS = 3, 60
NARROWEST_MM = 1.0
"""Points spread less than this across their line span no plane."""
NEAREST_MM = 0.5
"""Two points nearer than this, seen along the plane's normal, would be one place with two heights."""
STEEPEST = 0.02
"""Cosine of the angle between the way to the part that is taken out and the plane, below which no side can be told."""


@dataclass(frozen=True, kw_only=True)
class CutSurface:
    """A surface in the patient.

    points_lps_mm: 3 to 60 places that it passes through. toward_lps: the direction, of any length, that points to the
    part that is taken out. Raises `InputError` when they span none.
    """

    points_lps_mm: tuple[Point, ...]
    toward_lps: Point

    def __post_init__(self) -> None:
        if not LEAST_POINTS <= len(self.points_lps_mm) <= MOST_POINTS:
            raise InputError(
                f"a curved cut needs {LEAST_POINTS} to {MOST_POINTS} points, got {len(self.points_lps_mm)}: add or "
                "remove points"
            )
        for values in (*self.points_lps_mm, self.toward_lps):
            if len(values) != 3 or not np.isfinite(values).all():
                raise InputError(
                    f"points and direction of a curved cut must be three finite numbers each (L, P, S), got {values}: "
                    "give three numbers"
                )
        _ = self._plate

    def height_mm(self, position_mm: Floats) -> Floats:
        """Return how high positions (..., 3) lie above the surface along its plane's normal; above 0: taken out."""
        across, height = self.in_plane(position_mm)
        return height - self._at(across)

    def slope(self, position_mm: Floats) -> Floats:
        """Return how the height changes with the position: (..., 3) LPS, per mm; across the surface where it is 0."""
        _, axes, _, knots, weights, flat = self._plate
        across, _ = self.in_plane(position_mm)
        way = across[..., None, :] - knots
        square = np.maximum((way**2).sum(axis=-1), 1e-12)
        bent = ((weights * (1.0 + np.log(square)))[..., None] * way).sum(axis=-2)
        rise = bent + flat[1:]
        return np.asarray(axes[2] - rise[..., :1] * axes[0] - rise[..., 1:] * axes[1])

    def flipped(self) -> CutSurface:
        """Return the same surface with what is taken out and what stays exchanged."""
        x, y, z = self.toward_lps
        return CutSurface(points_lps_mm=self.points_lps_mm, toward_lps=(-x, -y, -z))

    def points_at(self, across: Floats) -> Floats:
        """Return the points of the surface (..., 3), LPS mm, over places (..., 2) of its plane."""
        middle, axes, *_ = self._plate
        return np.asarray(middle + across @ axes[:2] + self._at(across)[..., None] * axes[2])

    def in_plane(self, position_mm: Floats) -> tuple[Floats, Floats]:
        """Return positions as (..., 2) in the points' plane, and how high above it."""
        middle, axes, *_ = self._plate
        local = (np.asarray(position_mm, float) - middle) @ axes.T
        return local[..., :2], local[..., 2]

    def _at(self, across: Floats) -> Floats:
        _, _, _, knots, weights, flat = self._plate
        bent = np.zeros(across.shape[:-1])
        for knot, weight in zip(knots, weights, strict=True):  # one by one, for the memory
            bent += weight * _kernel(((across - knot) ** 2).sum(axis=-1))
        return bent + flat[0] + across @ flat[1:]

    @cached_property
    def _plate(self) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats]:
        """Middle, axes (the normal last), unit direction, knots (n, 2), weights (n,) and plane (3,) of the plate."""
        points = np.asarray(self.points_lps_mm, float)
        toward = np.asarray(self.toward_lps, float)
        length = float(np.linalg.norm(toward))
        if length < SHORTEST_NORMAL:
            raise InputError(
                f"the direction of a curved cut must point somewhere, got {self.toward_lps}: give the direction of the "
                "part that is taken out"
            )
        middle = points.mean(axis=0)
        _, spread, axes = np.linalg.svd(points - middle)
        if spread[1] < NARROWEST_MM:
            raise InputError("the points of a curved cut lie on one line: add a point beside it")
        side = float(axes[2] @ toward) / length
        if abs(side) < STEEPEST:
            raise InputError(
                "the direction of a curved cut runs along its plane, so that no part is taken out: turn it"
            )
        axes = np.array([axes[0], axes[1], axes[2] * np.sign(side)])
        local = (points - middle) @ axes.T
        knots, heights = local[:, :2], local[:, 2]
        gaps = np.linalg.norm(knots[:, None] - knots[None], axis=-1) + np.diag([np.inf] * len(knots))
        if gaps.min() < NEAREST_MM:
            first, second = sorted(int(i) + 1 for i in np.unravel_index(int(gaps.argmin()), gaps.shape))
            raise InputError(
                f"the points {first} and {second} of a curved cut lie at one place or over each other: move one"
            )
        plane = np.column_stack([np.ones(len(knots)), knots])
        kernel = _kernel(((knots[:, None] - knots[None]) ** 2).sum(axis=-1))
        system = np.block([[kernel, plane], [plane.T, np.zeros((3, 3))]])
        found = np.linalg.solve(system, np.concatenate([heights, np.zeros(3)]))
        return middle, axes, toward / length, knots, found[:-3], found[-3:]


def _kernel(square: Floats) -> Floats:
    """Return r^2 log r of squared distances."""
    return np.asarray(0.5 * square * np.log(np.maximum(square, 1e-12)))
