"""Lesions, vessels and lesion mimics of a synthetic liver."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from training.augmentation.random_fields import smooth_noise

Volumes = Sequence[NDArray[np.float32]]

# HU relative to the liver at the center, half way and at the rim: (portal venous), (arterial); a range each.
# Patterns follow the enhancement that PA-ResSeg's five lesion types show.
_PATTERNS: dict[str, tuple[tuple[tuple[float, float], ...], tuple[tuple[float, float], ...]]] = {
    "cyst": (((-120, -50),) * 3, ((-75, -30),) * 3),
    "metastasis": (((-70, -25), (-60, -20), (-40, -5)), ((-45, -10), (-35, -5), (-10, 45))),
    "hcc": (((-45, -10), (-45, -10), (-35, 5)), ((10, 60), (20, 70), (15, 65))),
    "hemangioma": (((-45, 10), (-30, 40), (10, 60)), ((-40, -10), (-35, 0), (20, 110))),
    "fnh": (((-12, 10), (-6, 14), (-6, 14)), ((0, 45), (35, 90), (35, 90))),
}


def add_vessels(
    volumes: Volumes,
    liver: NDArray[np.bool_],
    vein_hu: Sequence[float],
    rng: np.random.Generator,
    spacing: Sequence[float],
) -> None:
    """Draw branching vessels through the liver, in place, as bright or dark as the phase's veins."""
    count = int(rng.integers(3, 16))
    seeds = np.argwhere(liver)
    step_mm = 2.0
    hub = seeds[rng.integers(len(seeds))] * 0.5 + seeds.mean(axis=0) * 0.5
    points: list[NDArray[np.float64]] = []
    radii: list[NDArray[np.float64]] = []
    for _ in range(count):
        steps = int(rng.integers(15, 55))
        start_radius = rng.uniform(1.2, 6.0)
        end = seeds[rng.integers(len(seeds))]
        turn = np.cumsum(rng.normal(0, 0.25, (steps, 3)), axis=0)
        direction = (end - hub) * spacing
        direction = direction / max(float(np.linalg.norm(direction)), 1e-3)
        path = hub * spacing + np.cumsum(direction + 0.5 * turn, axis=0) * step_mm
        points.append(path / spacing)
        radii.append(np.linspace(start_radius, 0.8, steps))
    path_index = np.rint(np.concatenate(points)).astype(int)
    radius = np.concatenate(radii)
    keep = np.all((path_index >= 0) & (path_index < liver.shape), axis=1)
    path_index, radius = path_index[keep], radius[keep]
    vessel = np.zeros(liver.shape, bool)
    for low, high in ((0, 1.6), (1.6, 2.6), (2.6, 4.0), (4.0, 9.0)):
        chosen = path_index[(radius >= low) & (radius < high)]
        if len(chosen):
            skeleton = np.ones(liver.shape, bool)
            skeleton[tuple(chosen.T)] = False
            vessel |= ndimage.distance_transform_edt(skeleton, sampling=spacing) <= (low + high) / 2
    vessel &= liver
    if rng.random() < 0.15:
        return
    for volume, hu in zip(volumes, vein_hu, strict=True):
        volume[vessel] = hu


def add_liver_texture(
    volumes: Volumes, liver: NDArray[np.bool_], rng: np.random.Generator, spacing: Sequence[float]
) -> None:
    """Add what mimics a lesion, in place: fatty change with vague borders, fat-filled fissures, mottling."""
    shape = liver.shape
    mottle = smooth_noise(rng, shape, spacing, rng.uniform(4, 12))
    for volume in volumes:
        volume[liver] += rng.uniform(0, 6) * mottle[liver]
    if rng.random() < 0.35:
        patch = smooth_noise(rng, shape, spacing, rng.uniform(40, 80))
        soft = 1 / (1 + np.exp(-(patch - 1.0) * 4))
        change = rng.uniform(-25, 20)
        for volume in volumes:
            volume[liver] += change * soft[liver]
    if rng.random() < 0.5:
        inside = np.argwhere(liver)
        point = inside[rng.integers(len(inside))] * spacing
        normal = rng.normal(0, (0.3, 1, 1))
        normal /= np.linalg.norm(normal)
        along = np.cross(normal, rng.normal(0, 1, 3))
        along /= max(float(np.linalg.norm(along)), 1e-3)
        grid = np.meshgrid(*(np.arange(n) * s for n, s in zip(shape, spacing, strict=True)), indexing="ij")
        off = sum((g - p) * n for g, p, n in zip(grid, point, normal, strict=True))
        reach = sum((g - p) * a for g, p, a in zip(grid, point, along, strict=True))
        bend = 4 * smooth_noise(rng, shape, spacing, 40)
        fissure = liver & (np.abs(off + bend) < rng.uniform(0.8, 3.0)) & (reach > 0)
        for volume in volumes:
            volume[fissure] = rng.uniform(-90, -20)


def implant_lesions(
    volumes: Volumes,
    liver: NDArray[np.bool_],
    liver_hu: Sequence[float],
    rng: np.random.Generator,
    spacing: Sequence[float],
    *,
    count: int,
) -> NDArray[np.bool_]:
    """Implant up to `count` lesions of 5 to 80 mm, in place; return their mask, (z, y, x)."""
    mask = np.zeros(liver.shape, bool)
    inside = np.argwhere(liver)
    for _ in range(count):
        diameter = float(np.clip(np.exp(rng.normal(np.log(18), 0.65)), 5, 80))
        center = inside[rng.integers(len(inside))]
        shape_mm = diameter / 2 * np.exp(rng.normal(0, 0.15, 3))
        box, radius = _normalized_radius(liver.shape, center, shape_mm, rng, spacing)
        body = (radius < 1) & liver[box]
        if mask[box][radius < 1.4].any() or body.sum() < 0.6 * (radius < 1).sum():
            continue
        profiles = _profiles(rng, diameter)
        texture = smooth_noise(rng, radius.shape, spacing, rng.uniform(4, 10))
        grain = rng.uniform(0, 8)
        for volume, base, profile in zip(volumes, liver_hu, profiles, strict=True):
            relative = np.interp(
                radius, (0, 0.5, 0.85, 1.0), (profile[0], profile[1], profile[2], profile[2])
            )
            value = base + relative + grain * texture
            volume[box][body] = value[body]
        mask[box] |= body
    return mask


def _normalized_radius(
    shape: Sequence[int],
    center: NDArray[np.integer],
    half_axes_mm: NDArray[np.float64],
    rng: np.random.Generator,
    spacing: Sequence[float],
) -> tuple[tuple[slice, ...], NDArray[np.float64]]:
    """Return the box around a lesion, and the radius inside it: 1 on the lesion's bumpy surface."""
    reach = [int(np.ceil(1.8 * half_axes_mm.max() / s)) + 1 for s in spacing]
    box = tuple(slice(max(0, c - r), min(n, c + r + 1)) for c, r, n in zip(center, reach, shape, strict=True))
    axes = [
        ((np.arange(b.start, b.stop) - c) * s / h) ** 2
        for b, c, s, h in zip(box, center, spacing, half_axes_mm, strict=True)
    ]
    radius = np.sqrt(axes[0][:, None, None] + axes[1][None, :, None] + axes[2][None, None, :])
    wavelength = max(6.0, float(half_axes_mm.mean()))
    bumps = smooth_noise(rng, radius.shape, spacing, wavelength)
    return box, radius * (1 + rng.uniform(0, 0.15) * bumps)


def _profiles(rng: np.random.Generator, diameter: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return HU relative to the liver at center, half way and rim, for the portal and the arterial phase.

    One of the five types, or free; redrawn until the lesion shows in at least one phase. Small ones have to
    show more: what noise hides cannot be learnt, only guessed.
    """
    needed = 14.0 if diameter > 15 else 20.0
    while True:
        if rng.random() < 0.65:
            kind = str(rng.choice(list(_PATTERNS)))
            portal, arterial = (
                np.array([rng.uniform(*span) for span in pattern]) for pattern in _PATTERNS[kind]
            )
        else:
            portal, arterial = (
                rng.uniform(-70, 60) + rng.normal(0, 8, 3),
                rng.uniform(-50, 80) + rng.normal(0, 8, 3),
            )
        if max(np.abs(portal).mean(), np.abs(arterial).mean()) >= needed:
            return portal, arterial
