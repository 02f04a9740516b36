"""State shared by the organs of one patient: structure names, random streams, textures, cavity, diaphragm, liver."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

import numpy as np

from LiverTumorAttentionLib.phantoms.patient import Field
from LiverTumorAttentionLib.phantoms.shapes import (
    Array,
    Grid,
    ellipsoid,
    oval,
    smooth_max,
    smooth_min,
    smooth_noise,
    upsample,
)

STRUCTURES: dict[str, int] = {
    "background": 0,
    "subcutaneous_fat": 1,
    "muscle": 2,
    "visceral_fat": 3,
    "rib": 4,
    "vertebra": 5,
    "disc": 6,
    "spinal_canal": 7,
    "erector_spinae": 8,
    "psoas": 9,
    "lung": 10,
    "heart": 11,
    "esophagus": 12,
    "diaphragm": 13,
    "liver": 14,
    "spleen": 15,
    "kidney": 16,
    "stomach": 17,
    "bowel": 18,
    "bowel_content": 19,
    "gas": 20,
    "gallbladder": 21,
    "pancreas": 22,
    "aorta": 23,
    "inferior_vena_cava": 24,
    "portal_vein": 25,
    "hepatic_vein": 26,
    "artery": 27,
    "vein": 28,
    "lesion": 29,
    "skin": 30,
    "stomach_content": 31,
    "adrenal": 32,
    "cartilage": 33,
}

TILE = 128  # a power of two, so that an index wraps by its bits
USUAL_OFFSET_MM = -28.0
GRAIN = 3.0  # deviation of a tile's noise in its voxels


@dataclass
class Scene:
    """One patient before it is painted.

    seed: of the case; every organ draws from its own stream, the same in both phases.
    hu: HU by phase and tissue (`enhancement.draw_enhancement`).
    fat_mm: thickness of the subcutaneous fat; domes: heights (reference mm) of the right and left diaphragm.
    liver_offset_mm: where the visceral surface lies; `fit_liver` finds it from the wanted volume.
    visceral_fat: 0 for a lean belly, whose organs lie close, to 1.
    """

    seed: int
    hu: dict[str, dict[str, float]]
    fat_mm: float
    domes: tuple[float, float]
    liver_offset_mm: float = USUAL_OFFSET_MM
    visceral_fat: float = 0.5
    _tiles: dict[int, Array] = field(default_factory=dict)

    def rng(self, organ: str) -> np.random.Generator:
        """Return the organ's own stream of random numbers, from its start."""
        return np.random.default_rng([self.seed, zlib.crc32(organ.encode())])

    def texture(self, where: Field, size_mm: float, which: int = 0) -> Array:
        """Return noise (mean 0, deviation 1) with grains of about `size_mm`, fixed to the tissue."""
        if which not in self._tiles:
            self._tiles[which] = smooth_noise(self.rng(f"texture {which}"), (TILE,) * 3, GRAIN).ravel()
        scale = np.float32(GRAIN / size_mm)
        index = np.zeros(where.grid.shape, np.int32)
        for p in (where.reference[2], where.reference[1], where.reference[0]):
            index *= TILE
            index += (p * scale + np.float32(64 * TILE)).astype(np.int32) & (TILE - 1)
        return np.take(self._tiles[which], index)


@dataclass(frozen=True)
class Spaces:
    """Signed distances (mm) on a whole field that several organs need.

    outer: the wall's outside (below the fat); cavity: the wall's inside; abdomen: below the diaphragm;
    liver: the liver without what lies in it.
    """

    field: Field
    outer: Array
    cavity: Array
    abdomen: Array
    liver: Array

    def on(self, name: str, where: Field | Grid) -> Array:
        """Return one of the distances on a part of the field, or on another grid of the same phase."""
        values: Array = getattr(self, name)
        if isinstance(where, Grid):
            return upsample(values, self.field.grid, where)
        return values[self.field.grid.box_of(where.grid)]

    def crop(self, box: tuple[slice, slice, slice]) -> Spaces:
        """Return the part that `box` (z, y, x) selects."""
        x, y, z = (p[box] for p in self.field.reference)
        part = Field(self.field.patient, self.field.grid.crop(box), (x, y, z), self.field.motion)
        return Spaces(part, self.outer[box], self.cavity[box], self.abdomen[box], self.liver[box])


def build_spaces(scene: Scene, where: Field) -> Spaces:
    """Evaluate the spaces of a patient on a field."""
    x, y, _ = where.reference
    rng = scene.rng("trunk")
    power = rng.uniform(2.15, 2.5)
    outer = oval(x, y, (0, 2), (148, 104), power)
    # The furrow over the spine, and the flat back of one who lies on a table.
    outer = smooth_max(outer, y - np.float32(99), 14.0)
    cavity = oval(x, y, (0, -5), (135, 89), power)
    cavity += np.float32(1.2) * scene.texture(where, 28, 1)
    # The spine and the muscles beside it bulge into the cavity between the gutters of kidneys and lungs.
    cavity = smooth_max(cavity, -oval(x, y, (0, 84), (rng.uniform(44, 54), rng.uniform(32, 38))), 14.0)
    abdomen = diaphragm(scene, where)
    liver = liver_distance(scene, where, cavity, abdomen, scene.liver_offset_mm)
    return Spaces(where, outer, cavity, abdomen, liver)


def diaphragm(scene: Scene, where: Field) -> Array:
    """Return the signed distance to the space under the two domes of the diaphragm."""
    x, y, z = where.reference
    right, left = scene.domes
    rng = scene.rng("diaphragm")
    foot = np.float32(rng.uniform(-35, -15))
    lifted = np.maximum(z, foot)
    parts = []
    for center, axes in (
        ((-58, -2 + rng.uniform(-6, 6), foot), (80, 88, right - foot)),
        ((64, 2 + rng.uniform(-6, 6), foot), (72, 84, left - foot)),
        ((0, -22, foot), (75, 68, min(right, left) - 12 - foot)),
    ):
        parts.append(ellipsoid((x, y, lifted), center, axes))
    out = smooth_min(smooth_min(parts[0], parts[1], 16.0), parts[2], 16.0)
    # Under the feet of the domes, the abdomen fills the whole cavity.
    return smooth_min(out, z - (foot - 12), 10.0)


def liver_distance(scene: Scene, where: Field, cavity: Array, abdomen: Array, offset_mm: float) -> Array:
    """Return the signed distance to the liver: cavity and dome above, the visceral surface below.

    The visceral surface is a plane that faces down, back and to the left, hollowed at the porta hepatis; it makes the
    right lobe big and lets the left lobe taper across the midline.
    """
    x, y, z = where.reference
    rng = scene.rng("liver")
    n = np.array([0.62, 0.45, -0.64]) + rng.normal(0, 0.05, 3)
    n /= np.linalg.norm(n)
    plane = n[0].astype(np.float32) * x + n[1].astype(np.float32) * y + n[2].astype(np.float32) * z
    hollow = rng.uniform(8, 18)
    porta = ((x + 26) / 34) ** 2 + ((y + 8) / 38) ** 2 + ((z - 0) / 40) ** 2
    bend = rng.uniform(-0.0012, 0.0012)
    # The volume is made mostly in the right lobe, so that a small liver keeps its left one.
    right = 1 / (1 + np.exp((x + np.float32(rng.uniform(-5, 20))) / 16))
    offset = np.float32(USUAL_OFFSET_MM + rng.uniform(-2, 18)) + np.float32(offset_mm - USUAL_OFFSET_MM) * (
        0.15 + 0.85 * right
    )
    plane = plane - offset + np.float32(hollow) * np.exp(-0.5 * porta)
    plane += np.float32(bend) * ((x + 40) ** 2 - 2500)
    reach = rng.uniform(62, 105)  # how far left the left lobe goes
    left = ellipsoid((x, y, z), (-60, -10, 8), (60 + reach, 125, 150))
    tip = rng.uniform(-105, -62)
    bottom = (np.float32(tip) - z) + 0.35 * (x + 95)
    out = smooth_max(cavity + np.float32(2.0), abdomen + np.float32(1.0), 14.0)
    out = smooth_max(out, plane, 18.0)
    out = smooth_max(out, left, 20.0)
    out = smooth_max(out, bottom, 22.0)
    out += np.float32(1.3) * scene.texture(where, 16, 2)
    fissure = np.maximum(
        np.abs(x - np.float32(rng.uniform(2, 22)) + 0.12 * y) - 1.2, -plane - rng.uniform(14, 26)
    )
    return smooth_max(out, -fissure, 4.0).astype(np.float32)


def fit_liver(scene: Scene, where: Field, wanted_ml: float) -> float:
    """Find the offset of the visceral surface that gives the wanted volume, set it, and return the volume (mL)."""
    part = where.crop((-150, -110, -125), (120, 110, 125))
    spaces = build_spaces(scene, part)
    voxel_ml = float(np.prod(part.grid.spacing)) / 1000
    low, high, volume = -80.0, 40.0, 0.0
    for _ in range(10):
        middle = 0.5 * (low + high)
        d = liver_distance(scene, part, spaces.cavity, spaces.abdomen, middle)
        volume = float(np.clip(0.5 - d / part.grid.spacing[0], 0, 1).sum()) * voxel_ml
        low, high = (middle, high) if volume < wanted_ml else (low, middle)
    scene.liver_offset_mm = 0.5 * (low + high)
    return volume
