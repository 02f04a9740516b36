"""Known motions of a label map: smooth ones, and ones that slide along a surface.

Source of the idea of sliding: Risser et al., Medical Image Analysis 17 (2013): motion that is discontinuous along
the surface of an organ, but only tangentially. Here it holds by composition. Let psi be a smooth motion
of everything and sigma a smooth motion that maps the inside of a surface S onto itself. Then

    phi(p) = psi(sigma(p)) inside of S,    phi(p) = psi(p) outside

leaves no gap and no overlap, since both sides of S end on psi(S); what is between them moves along S alone.
sigma is the flow of a velocity whose part along the normal of S fades to nothing at S; on the nodes below it leaves
S by about 0.1 mm.

Fields are (3, z, y, x) in mm on nodes `NODE_MM` apart, the first node in the middle of the map's first voxel; points
are (..., 3) in mm from there, as z, y, x.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

NODE_MM = 4.0
FLAT_MM, FADE_MM = 7.0, 24.0
"""How far from the surface the velocity has no normal part, and over how much more it grows to all of it.

The first is what the nodes around a point of the surface may be away from it: interpolation brings nothing across.
"""
FLOW_STEPS = 8
LEAST_JACOBIAN = 0.3
MOST_STRAIN = 0.8
"""Greatest singular value of a displacement's gradient: below 1 it is inverted by fixed point everywhere."""


@dataclass(frozen=True, kw_only=True)
class Motion:
    """phi, with the inverses of its parts.

    surface: signed distance (mm) to S at the nodes, negative inside; None where nothing slides.
    """

    psi: np.ndarray
    psi_back: np.ndarray
    sigma: np.ndarray
    sigma_back: np.ndarray
    surface: np.ndarray | None

    def forward(self, points: np.ndarray) -> np.ndarray:
        """Return where points of the label map lie after the motion."""
        return moved(moved(points, self.sigma, self._inside(points)), self.psi)

    def backward(self, points: np.ndarray) -> np.ndarray:
        """Return where points after the motion came from."""
        before = returned(points, self.psi, self.psi_back)
        return returned(before, self.sigma, self.sigma_back, self._inside(before))

    def _inside(self, points: np.ndarray) -> np.ndarray | None:
        return None if self.surface is None else read(self.surface, points) < 0


def smooth_motion(rng: np.random.Generator, organ: np.ndarray, largest_mm: float) -> Motion:
    """Return smoothed noise and a shift, at most `largest_mm` long in the organ (mask at the nodes)."""
    psi = _noise(rng, organ.shape, rng.uniform(28, 40)) + 0.7 * rng.normal(size=(3, 1, 1, 1))
    psi = damped(largest_mm * bounded(psi, organ))
    none = np.zeros_like(psi)
    return Motion(psi=psi, psi_back=inverse(psi), sigma=none, sigma_back=none, surface=None)


def sliding_motion(
    rng: np.random.Generator,
    inside: np.ndarray,
    velocity: np.ndarray,
    organ: np.ndarray,
    *,
    smooth_mm: float,
    sliding_mm: float,
) -> Motion:
    """Return a motion in which what is `inside` slides, by at most `sliding_mm` in the organ.

    inside, organ: masks at the nodes; where inside reaches the end of the map it goes on. velocity: at the
    nodes, of any unit. smooth_mm: greatest length of the smooth motion of everything.
    """
    surface = signed_distance(inside)
    sigma = flow(sliding_mm * bounded(tangential(velocity, surface), organ))
    smooth = smooth_motion(rng, organ, smooth_mm)
    return Motion(
        psi=smooth.psi, psi_back=smooth.psi_back, sigma=sigma, sigma_back=inverse(sigma), surface=surface
    )


def breathing_velocity(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return the velocity of what a diaphragm pushes: down or up, a little forward, not everywhere alike."""
    main = np.array([rng.choice([-1.0, 1.0]), rng.uniform(-0.3, 0.3), rng.uniform(-0.15, 0.15)])
    return main[:, None, None, None] + 0.25 * _noise(rng, shape, 45.0)


def turning_velocity(rng: np.random.Generator, organ: np.ndarray) -> np.ndarray:
    """Return the velocity of an organ that turns in its bed."""
    centre = np.argwhere(organ).mean(axis=0)
    away = np.stack([i - c for i, c in zip(np.indices(organ.shape), centre, strict=True)])
    axis = rng.normal(size=3)
    turn = np.cross(axis / np.linalg.norm(axis), away, axisa=0, axisb=0, axisc=0)
    return turn / np.abs(turn[:, organ]).max() + 0.1 * _noise(rng, organ.shape, 40.0)


def signed_distance(inside: np.ndarray) -> np.ndarray:
    """Return the smoothed distance (mm, negative inside) to a mask's surface; the map's ends are no surface."""
    pad = 16
    inside = np.pad(inside, pad, mode="edge")
    distance = ndimage.distance_transform_edt(~inside) - ndimage.distance_transform_edt(inside)
    return NODE_MM * ndimage.gaussian_filter(distance, 1.5)[(slice(pad, -pad),) * 3].astype(np.float32)


def tangential(velocity: np.ndarray, surface: np.ndarray) -> np.ndarray:
    """Return the velocity w without its part along the gradient g of the distance d to the surface.

    w - s(d) (w . g) g / |g|^2, s falling smoothly from 1 to 0; where g nearly vanishes, between two sides, nothing
    is taken away.
    """
    g = np.stack(np.gradient(surface, NODE_MM))
    along = (velocity * g).sum(axis=0) / np.maximum((g**2).sum(axis=0), 0.4)
    far = np.clip((np.abs(surface) - FLAT_MM) / FADE_MM, 0, 1)
    return (velocity - (1 - far**2 * (3 - 2 * far)) * along * g).astype(np.float32)


def flow(velocity: np.ndarray) -> np.ndarray:
    """Return the displacement after following the velocity for a time of 1, or less where it would nearly fold."""
    start, time = nodes(velocity.shape[1:]), 1.0
    while True:
        at = start
        for _ in range(FLOW_STEPS):
            half = moved(at, velocity * np.float32(0.5 * time / FLOW_STEPS))
            at = at + read(velocity, half) * np.float32(time / FLOW_STEPS)
        field = np.moveaxis(at - start, -1, 0)
        if is_gentle(field):
            return field
        time *= 0.85


def damped(field: np.ndarray) -> np.ndarray:
    """Return a displacement, shortened until it is far from folding."""
    while not is_gentle(field):
        field = 0.9 * field
    return field.astype(np.float32)


def bounded(field: np.ndarray, organ: np.ndarray) -> np.ndarray:
    """Return a field scaled to a greatest length of 1 in the organ."""
    return field / max(float(np.linalg.norm(field, axis=0)[organ].max()), 1e-6)


def inverse(field: np.ndarray, steps: int = 25) -> np.ndarray:
    """Return v with v(q) = -u(q + v(q)) at the nodes, by fixed point."""
    start = nodes(field.shape[1:])
    v = np.moveaxis(-field, 0, -1)
    for _ in range(steps):
        new = -read(field, start + v)
        change, v = np.abs(new - v).max(), new
        if change < 1e-3:
            break
    return np.moveaxis(v, -1, 0)


def moved(points: np.ndarray, field: np.ndarray, where: np.ndarray | None = None) -> np.ndarray:
    """Return points moved by a displacement; only those of `where`, when it is given."""
    u = read(field, points)
    return points + (u if where is None else u * where[..., None])


def returned(
    points: np.ndarray, field: np.ndarray, back: np.ndarray, where: np.ndarray | None = None
) -> np.ndarray:
    """Return where a displacement took points from: its inverse at the nodes, made exact between them."""
    before = points + read(back, points)
    for _ in range(12):
        new = points - read(field, before)
        change, before = np.abs(new - before).max(), new
        if change < 0.01:
            break
    return before if where is None else np.where(where[..., None], before, points)


def read(values: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return a field (3, z, y, x) or scalar (z, y, x) at points, linearly; beyond the nodes the edge goes on."""
    at = np.moveaxis(points, -1, 0) / np.float32(NODE_MM)
    if values.ndim == 3:
        return ndimage.map_coordinates(values, at, order=1, mode="nearest")
    return np.stack([ndimage.map_coordinates(c, at, order=1, mode="nearest") for c in values], axis=-1)


def nodes(shape: tuple[int, ...]) -> np.ndarray:
    """Return the points (z, y, x, 3) of a grid of nodes."""
    return np.moveaxis(np.indices(shape, dtype=np.float32), 0, -1) * np.float32(NODE_MM)


def is_gentle(field: np.ndarray) -> bool:
    """Whether a displacement is far from folding and can be inverted."""
    steep = gradient(field)
    strain = np.linalg.eigvalsh(np.swapaxes(steep, -1, -2) @ steep)[..., -1]
    return bool(jacobian(field).min() >= LEAST_JACOBIAN and strain.max() <= MOST_STRAIN**2)


def jacobian(field: np.ndarray) -> np.ndarray:
    """Return the determinant of the gradient of p + u(p)."""
    return np.linalg.det(gradient(field) + np.eye(3))


def gradient(field: np.ndarray) -> np.ndarray:
    """Return du/dp (z, y, x, 3, 3) at the nodes."""
    steep = np.stack([np.stack(np.gradient(part, NODE_MM)) for part in field])
    return np.moveaxis(steep, (0, 1), (-2, -1))


def _noise(rng: np.random.Generator, shape: tuple[int, ...], sigma_mm: float) -> np.ndarray:
    """Return smooth noise (3, z, y, x) of deviation 1."""
    sigma = sigma_mm / NODE_MM
    noise = rng.standard_normal((3, *shape), dtype=np.float32)
    noise = ndimage.gaussian_filter(noise, (0, sigma, sigma, sigma), mode="reflect", truncate=3.0)
    return noise / noise.std()
