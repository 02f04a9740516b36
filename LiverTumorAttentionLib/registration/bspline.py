"""The deformable step: a cubic B-spline between the phases, coarse to fine, that stays smooth and unfolded.

Source: Rueckert et al., IEEE Trans. Med. Imaging 18 (1999): a B-spline free-form deformation that maximises
mutual information less a bending energy. Departs: the mutual information is that of Mattes et al. (2003); the
optimiser is L-BFGS; a level whose field folds is dropped with all finer ones.

It is written here and not left to ITK because ITK keeps a derivative of the joint histogram for every
parameter (bins x bins x parameters): with control points 20 mm apart that took thirty times the processor
time of the matrix products of `lattice`, and it has no bending energy to halve the error with.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy import ndimage, optimize

from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.registration.lattice import Basis, Lattice
from LiverTumorAttentionLib.registration.measures import jacobian
from LiverTumorAttentionLib.registration.mutual import MutualInformation
from LiverTumorAttentionLib.registration.settings import RegistrationSettings
from LiverTumorAttentionLib.registration.start import Pair
from LiverTumorAttentionLib.registration.working import coarser

LEAST_KNOWN = 0.1
"""Share of the region that must lie inside the moving volume for it to be deformed at all."""


def deform(
    pair: Pair, start: sitk.Transform, settings: RegistrationSettings, progress: Progress, seed: int
) -> sitk.BSplineTransform | None:
    """Return the B-spline b so that p -> start(b(p)) maps fixed to moving points; None where none can be had.

    start: a linear transform. seed: of the random choice of the region's voxels that are compared.
    b is the identity far from the region and smooth everywhere.
    """
    rng = np.random.default_rng(seed)
    inside = sitk.GetArrayViewFromImage(pair.region) > 0
    lattice = Lattice.over(pair.fixed, settings.mesh_mm * 2 ** (settings.levels - 1))
    coefficients, found = lattice.zeros(), False
    for level in range(settings.levels):
        if level:
            lattice, coefficients = lattice.refined(coefficients)
        spacing = settings.deform_spacing_mm * (2 if level < settings.levels - 1 else 1)
        objective = Objective.at_level(pair, start, lattice, spacing, settings, rng)
        if objective is None:
            break
        part = progress.part(level / settings.levels, (level + 1) / settings.levels)
        better = maximised(objective, coefficients, settings, part)
        field = np.moveaxis(lattice.basis(pair.fixed).evaluate(better), 0, -1)
        if jacobian(field, pair.fixed)[inside].min() < settings.least_jacobian:
            break
        coefficients, found = better, True
    progress.update(1.0)
    if not found:
        return None
    wider, padded = lattice.faded(coefficients)
    return wider.as_transform(padded)


def maximised(
    objective: Objective, coefficients: np.ndarray, settings: RegistrationSettings, progress: Progress
) -> np.ndarray:
    """Return the coefficients of the highest objective reached from `coefficients` by L-BFGS."""
    evaluations = 0

    def negative(flat: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal evaluations
        evaluations += 1
        progress.update(evaluations / (1.3 * settings.deform_iterations))
        value, gradient = objective(flat.reshape(coefficients.shape))
        return -value, -gradient.ravel()

    found = optimize.minimize(
        negative,
        coefficients.ravel(),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": settings.deform_iterations, "maxcor": 10, "ftol": 1e-6, "gtol": 0.0},
    )
    return found.x.reshape(coefficients.shape)


@dataclass(frozen=True)
class Objective:
    """Mutual information less bending energy, at sampled voxels of one resolution level.

    voxels: flat indices of the n compared voxels on the fixed grid. moving: the volume and its gradient by
    x, y, z index, float32 (4, z, y, x). at: continuous indices (3, n) of the voxels in moving, undeformed;
    per_mm: (3, 3) change of that index by a displacement in mm.
    """

    basis: Basis
    shape: tuple[int, ...]
    voxels: np.ndarray
    mutual: MutualInformation
    moving: np.ndarray
    at: np.ndarray
    per_mm: np.ndarray
    mesh_mm: np.ndarray
    bending_weight: float

    @classmethod
    def at_level(
        cls,
        pair: Pair,
        start: sitk.Transform,
        lattice: Lattice,
        spacing_mm: float,
        settings: RegistrationSettings,
        rng: np.random.Generator,
    ) -> Objective | None:
        """Return the objective at a resolution of spacing_mm, or None where the volumes hardly overlap."""
        fixed, moving = coarser(pair.fixed, spacing_mm), coarser(pair.moving, spacing_mm)
        region = sitk.Resample(pair.region, fixed, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
        voxels = np.flatnonzero(sitk.GetArrayViewFromImage(region))
        if len(voxels) > settings.deform_samples:
            voxels = np.sort(rng.choice(voxels, settings.deform_samples, replace=False))
        at, per_mm = _moving_indices(fixed, moving, start, voxels)
        if len(voxels) == 0 or _known(at, moving.GetSize()).mean() < LEAST_KNOWN:
            return None
        values = sitk.GetArrayFromImage(moving).astype(np.float32)
        gradient = [
            np.gradient(values, axis=axis) if values.shape[axis] > 1 else 0 * values for axis in (2, 1, 0)
        ]
        fixed_values = sitk.GetArrayViewFromImage(fixed).ravel()[voxels]
        return cls(
            basis=lattice.basis(fixed),
            shape=fixed.GetSize()[::-1],
            voxels=voxels,
            mutual=MutualInformation(
                fixed_values, (float(values.min()), float(values.max())), settings.histogram_bins
            ),
            moving=np.stack([values, *gradient]),
            at=at,
            per_mm=per_mm,
            mesh_mm=lattice.mesh_mm,
            bending_weight=settings.bending_weight,
        )

    def __call__(self, coefficients: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the objective and its gradient (3, z, y, x) by the coefficients."""
        u = self.basis.evaluate(coefficients).reshape(3, -1)[:, self.voxels]
        at = self.at + self.per_mm @ u
        value, *gradient = (
            ndimage.map_coordinates(part, at[::-1], order=1, mode="nearest") for part in self.moving
        )
        known = _known(at, self.moving.shape[:0:-1])
        mutual, by_value = self.mutual(value, known)
        by_u = self.per_mm.T @ (np.stack(gradient) * by_value)
        dense = np.zeros((3, int(np.prod(self.shape))), np.float32)
        dense[:, self.voxels] = by_u
        energy, by_coefficients = bending_energy(coefficients, self.mesh_mm)
        total = self.basis.gather(dense.reshape(3, *self.shape)) - self.bending_weight * by_coefficients
        return mutual - self.bending_weight * energy, total


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


def _moving_indices(
    fixed: sitk.Image, moving: sitk.Image, start: sitk.Transform, voxels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return continuous indices (3, n) in `moving` of fixed's voxels, and their change (3, 3) per mm."""
    origin = np.array(start.TransformPoint((0.0, 0.0, 0.0)))
    rotation = np.stack([np.array(start.TransformPoint(tuple(a))) - origin for a in np.eye(3)], axis=1)
    to_index = np.linalg.inv(_columns(moving))
    index = np.stack(np.unravel_index(voxels, fixed.GetSize()[::-1])[::-1])
    points = _columns(fixed) @ index + np.array(fixed.GetOrigin())[:, None]
    moved = rotation @ points + (origin - np.array(moving.GetOrigin()))[:, None]
    return (to_index @ moved).astype(np.float32), (to_index @ rotation).astype(np.float32)


def _columns(image: sitk.Image) -> np.ndarray:
    return np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())


def _known(at: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Return which of the indices (3, n) lie inside a volume of `size` (x, y, z)."""
    return np.all((at >= 0) & (at <= np.array(size)[:, None] - 1), axis=0)
