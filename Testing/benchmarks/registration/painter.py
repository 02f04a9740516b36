"""CT of two phases painted on a label map, simply: means and textures of tissues, vessels, lesions.

It shares nothing with the phantom generator, so that no method can profit from that one's manner.
HU: broad textbook values of contrast-enhanced abdominal CT, chosen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from Testing.benchmarks.registration.vessel_trees import Tree, coverage, grow
from training.data.synthesis.atlases import Atlas, Tissue

FINE_MM = 1.25
SEEN_MM = 1.5
"""Radius of the smallest vessels whose division a reader would find; the trees grow on beyond."""

# (arterial from, to), (portal from, to), coarse texture HU, its share that both phases have in common
TISSUES: dict[Tissue, tuple[tuple[float, float], tuple[float, float], float, float]] = {
    Tissue.AIR: ((-1000, -1000), (-1000, -1000), 0, 1.0),
    Tissue.FAT: ((-112, -92), (-110, -90), 9, 1.0),
    Tissue.MUSCLE: ((50, 62), (58, 72), 8, 0.8),
    Tissue.BONE: ((230, 420), (230, 420), 80, 1.0),
    Tissue.LUNG: ((-860, -780), (-860, -780), 35, 0.9),
    Tissue.LIVER: ((58, 82), (98, 122), 5, 0.5),
    Tissue.SPLEEN: ((95, 150), (108, 130), 10, 0.1),
    Tissue.KIDNEY: ((120, 190), (160, 195), 25, 0.2),
    Tissue.STOMACH: ((10, 60), (15, 70), 15, 0.7),
    Tissue.BOWEL: ((15, 70), (20, 85), 25, 0.8),
    Tissue.GALLBLADDER: ((0, 15), (0, 15), 2, 1.0),
    Tissue.ARTERY: ((240, 340), (130, 165), 5, 0.5),
    Tissue.VEIN: ((60, 110), (120, 150), 10, 0.2),
    Tissue.PORTAL_VEIN: ((80, 140), (150, 185), 6, 0.3),
    Tissue.PANCREAS: ((80, 120), (80, 105), 12, 0.6),
    Tissue.HEART: ((150, 270), (125, 160), 15, 0.4),
}
HEPATIC_VEIN_HU = {"arterial": (48.0, 66.0), "portal": (135.0, 170.0)}
LESION_HU = {"arterial": (-25.0, 45.0), "portal": (-55.0, -15.0)}
"""Above the liver around it."""


@dataclass(frozen=True)
class Painting:
    """Both phases before anything moved, HU (z, y, x) on a cubic grid of `FINE_MM` over the label map.

    branchings: (n, 3) where vessels that can be seen divide, in mm from the middle of the first voxel (z, y, x).
    """

    arterial: np.ndarray
    portal: np.ndarray
    branchings: np.ndarray


def paint(atlas: Atlas, rng: np.random.Generator) -> Painting:
    """Paint both phases of one patient."""
    tissues = with_fat(atlas, rng)
    zoom = atlas.spacing_mm / FINE_MM
    textures = [_texture(rng, tissues.shape, rng.uniform(1.2, 3.0)) for _ in range(3)]
    liver = _fine((tissues == Tissue.LIVER).astype(np.float32), zoom) > 0.5
    trees = liver_trees(rng, liver)
    inside = ndimage.binary_erosion(liver, iterations=2)
    lesions = _lesions(rng, inside)
    filled = {name: coverage(tree, liver.shape, FINE_MM) * inside for name, tree in trees.items()}
    volumes = {}
    for phase, own in (("arterial", 0), ("portal", 1)):
        rows = [TISSUES[t] for t in Tissue]
        mean = np.array([rng.uniform(*(row[0], row[1])[own]) for row in rows], np.float32)
        strength = np.array([row[2] for row in rows], np.float32)[tissues]
        common = np.array([row[3] for row in rows], np.float32)[tissues]
        texture = np.sqrt(common) * textures[2] + np.sqrt(1 - common) * textures[own]
        fine = _fine(ndimage.gaussian_filter(mean[tissues] + strength * texture, 0.45), zoom)
        fine += lesions * np.float32(rng.uniform(*LESION_HU[phase]))
        for name, hu in (
            ("portal", float(mean[Tissue.PORTAL_VEIN])),
            ("hepatic", rng.uniform(*HEPATIC_VEIN_HU[phase])),
        ):
            fine += filled[name] * (np.float32(hu) - fine)
        volumes[phase] = fine
    branchings = np.concatenate([tree.branchings(SEEN_MM) for tree in trees.values()])
    index = np.clip(np.rint(branchings / FINE_MM).astype(int), 0, np.array(liver.shape) - 1)
    return Painting(volumes["arterial"], volumes["portal"], branchings[inside[tuple(index.T)]])


def with_fat(atlas: Atlas, rng: np.random.Generator) -> np.ndarray:
    """Return the label map with fat around the body's wall."""
    tissues = atlas.tissues.copy()
    tissues[(tissues == Tissue.AIR) & (atlas.outside_mm < rng.uniform(8, 25))] = Tissue.FAT
    return tissues


def liver_trees(rng: np.random.Generator, liver: np.ndarray) -> dict[str, Tree]:
    """Return a portal tree that enters the liver from below in the middle, and a hepatic one from above behind."""
    points = np.argwhere(liver) * FINE_MM
    middle = points.mean(axis=0)
    low, high = np.percentile(points, (10, 90), axis=0)
    gate = np.array([0.5 * (low[0] + middle[0]), middle[1], 0.5 * (middle[2] + high[2])])
    crown = np.array([high[0], 0.5 * (middle[1] + high[1]), 0.5 * (middle[2] + high[2])])
    return {
        "portal": grow(rng, liver, FINE_MM, gate, rng.uniform(5.5, 7.0)),
        "hepatic": grow(rng, liver, FINE_MM, crown, rng.uniform(4.5, 6.0)),
    }


def _lesions(rng: np.random.Generator, inside: np.ndarray) -> np.ndarray:
    """Return how much of each voxel belongs to up to three balls in the liver."""
    out = np.zeros(inside.shape, np.float32)
    for _ in range(int(rng.integers(0, 4))):
        found = np.argwhere(inside)
        at, radius = found[rng.integers(len(found))], rng.uniform(5, 16) / FINE_MM
        reach = int(radius) + 2
        low, high = np.maximum(at - reach, 0), np.minimum(at + reach + 1, inside.shape)
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        distance = np.linalg.norm(np.moveaxis(np.indices(tuple(high - low)), 0, -1) + low - at, axis=-1)
        np.maximum(out[box], np.clip(radius - distance + 0.5, 0, 1) * inside[box], out=out[box])
    return out


def _texture(rng: np.random.Generator, shape: tuple[int, ...], sigma: float) -> np.ndarray:
    noise = ndimage.gaussian_filter(rng.standard_normal(shape, dtype=np.float32), sigma)
    return noise / noise.std()


def _fine(values: np.ndarray, zoom: float) -> np.ndarray:
    """Return values interpolated linearly to the fine grid; first voxel on first voxel."""
    shape = tuple(int((n - 1) * zoom) + 1 for n in values.shape)
    return ndimage.affine_transform(values, np.full(3, 1 / zoom), output_shape=shape, order=1, mode="nearest")
