"""Coordinate frames of a patient, and the mapping of reference anatomy into them.

Shapes are described in *reference* coordinates: millimeters of one reference adult, x to the left, y to the back,
z to the head, origin in the middle of the trunk at the disc T12/L1. A patient is the reference scaled and
smoothly deformed; the arterial phase adds the motion between the phases. `Field` holds the reference
coordinates of each voxel of a regular grid in either phase; `place` maps reference points to a phase.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.phantoms.motion import Motion
from LiverTumorAttentionLib.phantoms.shapes import (
    Array,
    Coordinates,
    Grid,
    Triple,
    sample,
    smooth_noise,
    upsample,
)
from LiverTumorAttentionLib.voxels.boxes import bounding_box

WARP_NODE_MM = 14.0
SMOOTH_MM = 5.0


@dataclass(frozen=True)
class Patient:
    """Scale of the reference adult along x, y, z, and a smooth warp (mm) on `grid`."""

    scale: Triple
    grid: Grid
    warp: tuple[Array, Array, Array]

    def to_reference(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Map points (n, 3) of the portal phase to reference coordinates."""
        where = tuple(points[:, k].astype(np.float32) for k in range(3))
        bent = np.stack([sample(w, self.grid, where) for w in self.warp], axis=1)  # type: ignore[arg-type]
        return (points + bent) / np.array(self.scale)

    def to_portal(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Map reference points (n, 3) to the portal phase (fixed point)."""
        goal = np.asarray(points, float) * np.array(self.scale)
        found = goal.copy()
        for _ in range(12):
            found = goal - (self.to_reference(found) * np.array(self.scale) - found)
        return found


def draw_patient(rng: np.random.Generator, scale: Triple, grid: Grid) -> Patient:
    """Draw the patient's individual warp."""
    nodes = Grid.over(grid.origin, grid.high(), WARP_NODE_MM)
    warp = []
    for size in (4.0, 4.0, 5.0):
        wide = smooth_noise(rng, nodes.shape, 60.0 / WARP_NODE_MM) * np.float32(rng.uniform(0.4, 1.0) * size)
        fine = smooth_noise(rng, nodes.shape, 24.0 / WARP_NODE_MM) * np.float32(rng.uniform(0.6, 1.5))
        warp.append(wide + fine)
    return Patient(scale, nodes, (warp[0], warp[1], warp[2]))


@dataclass(frozen=True)
class Field:
    """A grid of one phase and the reference coordinates of its voxels.

    motion: None in the portal phase.
    """

    patient: Patient
    grid: Grid
    reference: Coordinates
    motion: Motion | None = None

    @staticmethod
    def over(patient: Patient, grid: Grid, motion: Motion | None = None) -> Field:
        """Return the field of the portal phase, or of the arterial phase that `motion` leads to."""
        nodes = Grid.over(grid.origin, grid.high(), SMOOTH_MM)  # coarse: both warps are smooth
        portal = nodes.coordinates() if motion is None else motion.portal_points(nodes)
        bent = [sample(w, patient.grid, portal) + p for w, p in zip(patient.warp, portal, strict=True)]
        x, y, z = (upsample(b / np.float32(s), nodes, grid) for b, s in zip(bent, patient.scale, strict=True))
        return Field(patient, grid, (x, y, z), motion)

    def place(self, points: Sequence[Sequence[float]] | NDArray[np.floating]) -> NDArray[np.float64]:
        """Map reference points (n, 3) to this phase."""
        portal = self.patient.to_portal(np.asarray(points, float))
        return portal if self.motion is None else self.motion.forward(portal)

    def crop(self, low: Sequence[float], high: Sequence[float]) -> Field:
        """Return the part whose reference coordinates lie between `low` and `high` (x, y, z)."""
        step = 3
        inside = np.ones(tuple(-(-n // step) for n in self.grid.shape), bool)
        for p, a, b in zip(self.reference, low, high, strict=True):
            coarse = p[::step, ::step, ::step]
            inside &= (coarse > a - 8) & (coarse < b + 8)
        coarse_box = bounding_box(inside) or (slice(0, 1),) * 3
        box = tuple(
            slice(max(side.start * step - 1, 0), min(side.stop * step + 1, length))
            for side, length in zip(coarse_box, self.grid.shape, strict=True)
        )
        x, y, z = (p[box] for p in self.reference)
        return Field(self.patient, self.grid.crop(box), (x, y, z), self.motion)

    def box_around(self, points: NDArray[np.floating], margin_mm: float, spacing_mm: float) -> Grid:
        """Return a finer grid around points of this phase, cut to this field's extent."""
        low = np.maximum(points.min(axis=0) - margin_mm, self.grid.origin)
        high = np.minimum(points.max(axis=0) + margin_mm, self.grid.high())
        high = np.maximum(high, low + spacing_mm)
        return Grid.over(low.tolist(), high.tolist(), spacing_mm)
