"""Lesions and lesion mimics of a liver, painted or real."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.voxels.boxes import bounding_box
from training.augmentation.random_fields import smooth_noise

Volumes = Sequence[NDArray[np.float32]]

PHASES = ("portal", "arterial", "plain")
_Range = tuple[float, float]
# HU relative to the liver at the center, half way and at the rim, in each of `PHASES`; a range each.
# Patterns follow the enhancement that PA-ResSeg's five lesion types show; without contrast agent little shows.
_PATTERNS: dict[str, tuple[tuple[_Range, ...], tuple[_Range, ...], tuple[_Range, ...]]] = {
    "cyst": (((-120, -50),) * 3, ((-75, -30),) * 3, ((-65, -30),) * 3),
    "metastasis": (
        ((-70, -25), (-60, -20), (-40, -5)),
        ((-45, -10), (-35, -5), (-10, 45)),
        ((-35, -10), (-30, -8), (-20, -2)),
    ),
    "hcc": (((-45, -10), (-45, -10), (-35, 5)), ((10, 60), (20, 70), (15, 65)), ((-25, 0),) * 3),
    "hemangioma": (((-45, 10), (-30, 40), (10, 60)), ((-40, -10), (-35, 0), (20, 110)), ((-30, -10),) * 3),
    "fnh": (((-12, 10), (-6, 14), (-6, 14)), ((0, 45), (35, 90), (35, 90)), ((-12, 4),) * 3),
}
_FREE: tuple[_Range, ...] = ((-70, 60), (-50, 80), (-45, 20))
"""Of a lesion of no type, in each of `PHASES`."""

DIAMETERS_MM = (4.0, 80.0)
FLUID_HU = -10.0
"""What no lesion is darker than, unless its liver is: it holds fluid at most, no fat."""
MASS_EFFECT_SHARE = 0.5
LOBED = 0.14
"""How much the surface of a small lesion is bumpy at most, as a share of its radius; twice as much for large ones."""
NECROSIS_MM = 25.0
"""Lesions from this diameter on may have a dead, dark part."""
NECROSIS_SHARE = 0.4
"""Share of them that have one."""
BRIGHT_HU = 10.0
"""Brighter than the liver by more is bright."""
BRIGHT_KEPT = 0.08
"""Share of the draws that are bright in the portal phase alone that is kept: such lesions are rare, veins are not."""


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
        bend = 6 * smooth_noise(rng, shape, spacing, 40)
        ragged = 6 * smooth_noise(rng, shape, spacing, 15)
        width = rng.uniform(0.8, 3.0) * np.clip((reach + ragged) / 15, 0, 1)  # it thins out where it ends
        share = np.where(
            liver, np.clip((width - np.abs(off + bend)) / spacing[-1] + 0.5, 0, 1) * (width > 0), 0
        )
        fat = rng.uniform(-90, -20)
        for volume in volumes:
            volume += share.astype(np.float32) * (np.float32(fat) - volume)


def add_perfusion_difference(
    arterial: NDArray[np.float32],
    liver: NDArray[np.bool_],
    rng: np.random.Generator,
    spacing: Sequence[float],
) -> None:
    """Brighten a part of the liver in the arterial phase, in place: a wedge under the capsule, with vague borders.

    It mimics a lesion, but shows nothing in the portal phase.
    """
    box = bounding_box(liver, margin=(1, 1, 1))
    if box is None:
        return
    inside = np.argwhere(liver[box])
    depth = ndimage.distance_transform_edt(liver[box], sampling=spacing)
    seed = inside[rng.integers(len(inside))]
    grid = np.meshgrid(
        *((np.arange(b.stop - b.start) - at) * s for b, at, s in zip(box, seed, spacing, strict=True)),
        indexing="ij",
    )
    far = np.sqrt(sum(axis**2 for axis in grid)) / rng.uniform(12, 45)
    far += 0.35 * smooth_noise(rng, far.shape, spacing, rng.uniform(12, 30))
    near_capsule = np.exp(-depth / rng.uniform(8, 30))
    share = np.where(liver[box], near_capsule / (1 + np.exp(np.clip((far - 1) * 5, -30, 30))), 0)
    arterial[box] += (rng.uniform(15, 50) * share).astype(np.float32)


def implant_lesions(
    volumes: Volumes,
    liver: NDArray[np.bool_],
    liver_hu: Sequence[float],
    rng: np.random.Generator,
    spacing: Sequence[float],
    *,
    count: int,
    phases: Sequence[str] | None = None,
    taken: NDArray[np.bool_] | None = None,
    grain_mm: float = 0.0,
) -> NDArray[np.bool_]:
    """Implant up to `count` lesions of 4 to 80 mm, in place; return their mask, (z, y, x).

    Source: Hu et al., Label-free liver tumor segmentation, CVPR 2023: texture, soft and capsule edges, mass effect.
    Departs: types and their HU follow enhancement in each phase (`_PATTERNS`); one shape and texture for all.
    phases: which of `PHASES` each volume shows (default: the first ones); every lesion shows in one of them.
    taken: where there are lesions already. grain_mm: of a scan, how coarse its noise is; the lesion keeps it.
    """
    phases = phases or PHASES[: len(volumes)]
    mask = np.zeros(liver.shape, bool)
    occupied = mask if taken is None else taken.copy()
    inside = np.argwhere(liver)
    for _ in range(count):
        diameter = float(np.clip(np.exp(rng.normal(np.log(16), 0.7)), *DIAMETERS_MM))
        center = inside[rng.integers(len(inside))]
        shape_mm = diameter / 2 * np.exp(rng.normal(0, 0.15, 3))
        box, radius = _normalized_radius(liver.shape, center, shape_mm, rng, spacing)
        body = (radius < 1) & liver[box]
        if occupied[box][radius < 1.4].any() or body.sum() < 0.6 * (radius < 1).sum():
            continue
        profiles = _profiles(rng, diameter, phases)
        lesion = _Lesion.draw(rng, radius, diameter, spacing)
        grains = [_grain(volume[box], grain_mm, spacing) for volume in volumes]
        for volume, grain in zip(volumes, grains, strict=True):
            volume[box] -= grain  # it belongs to the scan, not to what is implanted or pushed aside
        if diameter > 12 and rng.random() < MASS_EFFECT_SHARE:
            _push_aside(volumes, liver[box], box, center, radius, float(rng.uniform(0.1, 0.4)))
        for volume, base, profile in zip(volumes, liver_hu, profiles, strict=True):
            _blend(volume, box, lesion, liver[box], base, profile)
        for volume, grain in zip(volumes, grains, strict=True):
            volume[box] += grain
        mask[box] |= body
        occupied[box] |= body
    return mask


@dataclass(frozen=True, kw_only=True)
class _Lesion:
    """The shape and texture that a lesion has in both phases, on its box."""

    radius: NDArray[np.float64]
    weight: NDArray[np.float64]
    """Share of the lesion in a voxel: a soft edge about radius 1."""
    texture_hu: NDArray[np.float64]
    capsule_hu: float
    """Added to a thin rim; 0 for lesions without one."""

    @classmethod
    def draw(
        cls, rng: np.random.Generator, radius: NDArray[np.float64], diameter: float, spacing: Sequence[float]
    ) -> _Lesion:
        infiltrating = rng.random() < 0.3
        edge_mm = rng.uniform(1.0, 3.0) if infiltrating else rng.uniform(0.2, 0.8)
        edge = min(edge_mm / (diameter / 2), 0.35) / 2
        coarse = smooth_noise(rng, radius.shape, spacing, max(4.0, diameter * rng.uniform(0.2, 0.5)))
        fine = smooth_noise(rng, radius.shape, spacing, rng.uniform(3, 6))
        capsule = 0.0 if infiltrating or rng.random() > 0.25 else float(rng.uniform(10, 35))
        uneven = 1 + min(1.0, diameter / 40)  # large ones are mottled, and die off in parts
        texture = uneven * (rng.uniform(0, 8) * coarse + rng.uniform(0, 5) * fine)
        if diameter > NECROSIS_MM and rng.random() < NECROSIS_SHARE:
            dead = 1 / (1 + np.exp(np.clip((radius - 0.6 + 0.25 * coarse) * 12, -30, 30)))
            texture = texture - rng.uniform(15, 45) * dead
        return cls(
            radius=radius,
            weight=1 / (1 + np.exp(np.clip((radius - 1) / edge, -30, 30))),
            texture_hu=texture,
            capsule_hu=capsule,
        )


def _grain(there: NDArray[np.float32], grain_mm: float, spacing: Sequence[float]) -> NDArray[np.float32]:
    """Return the noise of a scan: what a smoothing by `grain_mm` in plane takes away, edges aside."""
    if not grain_mm:
        return np.zeros_like(there)
    smooth = ndimage.gaussian_filter(there, [0.0, *(grain_mm / s for s in spacing[1:])])
    noise: NDArray[np.float32] = np.clip(there - smooth, -60, 60)
    return noise


def _blend(
    volume: NDArray[np.float32],
    box: tuple[slice, ...],
    lesion: _Lesion,
    liver: NDArray[np.bool_],
    base: float,
    profile: NDArray[np.float64],
) -> None:
    """Put a lesion into a phase, in place, over the liver alone."""
    there = volume[box]
    value = base + np.interp(
        lesion.radius, (0, 0.5, 0.85, 1.0), (profile[0], profile[1], profile[2], profile[2])
    )
    value += lesion.texture_hu
    value += lesion.capsule_hu * np.exp(-(((lesion.radius - 1) / 0.08) ** 2))
    value = np.maximum(value, min(FLUID_HU, base - 30))
    weight = np.where(liver, lesion.weight, 0.0)
    volume[box] = (1 - weight) * there + weight * value


def _push_aside(
    volumes: Volumes,
    liver: NDArray[np.bool_],
    box: tuple[slice, ...],
    center: NDArray[np.integer],
    radius: NDArray[np.float64],
    strength: float,
) -> None:
    """Push what surrounds a lesion outward, in place: what lies at radius 1 came from 1 - `strength`.

    Only within the liver, whose outline stays as it is labeled.
    """
    reach = 1.8
    from_radius = radius - strength * np.clip((reach - radius) / (reach - 1), 0, 1)
    factor = np.clip(from_radius / np.maximum(radius, 1e-3), 0, 1)
    index = np.indices(radius.shape)
    middle = [at - side.start for at, side in zip(center, box, strict=True)]
    source = [at + (i - at) * factor for i, at in zip(index, middle, strict=True)]
    moved = (radius < reach) & liver & (ndimage.map_coordinates(liver.astype(np.uint8), source, order=0) > 0)
    for volume in volumes:
        there = volume[box]
        came = ndimage.map_coordinates(there, source, order=1, mode="nearest")
        volume[box] = np.where(moved, came, there)


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
    bumps = np.clip(smooth_noise(rng, radius.shape, spacing, wavelength), -1.5, 1.5)
    lobed = LOBED * (1 + min(1.0, float(half_axes_mm.mean()) / 15))  # large ones are less round
    return box, radius * (1 + rng.uniform(0, lobed) * bumps)


def _profiles(rng: np.random.Generator, diameter: float, phases: Sequence[str]) -> list[NDArray[np.float64]]:
    """Return HU relative to the liver at center, half way and rim, for each phase.

    A lesion that is brighter than the liver in the portal phase, but not in the arterial one, is rare, also where only
    one of the two is there. One of the five types, or free; redrawn until the lesion shows in at least one phase. Small
    ones have to show more: what noise hides cannot be learnt, only guessed.
    """
    needed = 14.0 if diameter > 15 else 20.0
    wanted = [PHASES.index(phase) for phase in phases]
    known = 3 if "plain" in phases else 2  # portal and arterial together tell what is rare
    while True:
        if rng.random() < 0.65:
            pattern = _PATTERNS[str(rng.choice(list(_PATTERNS)))]
            drawn = [np.array([rng.uniform(*span) for span in spans]) for spans in pattern[:known]]
        else:
            drawn = [rng.uniform(*span) + rng.normal(0, 8, 3) for span in _FREE[:known]]
        if max(np.abs(drawn[number]).mean() for number in wanted) < needed:
            continue
        portal, arterial = drawn[:2]
        bright = portal.mean() > BRIGHT_HU and arterial.max() < BRIGHT_HU
        if not bright or rng.random() < BRIGHT_KEPT:
            return [drawn[number] for number in wanted]
