"""Objective of the deformable step: mutual information of the phases less the bending energy of the displacement."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from LiverTumorAttentionLib.registration.bspline_grid import BSplineBasis, BSplineGrid
from LiverTumorAttentionLib.registration.mutual_information import (
    ConditionalMutualInformation,
    MutualInformation,
    Part,
    blocks,
)
from LiverTumorAttentionLib.registration.settings import RegistrationSettings
from LiverTumorAttentionLib.registration.working_pair import ResampledPair, downsampled
from LiverTumorAttentionLib.voxels.geometry import interpolate_with_derivative

LEAST_KNOWN = 0.1
"""Share of the region that must lie inside the moving volume for it to be deformed at all."""

USUAL_VOXELS = 250_000
"""Voxels of 12 mm^3 in and around a liver. The noise of the measure grows with the root of what is missing to them,
and the weight of the bending energy with it."""

LEAST_LIVER_VOXELS = 2000
"""With fewer of them, 48 x 48 bins are mostly noise; the liver is then compared with what surrounds it."""


def bending_energy(coefficients: np.ndarray, mesh_mm: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the mean squared curvature (1/mm^2) of the control points' displacement, and its gradient.

    sum over axes a, b of (d2u / da db)^2, by differences of the coefficients (3, z, y, x).
    """
    energy, gradient = 0.0, np.zeros_like(coefficients)
    cells = coefficients[0].size
    for a in range(3):
        for b in range(a, 3):
            scale = (1 if a == b else 2) / (float(mesh_mm[2 - a] * mesh_mm[2 - b]) ** 2 * cells)
            curved = np.diff(np.diff(coefficients, axis=a + 1), axis=b + 1)
            energy += scale * float((curved**2).sum())
            gradient += 2 * scale * _diff_transposed(_diff_transposed(curved, b + 1), a + 1)
    return energy, gradient


def _diff_transposed(values: np.ndarray, axis: int) -> np.ndarray:
    width = [(1, 1) if k == axis else (0, 0) for k in range(values.ndim)]
    return -np.diff(np.pad(values, width), axis=axis)


@dataclass(frozen=True)
class Objective:
    """Mutual information less bending energy, at sampled voxels of one resolution level.

    voxels: flat indices of the n compared voxels on the fixed grid. moving: the volume, float32 (z, y, x).
    at: continuous indices (3, n) of the voxels in moving, undeformed; per_mm: (3, 3) change of that index by a
    displacement in mm.
    """

    basis: BSplineBasis
    shape: tuple[int, ...]
    voxels: np.ndarray
    mutual: ConditionalMutualInformation
    moving: np.ndarray
    at: np.ndarray
    per_mm: np.ndarray
    mesh_mm: np.ndarray
    bending_weight: float

    @classmethod
    def at_level(
        cls,
        pair: ResampledPair,
        start: sitk.Transform,
        lattice: BSplineGrid,
        spacing_mm: float,
        settings: RegistrationSettings,
        rng: np.random.Generator,
    ) -> Objective | None:
        """Return the objective at a resolution of spacing_mm, or None where the volumes hardly overlap."""
        fixed, moving = downsampled(pair.fixed, spacing_mm), downsampled(pair.moving, spacing_mm)
        voxels = np.flatnonzero(_on(fixed, pair.region))
        if len(voxels) > settings.deform_samples:
            voxels = np.sort(rng.choice(voxels, settings.deform_samples, replace=False))
        index = _beside(voxels, fixed, rng)
        at, per_mm = _moving_indices(fixed, moving, start, index)
        if len(voxels) == 0 or _known(at, moving.GetSize()).mean() < LEAST_KNOWN:
            return None
        liver = None if pair.liver is None else _on(fixed, pair.liver)[voxels]
        values = _at_least_two(sitk.GetArrayFromImage(moving).astype(np.float32))
        fixed_values = ndimage.map_coordinates(
            sitk.GetArrayFromImage(fixed), index[::-1], order=3, mode="nearest", output=np.float32
        )
        return cls(
            basis=lattice.basis(fixed),
            shape=fixed.GetSize()[::-1],
            voxels=voxels,
            mutual=_in_parts(fixed_values, values, at, liver, settings),
            moving=values,
            at=at,
            per_mm=per_mm,
            mesh_mm=lattice.mesh_mm,
            bending_weight=settings.bending_weight * float(np.sqrt(USUAL_VOXELS / len(voxels))),
        )

    def __call__(self, coefficients: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the objective and its gradient (3, z, y, x) by the coefficients."""
        u = self.basis.evaluate(coefficients).reshape(3, -1)
        count, size = len(self.voxels), self.moving.shape[::-1]
        value, gradient = np.empty(count, np.float32), np.empty((3, count), np.float32)
        known = np.empty(count, bool)
        for part in blocks(count):
            at = self.at[:, part] + self.per_mm @ u[:, self.voxels[part]]
            value[part], gradient[:, part] = interpolate_with_derivative(self.moving, at)
            known[part] = _known(at, size)
        mutual, by_value = self.mutual(value, known)
        dense = u
        dense[...] = 0
        for part in blocks(count):
            dense[:, self.voxels[part]] = self.per_mm.T @ (gradient[:, part] * by_value[part])
        energy, by_coefficients = bending_energy(coefficients, self.mesh_mm)
        total = self.basis.adjoint(dense.reshape(3, *self.shape)) - self.bending_weight * by_coefficients
        return mutual - self.bending_weight * energy, total


def _in_parts(
    fixed: np.ndarray,
    moving: np.ndarray,
    at: np.ndarray,
    liver: np.ndarray | None,
    settings: RegistrationSettings,
) -> ConditionalMutualInformation:
    """Return the measure for fixed values (n,) whose counterparts start `at` (3, n) in the moving volume.

    liver: boolean (n,); None where it is not known, and all voxels are one part.
    """
    count = len(fixed)
    whole_range = (float(moving.min()), float(moving.max()))
    known = _known(at, moving.shape[::-1])
    if liver is None or np.count_nonzero(liver & known) < LEAST_LIVER_VOXELS:
        measure = MutualInformation(fixed, whole_range, settings.histogram_bins)
        return ConditionalMutualInformation([Part(np.arange(count), measure, 1.0)], count)
    inside, around = np.flatnonzero(liver), np.flatnonzero(~liver)
    low, high = np.percentile(fixed[inside], settings.liver_percentiles)
    start = interpolate_with_derivative(moving, at[:, liver & known])[0]
    moving_low, moving_high = np.percentile(start, settings.liver_percentiles)
    in_liver = MutualInformation(
        np.clip(fixed[inside], low, high), (float(moving_low), float(moving_high)), settings.liver_bins
    )
    parts = [Part(inside, in_liver, settings.liver_weight)]
    if len(around):
        parts.append(
            Part(around, MutualInformation(fixed[around], whole_range, settings.histogram_bins), 1.0)
        )
    return ConditionalMutualInformation(parts, count)


def _on(grid: sitk.Image, mask: sitk.Image) -> np.ndarray:
    """Return the flat boolean voxels of a mask on another grid."""
    there = sitk.Resample(mask, grid, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
    return sitk.GetArrayFromImage(there).ravel() > 0


def _beside(voxels: np.ndarray, grid: sitk.Image, rng: np.random.Generator) -> np.ndarray:
    """Return continuous indices (3, n) drawn evenly within the voxels (flat indices) of a grid.

    Compared at the voxels' centers, two volumes on like grids look most alike half a voxel apart, because
    interpolation of the moving one averages the noise most there. Points anywhere in their voxels have no such
    preference; the fixed volume is read there by cubic splines, which blur it least.
    """
    whole = np.stack(np.unravel_index(voxels, grid.GetSize()[::-1])[::-1]).astype(np.float32)
    return whole + rng.uniform(-0.5, 0.5, whole.shape).astype(np.float32)


def _at_least_two(values: np.ndarray) -> np.ndarray:
    """Return a volume (z, y, x) whose single planes are doubled, so that there is something between them."""
    return np.pad(values, [(0, 1 if n == 1 else 0) for n in values.shape], mode="edge")


def _moving_indices(
    fixed: sitk.Image, moving: sitk.Image, start: sitk.Transform, index: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return continuous indices (3, n) in `moving` of those in `fixed`, and their change (3, 3) per mm."""
    origin = np.array(start.TransformPoint((0.0, 0.0, 0.0)))
    rotation = np.stack([np.array(start.TransformPoint(tuple(a))) - origin for a in np.eye(3)], axis=1)
    to_index = np.linalg.inv(_columns(moving))
    points = _columns(fixed) @ index + np.array(fixed.GetOrigin())[:, None]
    moved = rotation @ points + (origin - np.array(moving.GetOrigin()))[:, None]
    return (to_index @ moved).astype(np.float32), (to_index @ rotation).astype(np.float32)


def _columns(image: sitk.Image) -> np.ndarray:
    return np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())


def _known(at: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Return which of the indices (3, n) lie inside a volume of `size` (x, y, z)."""
    return np.all((at >= 0) & (at <= np.array(size)[:, None] - 1), axis=0)
