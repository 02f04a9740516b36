"""Initial alignment: a translation by search, and the rigid motion of the highest mutual information.

The search begins with scanner coordinates. Because a table may have moved or a series may carry no usable
coordinates, the shifts between the bodies' and the livers' centroids, and shifts along the axes, are tried on a
coarse grid as well; the one of the highest similarity wins.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.memory import raise_if_out_of_memory
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.registration.mutual_information import Similarity, similarity
from LiverTumorAttentionLib.registration.settings import RegistrationSettings
from LiverTumorAttentionLib.registration.working_pair import ResampledPair, centroid

GAIN_TO_LEAVE = 1.1
"""Factor by which another start must exceed the score of the scanner's coordinates to be preferred."""

ALIKE = 0.98
"""A similarity counts as lower only below this many times the other: noise moves it by about a hundredth."""

COARSE_BINS = 24


def translation(shift_mm: np.ndarray) -> sitk.TranslationTransform:
    """Return the transform p -> p + shift_mm."""
    return sitk.TranslationTransform(3, [float(v) for v in shift_mm])


def find_translation(pair: ResampledPair, settings: RegistrationSettings, progress: Progress) -> np.ndarray:
    """Return the shift (LPS, mm) from fixed to moving points that gives the highest similarity score."""
    found: dict[tuple[float, ...], Similarity] = {}

    def measured(shift: np.ndarray) -> Similarity:
        key = tuple(np.round(shift, 2))
        if key not in found:
            progress.check()
            moved = translation(shift)
            found[key] = similarity(pair.fixed, pair.moving, moved, pair.region, bins=COARSE_BINS)
        return found[key]

    def score(shift: np.ndarray) -> float:
        return measured(shift).score

    as_given = np.zeros(3)
    step = 2 * settings.coarse_spacing_mm
    along = np.arange(-(settings.reach_mm // step), settings.reach_mm // step + 1) * step
    bases = [as_given] + [to - start for start, to in pair.centroids]
    axial = np.array([0.0, 0.0, 1.0])
    tried = [base + a * axial for base in bases for a in along]
    for done, shift in enumerate(tried):
        score(shift)
        progress.update(0.6 * (done + 1) / len(tried))
    by_score = sorted(tried, key=lambda s: -score(s))
    best = hill_climb(by_score[0], score, step)
    progress.update(0.8)
    near = hill_climb(as_given, score, step)
    progress.update(1.0)
    clearly = score(best) > GAIN_TO_LEAVE * score(near)
    return best if clearly and is_better(measured(near), measured(best)) else near


def is_better(than: Similarity, new: Similarity) -> bool:
    """Return whether `new` has the higher score without a lower similarity where the volumes overlap.

    The score alone would move an arterial volume that holds a part of the liver to wherever it covers more.
    """
    return new.score > than.score and new.normalized > ALIKE * than.normalized


def hill_climb(shift: np.ndarray, score: Callable[[np.ndarray], float], step_mm: float) -> np.ndarray:
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
    pair: ResampledPair, start: sitk.Transform, settings: RegistrationSettings, progress: Progress, seed: int
) -> sitk.Euler3DTransform:
    """Return the rigid motion, from a translation or rigid `start`, of the highest Mattes mutual information.

    Source: Mattes et al., IEEE Trans. Med. Imaging 22 (2003). Two levels, the first at half resolution.
    """
    transform = as_euler(start, centroid(pair.region))
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
    except OptimizerError:
        return as_euler(start, centroid(pair.region))
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


class OptimizerError(RuntimeError):
    """The optimizer could not run: as a rule, too few points of the region lie inside the moving volume."""


def usable_seed(seed: int) -> int:
    """Return a seed for SimpleITK, whose 0 means the time of day."""
    return seed % (2**31 - 1) + 1


def execute_watched(
    method: sitk.ImageRegistrationMethod,
    fixed: sitk.Image,
    moving: sitk.Image,
    progress: Progress,
    expected_evaluations: int,
) -> sitk.Transform:
    """Return `method.Execute(fixed, moving)`; what `progress` raises (`Cancelled`) ends it at once.

    expected_evaluations: number of evaluations of the metric at which the progress is full.
    Raises `OptimizerError` where ITK fails.

    SimpleITK calls a Python function after every evaluation of the metric. `StopRegistration` is ignored by the
    L-BFGS optimizers, so the function raises; SimpleITK then prints the traceback through `sys.excepthook`,
    unwinds the optimizer and raises a `RuntimeError` without the cause. Here the print is suppressed and the
    cause is raised instead.
    """
    raised: list[BaseException] = []
    done = 0

    def after_evaluation() -> None:
        nonlocal done
        done += 1
        try:
            progress.update(done / expected_evaluations)
        except BaseException as error:
            raised.append(error)
            raise

    def print_unless_ours(kind: Any, value: Any, trace: Any) -> None:
        if value not in raised:
            hook(kind, value, trace)

    method.AddCommand(sitk.sitkIterationEvent, after_evaluation)
    hook, sys.excepthook = sys.excepthook, print_unless_ours
    try:
        return method.Execute(fixed, moving)
    except RuntimeError as error:
        if raised:
            raise raised[0] from None
        raise_if_out_of_memory(error)  # rather than go on with a registration that is not the best one
        raise OptimizerError(str(error)) from error
    finally:
        sys.excepthook = hook
        method.RemoveAllCommands()
