"""Hepatic and portal veins of a painted liver: grown where no label map tells them, and painted softly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from training.augmentation.random_fields import smooth_noise
from training.data.synthesis.atlases import HEPATIC, PORTAL

_BRANCHES = {HEPATIC: (3, 8), PORTAL: (4, 12)}
_HUB = {HEPATIC: (0.9, 0.65, 0.6), PORTAL: (0.4, 0.5, 0.55)}
"""Where a tree begins within the liver's box: veins under the dome and behind, portal ones in the hilum."""
_STEP_MM = 2.0


def grown_trees(
    liver: NDArray[np.bool_], rng: np.random.Generator, spacing: Sequence[float]
) -> Mapping[int, NDArray[np.float32]]:
    """Return the share of each tree in each voxel, (z, y, x), by `HEPATIC` and `PORTAL`."""
    return {kind: _grown(liver, rng, spacing, kind) for kind in (HEPATIC, PORTAL)}


def softened(tree: NDArray[np.bool_], points: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the share of a tree at points of its grid: its border passes through voxels, which hold a part of it.

    points: exact indices, (z, y, x).
    """
    smooth = ndimage.gaussian_filter(tree.astype(np.float32), 0.5)
    share: NDArray[np.float32] = ndimage.map_coordinates(smooth, points, order=1)
    return np.clip(share * np.float32(1.4), 0, 1)


def add_tree(
    volumes: Sequence[NDArray[np.float32]],
    liver: NDArray[np.bool_],
    share: NDArray[np.float32],
    hu: Sequence[float],
    rng: np.random.Generator,
    spacing: Sequence[float],
) -> None:
    """Paint a tree into the liver, in place; its blood is not mixed evenly. hu: of the tree in each volume."""
    streams = smooth_noise(rng, liver.shape, spacing, rng.uniform(8, 25))
    weight = np.where(liver, share, np.float32(0))
    for volume, value in zip(volumes, hu, strict=True):
        volume += weight * (np.float32(value) + np.float32(rng.uniform(0, 10)) * streams - volume)


def _grown(
    liver: NDArray[np.bool_], rng: np.random.Generator, spacing: Sequence[float], kind: int
) -> NDArray[np.float32]:
    """Return one tree: branches from a hub to places of the liver, thinner on their way."""
    places = np.argwhere(liver)
    low, high = places.min(axis=0), places.max(axis=0)
    wanted = low + (np.array(_HUB[kind]) + rng.normal(0, 0.08, 3)) * (high - low)
    hub = places[np.abs((places - wanted) * spacing).sum(axis=1).argmin()].astype(float)
    points, radii = [], []
    for _ in range(int(rng.integers(*_BRANCHES[kind]))):
        steps = int(rng.integers(15, 55))
        direction = (places[rng.integers(len(places))] - hub) * spacing
        direction = direction / max(float(np.linalg.norm(direction)), 1e-3)
        turn = np.cumsum(rng.normal(0, 0.25, (steps, 3)), axis=0)
        points.append((hub * spacing + np.cumsum(direction + 0.5 * turn, axis=0) * _STEP_MM) / spacing)
        radii.append(np.linspace(rng.uniform(1.5, 6.0), 0.8, steps))
    index, radius = np.rint(np.concatenate(points)).astype(int), np.concatenate(radii)
    keep = np.all((index >= 0) & (index < liver.shape), axis=1)
    index, radius = index[keep], radius[keep]
    share = np.zeros(liver.shape, np.float32)
    softness = float(np.mean(spacing[1:]))
    for least, most in ((0, 1.6), (1.6, 2.6), (2.6, 4.0), (4.0, 9.0)):
        chosen = index[(radius >= least) & (radius < most)]
        if len(chosen):
            path = np.ones(liver.shape, bool)
            path[tuple(chosen.T)] = False
            distance = ndimage.distance_transform_edt(path, sampling=spacing)
            inside = np.clip(((least + most) / 2 - distance) / softness + 0.5, 0, 1)
            share = np.maximum(share, inside.astype(np.float32))
    return np.where(liver, share, np.float32(0))
