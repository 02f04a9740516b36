"""The start: where the two volumes lie to each other, and a rigid motion onto each other.

Scanner coordinates are believed first. Because a table may have moved or a series may carry no usable
coordinates, the bodies' and the livers' centres and shifts along each axis are tried as well, on a coarse
grid, and the one under which the portal volume tells most about the arterial one wins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.registration.measures import Similarity, similarity
from LiverTumorAttentionLib.registration.resampling import centre
from LiverTumorAttentionLib.registration.settings import RegistrationSettings
from LiverTumorAttentionLib.registration.sitk_progress import OptimiserError, execute_watched, usable_seed

GAIN_TO_LEAVE = 1.1
"""A start other than the scanner's coordinates must tell this many times as much to be preferred."""

ALIKE = 0.98
"""A similarity counts as lower only below this many times the other: noise moves it by about a hundredth."""

COARSE_BINS = 24


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two volumes on working grids, clipped to one window, with what is compared and what gives centres.

    region: 0/1 mask on fixed's grid in which the two are compared.
    liver: 0/1 mask of the fixed liver on fixed's grid, or None where it is not known.
    centres: point pairs (fixed, moving) (LPS, mm) that may correspond, such as the bodies' centres.
    """

    fixed: sitk.Image
    moving: sitk.Image
    region: sitk.Image
    liver: sitk.Image | None = None
    centres: tuple[tuple[np.ndarray, np.ndarray], ...] = ()


def translation(shift_mm: np.ndarray) -> sitk.TranslationTransform:
    """Return the transform p -> p + shift_mm."""
    return sitk.TranslationTransform(3, [float(v) for v in shift_mm])


def find_translation(pair: Pair, settings: RegistrationSettings, progress: Progress) -> np.ndarray:
    """Return the shift (LPS, mm) from fixed to moving points that gives the highest similarity score."""
    found: dict[tuple[float, ...], Similarity] = {}

    def seen(shift: np.ndarray) -> Similarity:
        key = tuple(np.round(shift, 2))
        if key not in found:
            progress.check()
            moved = translation(shift)
            found[key] = similarity(pair.fixed, pair.moving, moved, pair.region, bins=COARSE_BINS)
        return found[key]

    def score(shift: np.ndarray) -> float:
        return seen(shift).score

    as_given = np.zeros(3)
    step = 2 * settings.coarse_spacing_mm
    along = np.arange(-(settings.reach_mm // step), settings.reach_mm // step + 1) * step
    bases = [as_given] + [to - start for start, to in pair.centres]
    axial = np.array([0.0, 0.0, 1.0])
    tried = [base + a * axial for base in bases for a in along]
    for done, shift in enumerate(tried):
        score(shift)
        progress.update(0.6 * (done + 1) / len(tried))
    by_score = sorted(tried, key=lambda s: -score(s))
    best = climb(by_score[0], score, step)
    progress.update(0.8)
    near = climb(as_given, score, step)
    progress.update(1.0)
    clearly = score(best) > GAIN_TO_LEAVE * score(near)
    return best if clearly and better(seen(near), seen(best)) else near


def better(than: Similarity, new: Similarity) -> bool:
    """Return whether `new` tells more about the region without fitting worse where the volumes overlap.

    The score alone would move an arterial volume that holds a part of the liver to wherever it covers more.
    """
    return new.score > than.score and new.normalised > ALIKE * than.normalised


def climb(shift: np.ndarray, score: Callable[[np.ndarray], float], step_mm: float) -> np.ndarray:
    """Return the shift reached by going along the axes while the score rises, in halving steps."""
    step = step_mm
    while step >= step_mm / 4:
        moves = [sign * step * axis for axis in np.eye(3) for sign in (-1.0, 1.0)]
        best = max((shift + move for move in moves), key=score)
        if score(best) > score(shift):
            shift = best
        else:
            step /= 2
    return shift


def rigid(
    pair: Pair, start: sitk.Transform, settings: RegistrationSettings, progress: Progress, seed: int
) -> sitk.Euler3DTransform:
    """Return the rigid motion, from a translation or rigid `start`, of the highest Mattes mutual information.

    Source: Mattes et al., IEEE Trans. Med. Imaging 22 (2003). Two levels, the first at half resolution.
    """
    transform = as_euler(start, centre(pair.region))
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfWorkUnits(1)  # units add their sums in any order, which changes the last digits
    method.SetMetricAsMattesMutualInformation(settings.histogram_bins)
    method.SetMetricFixedMask(pair.region)
    method.SetMetricSamplingStrategy(method.RANDOM)
    voxels = int(np.prod(pair.fixed.GetSize()))
    inside = max(1, int(np.count_nonzero(sitk.GetArrayViewFromImage(pair.region))))
    percent = min(1.0, settings.rigid_samples / inside)
    method.SetMetricSamplingPercentagePerLevel([min(1.0, 8 * percent), percent], seed=usable_seed(seed))
    method.SetInterpolator(sitk.sitkLinear)
    shrink = 2 if voxels > 8 * 64 and min(pair.fixed.GetSize()) >= 16 else 1
    method.SetShrinkFactorsPerLevel([shrink, 1])
    method.SetSmoothingSigmasPerLevel([float(shrink) - 1, 0.0])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOff()
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=4.0,
        minStep=0.02,
        numberOfIterations=settings.rigid_iterations,
        relaxationFactor=0.5,
        gradientMagnitudeTolerance=1e-6,
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(transform, inPlace=True)
    try:
        execute_watched(method, pair.fixed, pair.moving, progress, 2 * settings.rigid_iterations)
    except OptimiserError:
        return as_euler(start, centre(pair.region))
    return transform


def as_euler(start: sitk.Transform, about: np.ndarray | None) -> sitk.Euler3DTransform:
    """Return a translation or rigid transform as the same motion written about the point `about`."""
    euler = sitk.Euler3DTransform()
    if about is not None:
        euler.SetCenter([float(v) for v in about])
    origin = np.array(start.TransformPoint((0.0, 0.0, 0.0)))
    columns = [np.array(start.TransformPoint(tuple(axis))) - origin for axis in np.eye(3)]
    euler.SetMatrix([float(v) for v in np.stack(columns, axis=1).ravel()], 1e-6)
    there = np.array(start.TransformPoint(euler.GetCenter()))
    euler.SetTranslation([float(v) for v in there - np.array(euler.GetCenter())])
    return euler
