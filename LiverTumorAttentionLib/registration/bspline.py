"""The deformable step: a cubic B-spline between the phases, coarse to fine, that does not fold.

Source: Rueckert et al., IEEE Trans. Med. Imaging 18 (1999), with the mutual information of Mattes et al.
(2003) and the L-BFGS-B optimiser of ITK. Departs: no bending energy; the distance of the control points
and few iterations keep the field smooth, and a field that folds is replaced by that of a coarser mesh.
"""

from __future__ import annotations

import itertools

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.registration.measures import displacement, jacobian
from LiverTumorAttentionLib.registration.settings import RegistrationSettings
from LiverTumorAttentionLib.registration.start import Pair
from LiverTumorAttentionLib.registration.watch import OptimiserError, execute_watched, usable_seed

ORDER = 3


def deform(
    pair: Pair, start: sitk.Transform, settings: RegistrationSettings, progress: Progress, seed: int
) -> sitk.BSplineTransform | None:
    """Return the B-spline b so that p -> start(b(p)) maps fixed to moving points; None where none can be had.

    Level by level the mesh is halved; a level whose field folds in the region is dropped with all finer ones.
    b is the identity far from the region and smooth everywhere (see `faded`).
    """
    spline: sitk.BSplineTransform | None = None
    inside = sitk.GetArrayViewFromImage(pair.region) > 0
    for level in range(settings.levels):
        finer = first_spline(pair, settings) if spline is None else refined(spline)
        part = progress.part(level / settings.levels, (level + 1) / settings.levels)
        if not optimise(pair, start, finer, settings, settings.levels - 1 - level, part, seed):
            break
        field = displacement(sitk.CompositeTransform([start, finer]), pair.fixed)
        if jacobian(field, pair.fixed)[inside].min() < settings.least_jacobian:
            break
        spline = finer
    return None if spline is None else faded(spline)


def first_spline(pair: Pair, settings: RegistrationSettings) -> sitk.BSplineTransform:
    """Return the identity as a B-spline over the fixed volume, with the mesh of the first level."""
    extent = np.array(pair.fixed.GetSize()) * np.array(pair.fixed.GetSpacing())
    coarsest = settings.mesh_mm * 2 ** (settings.levels - 1)
    mesh = [max(1, round(e / coarsest)) for e in extent]
    return sitk.BSplineTransformInitializer(pair.fixed, mesh, ORDER)


def optimise(
    pair: Pair,
    start: sitk.Transform,
    spline: sitk.BSplineTransform,
    settings: RegistrationSettings,
    levels_to_come: int,
    progress: Progress,
    seed: int,
) -> bool:
    """Change `spline` to raise the Mattes mutual information in the region; False where that cannot be had.

    It cannot when too few points of the region lie inside the moving volume.
    """
    shrink = min(1 + levels_to_come, 3)
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(settings.histogram_bins)
    method.SetMetricFixedMask(pair.region)
    method.SetMovingInitialTransform(start)
    method.SetInitialTransform(spline, inPlace=True)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetShrinkFactorsPerLevel([shrink])
    method.SetSmoothingSigmasPerLevel([0.5 * (shrink - 1)])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOff()
    inside = max(1, int(np.count_nonzero(sitk.GetArrayViewFromImage(pair.region))))
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(
        min(1.0, settings.deform_samples * shrink**3 / inside), usable_seed(seed)
    )
    method.SetOptimizerAsLBFGSB(
        gradientConvergenceTolerance=1e-6,
        numberOfIterations=settings.deform_iterations,
        maximumNumberOfCorrections=8,
        maximumNumberOfFunctionEvaluations=2 * settings.deform_iterations,
        costFunctionConvergenceFactor=1e9,
    )
    try:
        execute_watched(method, pair.fixed, pair.moving, progress, settings.deform_iterations)
    except OptimiserError:
        return False
    return True


def refined(spline: sitk.BSplineTransform) -> sitk.BSplineTransform:
    """Return the same function with a mesh of half the distance.

    Two-scale relation of the cubic B-spline: a new control point on an old one takes (1, 6, 1) / 8 of the old
    ones around it, one between two takes their mean.
    """
    arrays = [sitk.GetArrayFromImage(image) for image in spline.GetCoefficientImages()]
    for axis in range(3):
        arrays = [np.moveaxis(_refined_first_axis(np.moveaxis(a, axis, 0)), 0, axis) for a in arrays]
    finer = sitk.BSplineTransform(3, ORDER)
    finer.SetTransformDomainDirection(spline.GetTransformDomainDirection())
    finer.SetTransformDomainOrigin(spline.GetTransformDomainOrigin())
    finer.SetTransformDomainPhysicalDimensions(spline.GetTransformDomainPhysicalDimensions())
    finer.SetTransformDomainMeshSize([2 * n for n in spline.GetTransformDomainMeshSize()])
    finer.SetParameters([float(v) for v in np.concatenate([a.ravel() for a in arrays])])
    return finer


def _refined_first_axis(c: np.ndarray) -> np.ndarray:
    finer = np.empty((2 * len(c) - ORDER, *c.shape[1:]))
    finer[1::2] = (c[:-2] + 6 * c[1:-1] + c[2:]) / 8
    finer[0::2] = (c[:-1] + c[1:])[: len(finer[0::2])] / 2
    return finer


def faded(spline: sitk.BSplineTransform) -> sitk.BSplineTransform:
    """Return the same B-spline on a larger domain, at whose border it has come smoothly to nothing.

    ITK leaves points outside a B-spline's domain where they are, which would tear space at the border.
    Adding three control points of value 0 on every side changes nothing inside the old domain.
    """
    images = spline.GetCoefficientImages()
    more = [ORDER] * 3
    padded = [sitk.ConstantPad(image, more, more, 0.0) for image in images]
    wider = sitk.BSplineTransform(3, ORDER)
    spacing = np.array(images[0].GetSpacing())
    direction = np.array(images[0].GetDirection()).reshape(3, 3)
    mesh = np.array(spline.GetTransformDomainMeshSize()) + 2 * ORDER
    origin = np.array(spline.GetTransformDomainOrigin()) - direction @ (ORDER * spacing)
    wider.SetTransformDomainDirection(spline.GetTransformDomainDirection())
    wider.SetTransformDomainOrigin([float(v) for v in origin])
    wider.SetTransformDomainPhysicalDimensions([float(v) for v in mesh * spacing])
    wider.SetTransformDomainMeshSize([int(v) for v in mesh])
    parameters = itertools.chain.from_iterable(sitk.GetArrayViewFromImage(i).ravel() for i in padded)
    wider.SetParameters([float(v) for v in parameters])
    return wider
