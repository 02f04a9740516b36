"""A small abdomen that is known at every point, so that a moved copy of it is exact, not interpolated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

SIZE = (88, 72, 40)
SPACING = (3.6, 3.6, 5.0)
CENTRE = np.array([12.0, -30.0, 140.0])
Points = np.ndarray


def _ball(points: Points, centre: tuple[float, ...], radii: tuple[float, ...]) -> np.ndarray:
    """Return 1 well inside an ellipsoid, 0 well outside, smooth over about 3 mm; points (..., 3)."""
    scaled = (points - CENTRE - np.array(centre)) / np.array(radii)
    distance = (np.linalg.norm(scaled, axis=-1) - 1.0) * min(radii)
    return 1.0 / (1.0 + np.exp(np.clip(distance / 0.8, -30, 30)))


def liver_share(points: Points) -> np.ndarray:
    """Return how much of a point is liver, 0 to 1; points (..., 3) LPS mm."""
    right = _ball(points, (-50.0, 0.0, 5.0), (58.0, 62.0, 60.0))
    left = _ball(points, (5.0, -30.0, 20.0), (55.0, 35.0, 32.0))
    return np.maximum(right, left)


def abdomen_hu(points: Points, phase: str) -> np.ndarray:
    """Return HU at points (..., 3) LPS mm of the 'portal' or 'arterial' phase; contrast is remapped."""
    portal = phase == "portal"
    hu = np.full(points.shape[:-1], -1000.0)

    def put(share: np.ndarray, value: float) -> None:
        hu[...] = hu * (1 - share) + value * share

    put(_ball(points, (0.0, 0.0, 0.0), (145.0, 115.0, 900.0)), -100.0)
    put(_ball(points, (0.0, 0.0, 0.0), (132.0, 102.0, 900.0)), 55.0)
    put(_ball(points, (0.0, -10.0, 0.0), (118.0, 88.0, 900.0)), -80.0)
    put(_ball(points, (0.0, 75.0, 0.0), (22.0, 22.0, 900.0)), 350.0)
    put(_ball(points, (-10.0, 40.0, 0.0), (11.0, 11.0, 900.0)), 150.0 if portal else 320.0)
    put(liver_share(points), 110.0 if portal else 70.0)
    put(_ball(points, (78.0, 35.0, 20.0), (26.0, 34.0, 42.0)), 120.0 if portal else 150.0)
    put(_ball(points, (-62.0, 52.0, -60.0), (26.0, 24.0, 40.0)), 180.0 if portal else 200.0)
    put(_ball(points, (62.0, 52.0, -50.0), (26.0, 24.0, 40.0)), 180.0 if portal else 200.0)
    put(_ball(points, (40.0, -55.0, -25.0), (40.0, 20.0, 30.0)), 20.0)
    rng = np.random.default_rng(5)
    for _ in range(26):
        at = np.array([-50.0, -8.0, 8.0]) + rng.uniform(-1, 1, 3) * np.array([48.0, 48.0, 48.0])
        size = rng.uniform(5.0, 14.0)
        bright = rng.uniform() < 0.6
        value = (175.0 if portal else 85.0) if bright else (40.0 if portal else 45.0)
        put(_ball(points, tuple(at), (size, size * 0.7, size)) * liver_share(points), value)
    return hu


def no_motion(points: Points) -> np.ndarray:
    return np.zeros_like(points)


@dataclass(frozen=True)
class Case:
    """A two-phase pair with the truth: a portal point p lies at p + u(p) in the arterial volume."""

    portal: sitk.Image
    arterial: sitk.Image
    portal_liver: sitk.Image
    arterial_liver: sitk.Image
    u: Callable[[Points], np.ndarray]

    def liver_points(self) -> np.ndarray:
        found = np.argwhere(sitk.GetArrayViewFromImage(self.portal_liver) > 0)[::11, ::-1]
        columns = np.array(self.portal.GetDirection()).reshape(3, 3) * np.array(self.portal.GetSpacing())
        return found @ columns.T + np.array(self.portal.GetOrigin())

    def errors_mm(self, transform: sitk.Transform) -> np.ndarray:
        """Return the distance between where `transform` puts the liver's points and where they are."""
        points = self.liver_points()
        found = np.array([transform.TransformPoint(tuple(map(float, p))) for p in points])
        return np.linalg.norm(found - points - self.u(points), axis=1)


def empty_grid(
    size: tuple[int, ...] = SIZE,
    spacing: tuple[float, ...] = SPACING,
    direction: np.ndarray | None = None,
    shift: tuple[float, ...] = (0.0, 0.0, 0.0),
) -> sitk.Image:
    """Return a grid whose middle lies at CENTRE + shift."""
    direction = np.eye(3) if direction is None else direction
    grid = sitk.Image(list(size), sitk.sitkInt16)
    grid.SetSpacing(spacing)
    grid.SetDirection([float(v) for v in direction.ravel()])
    half = direction @ ((np.array(size) - 1) / 2 * np.array(spacing))
    grid.SetOrigin([float(v) for v in CENTRE + np.array(shift) - half])
    return grid


def points_of(grid: sitk.Image) -> np.ndarray:
    """Return the LPS points (z, y, x, 3) of a grid's voxels."""
    index = np.stack(np.meshgrid(*[np.arange(n) for n in grid.GetSize()[::-1]], indexing="ij")[::-1], axis=-1)
    columns = np.array(grid.GetDirection()).reshape(3, 3) * np.array(grid.GetSpacing())
    return index @ columns.T + np.array(grid.GetOrigin())


def inverted(u: Callable[[Points], np.ndarray], points: np.ndarray) -> np.ndarray:
    """Return q with q + u(q) = points, by fixed-point iteration."""
    found = points - u(points)
    for _ in range(12):
        found = points - u(found)
    return found


def rendered(grid: sitk.Image, phase: str, points: np.ndarray, seed: int) -> tuple[sitk.Image, sitk.Image]:
    """Return (volume, liver mask) on `grid`, showing the anatomy of `points` (z, y, x, 3)."""
    noise = np.random.default_rng(seed).normal(0.0, 8.0, points.shape[:-1])
    volume = sitk.GetImageFromArray(np.clip(abdomen_hu(points, phase) + noise, -1024, 2000).astype(np.int16))
    liver = sitk.GetImageFromArray((liver_share(points) > 0.5).astype(np.uint8))
    volume.CopyInformation(grid)
    liver.CopyInformation(grid)
    return volume, liver


def make_case(
    u: Callable[[Points], np.ndarray] = no_motion,
    *,
    arterial_grid: sitk.Image | None = None,
    portal_grid: sitk.Image | None = None,
) -> Case:
    portal_grid = portal_grid or empty_grid()
    arterial_grid = arterial_grid or empty_grid()
    portal, portal_liver = rendered(portal_grid, "portal", points_of(portal_grid), 1)
    inside = inverted(u, points_of(arterial_grid))
    arterial, arterial_liver = rendered(arterial_grid, "arterial", inside, 2)
    return Case(portal, arterial, portal_liver, arterial_liver, u)


def breathing(points: Points) -> np.ndarray:
    """Return a smooth displacement (mm) of up to about 17 mm that differs over the liver."""
    x, y, z = np.moveaxis((points - CENTRE) / 100.0, -1, 0)
    down = -11.0 - 5.0 * np.sin(1.6 * x + 0.4) * np.cos(1.2 * y)
    front = 4.0 * np.sin(1.9 * z) + 2.0 * x
    side = 3.0 * np.cos(2.1 * y + 1.0)
    return np.stack([side, front, down], axis=-1)
