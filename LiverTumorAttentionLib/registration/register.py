"""Registration of the arterial onto the portal phase: initial alignment, B-spline, verdict."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.registration.bspline import deform
from LiverTumorAttentionLib.registration.initial_alignment import (
    find_translation,
    is_better,
    rigid,
    translation,
)
from LiverTumorAttentionLib.registration.inverse_consistency import (
    backward_transform,
    inverse_consistency_error,
)
from LiverTumorAttentionLib.registration.mutual_information import OUTSIDE, similarity_to
from LiverTumorAttentionLib.registration.settings import RegistrationSettings
from LiverTumorAttentionLib.registration.transform_io import resample_onto
from LiverTumorAttentionLib.registration.verdict import (
    PHASES,
    RegistrationVerdict,
    TransformKind,
    VolumeNames,
    verdict_on,
)
from LiverTumorAttentionLib.registration.working_pair import ResampledPair, WorkingPair
from LiverTumorAttentionLib.voxels.boxes import Box
from LiverTumorAttentionLib.voxels.geometry import from_lps


@dataclass(frozen=True, kw_only=True)
class RegistrationResult:
    """Result of a registration.

    transform: portal points to arterial points (LPS, mm); hand it to SimpleITK's resampling as it is.
    verdict: whether to believe it.
    portal, arterial: the volumes, HU.
    own_grid: the grid on which `registered` is wanted, where that is the portal one with other axes; None is the
        portal volume's.
    warnings: warnings for the user of the run that made it, one sentence each.
    """

    transform: sitk.Transform
    verdict: RegistrationVerdict
    portal: sitk.Image
    arterial: sitk.Image
    own_grid: sitk.Image | None = None
    warnings: tuple[str, ...] = ()

    @cached_property
    def registered(self) -> sitk.Image:
        """The arterial volume on the portal grid, in its own voxel type; -1024 outside it.

        It is resampled when it is first asked for, which takes longer than any other step of a registration but one.
        """
        whole = resample_onto(self.arterial, self.portal, self.transform)
        return whole if self.own_grid is None else from_lps(whole, self.own_grid)

    def registered_in(self, box: Box) -> sitk.Image:
        """Return a box (z, y, x) of the portal grid of the registered volume, at the cost of that box."""
        return resample_onto(self.arterial, self.portal, self.transform, box=box)


def register_phases(
    portal: sitk.Image,
    arterial: sitk.Image,
    *,
    portal_liver: sitk.Image | None = None,
    arterial_liver: sitk.Image | None = None,
    progress: Progress = Progress(),  # noqa: B008  (holds no state)
    seed: int = 0,
    settings: RegistrationSettings = RegistrationSettings(),  # noqa: B008  (frozen)
    names: VolumeNames = PHASES,
) -> RegistrationResult:
    """Return the transform that maps points of `portal` to points of `arterial`, and a verdict on it.

    portal, arterial: CT in HU; any orientation, handedness, spacing and field of view.
    portal_liver, arterial_liver: masks (above 0 is liver), each on its volume's grid; with the portal one the
        phases are compared in and around the liver alone, which is faster and more exact.
    seed: of the metric's random samples. The same input and seed give the same transform on the same machine, whatever
        the number of threads; where numpy was built with another library for linear algebra than OpenBLAS, that
        library's threads may change the last digits.

    names: what the verdict calls the volumes, where they are no two phases.

    A pair that cannot be registered raises nothing: its verdict is ``refused``, with the reason.
    Raises `InputError` for volumes that are not 3D and masks on another grid, and `Cancelled`.
    """
    _check(names.fixed, portal, portal_liver)
    _check(names.moving, arterial, arterial_liver)
    progress.update(0.0, "preparing")
    work = WorkingPair.prepare(
        portal, arterial, portal_liver, arterial_liver, settings, progress.part(0.0, 0.1)
    )

    shift = find_translation(work.resampled(settings.coarse_spacing_mm), settings, progress.part(0.1, 0.25))
    rigid_pair = work.resampled(settings.rigid_spacing_mm)
    motion = rigid(rigid_pair, translation(shift), settings, progress.part(0.25, 0.4), seed)
    kept, linear = _best(
        rigid_pair, [("as given", translation(np.zeros(3))), ("rigid", translation(shift)), ("rigid", motion)]
    )

    pair = work.resampled(settings.deform_spacing_mm, around=linear)
    spline = deform(pair, linear, settings, progress.part(0.4, 0.85), seed)
    transform = linear
    if spline is not None:
        whole = sitk.CompositeTransform([linear, spline])
        kept, transform = _best(pair, [(kept, linear), ("deformable", whole)])

    back = backward_transform(work, linear, settings, progress.part(0.85, 0.93), seed)
    error = None if back is None else inverse_consistency_error(transform, back, work.target, work.arterial)
    verdict = verdict_on(work, transform, kept, error, settings, rigid_pair, names)
    progress.update(1.0, verdict.reason)
    return RegistrationResult(transform=transform, verdict=verdict, portal=portal, arterial=arterial)


def _check(name: str, volume: sitk.Image, mask: sitk.Image | None) -> None:
    if volume.GetDimension() != 3 or volume.GetNumberOfComponentsPerPixel() != 1:
        raise InputError(
            f"the {name} volume must be 3D with one value a voxel; it has {volume.GetDimension()} dimensions "
            f"and {volume.GetNumberOfComponentsPerPixel()} values a voxel: choose a CT series"
        )
    if mask is not None and mask.GetSize() != volume.GetSize():
        raise InputError(
            f"the {name} liver mask must lie on the grid of its volume {volume.GetSize()}; "
            f"it has {mask.GetSize()} voxels: resample it first"
        )


def _best(
    pair: ResampledPair, candidates: list[tuple[TransformKind, sitk.Transform]]
) -> tuple[TransformKind, sitk.Transform]:
    """Return the last candidate that is better than all before it."""
    moved = (resample_onto(pair.moving, pair.fixed, t, OUTSIDE) for _, t in candidates)
    measured = [similarity_to(pair.fixed, image, pair.region) for image in moved]
    best = 0
    for k in range(1, len(candidates)):
        if is_better(measured[best], measured[k]):
            best = k
    return candidates[best]
