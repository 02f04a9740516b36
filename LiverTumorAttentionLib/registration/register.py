"""Bring the arterial phase onto the portal one: start, rigid step, B-spline, verdict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.registration.bspline import deform
from LiverTumorAttentionLib.registration.measures import Similarity, similarity
from LiverTumorAttentionLib.registration.settings import RegistrationSettings
from LiverTumorAttentionLib.registration.start import Pair, better, find_translation, rigid, translation
from LiverTumorAttentionLib.registration.transform_io import resample_onto
from LiverTumorAttentionLib.registration.verdict import Kept, RegistrationVerdict, judge, liver_overlap
from LiverTumorAttentionLib.registration.working import (
    body_mask,
    bounding_points,
    centre,
    clipped,
    coarser,
    cropped,
    dilated,
    onto_mask_grid,
    oriented,
)

MOVING_MARGIN_MM = 25.0
"""How much more of the arterial than of the portal volume is kept around the region, for it to move in."""


@dataclass(frozen=True, kw_only=True)
class RegistrationResult:
    """What registration gives.

    transform: portal points to arterial points (LPS, mm); hand it to SimpleITK's resampling as it is.
    registered: the arterial volume on the portal grid, in its own voxel type; -1024 outside it.
    verdict: whether to believe it.
    """

    transform: sitk.Transform
    registered: sitk.Image
    verdict: RegistrationVerdict


def register_phases(
    portal: sitk.Image,
    arterial: sitk.Image,
    *,
    portal_liver: sitk.Image | None = None,
    arterial_liver: sitk.Image | None = None,
    progress: Progress = Progress(),  # noqa: B008  (holds no state)
    seed: int = 0,
    settings: RegistrationSettings = RegistrationSettings(),  # noqa: B008  (frozen)
) -> RegistrationResult:
    """Return the transform that maps points of `portal` to points of `arterial`, and a verdict on it.

    portal, arterial: CT in HU; any orientation, handedness, spacing and field of view.
    portal_liver, arterial_liver: masks (above 0 is liver), each on its volume's grid; with the portal one the
        phases are compared in and around the liver alone, which is faster and more exact.
    seed: of the metric's random samples. The same input and seed give the same transform, on the same machine
        with the same number of threads for linear algebra (OMP_NUM_THREADS).

    A pair that cannot be registered raises nothing: its verdict is ``refused``, with the reason.
    Raises `InputError` for volumes that are not 3D and masks on another grid, and `Cancelled`.
    """
    _check("portal", portal, portal_liver)
    _check("arterial", arterial, arterial_liver)
    progress.update(0.0, "preparing")
    work = _Work.prepare(portal, arterial, portal_liver, arterial_liver, settings, progress.part(0.0, 0.1))

    shift = find_translation(work.pair(settings.coarse_spacing_mm), settings, progress.part(0.1, 0.25))
    rigid_pair = work.pair(settings.rigid_spacing_mm)
    motion = rigid(rigid_pair, translation(shift), settings, progress.part(0.25, 0.4), seed)
    kept, transform = _best(
        rigid_pair, [("as given", translation(np.zeros(3))), ("rigid", translation(shift)), ("rigid", motion)]
    )

    pair = work.pair(settings.deform_spacing_mm, around=transform)
    spline = deform(pair, transform, settings, progress.part(0.4, 0.9), seed)
    if spline is not None:
        whole = sitk.CompositeTransform([transform, spline])
        kept, transform = _best(pair, [(kept, transform), ("deformable", whole)])

    verdict = work.verdict(transform, kept, settings)
    progress.update(0.95, "resampling")
    registered = resample_onto(arterial, portal, transform)
    progress.update(1.0, verdict.reason)
    return RegistrationResult(transform=transform, registered=registered, verdict=verdict)


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


def _best(pair: Pair, candidates: list[tuple[Kept, sitk.Transform]]) -> tuple[Kept, sitk.Transform]:
    """Return the last candidate that is better than all before it."""
    measured = [similarity(pair.fixed, pair.moving, t, pair.region) for _, t in candidates]
    best = 0
    for k in range(1, len(candidates)):
        if better(measured[best], measured[k]):
            best = k
    return candidates[best]


@dataclass(frozen=True, kw_only=True)
class _Work:
    """The two volumes oriented alike, with the masks of what is compared, ready for any working grid.

    target: what the verdict speaks of: the portal liver, or the body. region: target with a margin.
    """

    portal: sitk.Image
    arterial: sitk.Image
    target: sitk.Image
    region: sitk.Image
    portal_liver: sitk.Image | None
    arterial_liver: sitk.Image | None
    centres: tuple[tuple[np.ndarray, np.ndarray], ...]
    window_hu: tuple[float, float]

    @classmethod
    def prepare(
        cls,
        portal: sitk.Image,
        arterial: sitk.Image,
        portal_liver: sitk.Image | None,
        arterial_liver: sitk.Image | None,
        settings: RegistrationSettings,
        progress: Progress,
    ) -> _Work:
        spacing = settings.rigid_spacing_mm
        volumes = [oriented(portal), oriented(arterial)]
        coarse = [coarser(sitk.Cast(v, sitk.sitkFloat32), spacing) for v in volumes]
        progress.update(0.5)
        bodies = [body_mask(v) for v in coarse]
        livers = [
            None if mask is None else onto_mask_grid(oriented(mask), grid)
            for mask, grid in zip((portal_liver, arterial_liver), coarse, strict=True)
        ]
        livers = [m if m is not None and centre(m) is not None else None for m in livers]
        pairs = [(centre(a), centre(b)) for a, b in (bodies, livers) if a is not None and b is not None]
        target = livers[0] if livers[0] is not None else bodies[0]
        if centre(target) is None:
            raise InputError("the portal volume shows no body above -300 HU: choose a CT series in HU")
        margin = settings.region_margin_mm if livers[0] is not None else spacing
        progress.update(1.0)
        return cls(
            portal=volumes[0],
            arterial=volumes[1],
            target=target,
            region=dilated(target, margin),
            portal_liver=livers[0],
            arterial_liver=livers[1],
            centres=tuple((a, b) for a, b in pairs if a is not None and b is not None),
            window_hu=settings.window_hu,
        )

    def pair(self, spacing_mm: float, around: sitk.Transform | None = None) -> Pair:
        """Return both volumes at `spacing_mm`, portal cropped to the region, arterial to `around` of it."""
        corners = bounding_points(self.region)
        fixed = cropped(self.portal, corners, 2 * spacing_mm)
        moving: sitk.Image | None = self.arterial
        if around is not None:
            there = np.array([around.TransformPoint([float(v) for v in p]) for p in corners])
            moving = cropped(self.arterial, there, MOVING_MARGIN_MM)
        fixed = coarser(clipped(fixed if fixed is not None else self.portal, self.window_hu), spacing_mm)
        moving = coarser(clipped(moving if moving is not None else self.arterial, self.window_hu), spacing_mm)
        region, target = (
            sitk.Resample(mask, fixed, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
            for mask in (self.region, self.target)
        )
        liver = None if self.portal_liver is None else target
        return Pair(fixed=fixed, moving=moving, region=region, liver=liver, centres=self.centres)

    def verdict(
        self, transform: sitk.Transform, kept: Kept, settings: RegistrationSettings
    ) -> RegistrationVerdict:
        """Return the verdict on a transform."""
        pair = self.pair(settings.rigid_spacing_mm)
        target = sitk.Resample(self.target, pair.fixed, sitk.Transform(), sitk.sitkNearestNeighbor, 0)

        def measured(t: sitk.Transform, where: sitk.Image) -> Similarity:
            return similarity(pair.fixed, pair.moving, t, where)

        as_given = sitk.Transform(3, sitk.sitkIdentity)
        overlap = None
        if self.portal_liver is not None and self.arterial_liver is not None:
            both = self.portal_liver, self.arterial_liver
            overlap = (liver_overlap(*both, as_given), liver_overlap(*both, transform))
        return judge(
            liver=target,
            of_liver=self.portal_liver is not None,
            transform=transform,
            kept=kept,
            before=measured(as_given, pair.region),
            after=measured(transform, pair.region),
            coverage=measured(transform, target).coverage,
            overlap=overlap,
            settings=settings,
        )
