"""The deformable step: a cubic B-spline between the phases, coarse to fine, that stays smooth and unfolded.

Source: Rueckert et al., IEEE Trans. Med. Imaging 18 (1999): a B-spline free-form deformation that maximizes
mutual information less a bending energy. Departs: the mutual information is that of `mutual_information`; the
optimizer is L-BFGS; a level whose field folds is dropped with all finer ones.

It is written here and not left to ITK because ITK keeps a derivative of the joint histogram for every
parameter (bins x bins x parameters): with control points 20 mm apart that took thirty times the processor
time of the matrix products of `bspline_grid`, and it has no bending energy to halve the error with.
"""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from scipy import optimize

from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.registration.bspline_grid import BSplineGrid
from LiverTumorAttentionLib.registration.objective import Objective
from LiverTumorAttentionLib.registration.settings import RegistrationSettings
from LiverTumorAttentionLib.registration.transform_io import jacobian_determinant
from LiverTumorAttentionLib.registration.working_pair import ResampledPair


def deform(
    pair: ResampledPair, start: sitk.Transform, settings: RegistrationSettings, progress: Progress, seed: int
) -> sitk.BSplineTransform | None:
    """Return the B-spline b so that p -> start(b(p)) maps fixed to moving points.

    None where the volumes hardly overlap or every level folds.

    start: a linear transform. seed: of the random choice of the region's voxels that are compared.
    b is the identity far from the region and smooth everywhere.
    """
    rng = np.random.default_rng(seed)
    inside = sitk.GetArrayViewFromImage(pair.region) > 0
    lattice = BSplineGrid.over(pair.fixed, settings.mesh_mm * 2 ** (settings.levels - 1))
    coefficients, found = lattice.zeros(), False
    for level in range(settings.levels):
        if level:
            lattice, coefficients = lattice.refined(coefficients)
        spacing = settings.deform_spacing_mm * (2 if level < settings.levels - 1 else 1)
        objective = Objective.at_level(pair, start, lattice, spacing, settings, rng)
        if objective is None:
            break
        part = progress.part(level / settings.levels, (level + 1) / settings.levels)
        better = maximized(objective, coefficients, settings, part)
        field = np.moveaxis(lattice.basis(pair.fixed).evaluate(better), 0, -1)
        if jacobian_determinant(field, pair.fixed)[inside].min() < settings.least_jacobian:
            break
        coefficients, found = better, True
    progress.update(1.0)
    if not found:
        return None
    wider, padded = lattice.zero_padded(coefficients)
    return wider.as_transform(padded)


def maximized(
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
