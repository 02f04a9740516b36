"""The two phases as registration works on them: oriented alike, with masks, at any resolution."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.registration.initial_alignment import Pair
from LiverTumorAttentionLib.registration.resampling import (
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
from LiverTumorAttentionLib.registration.settings import RegistrationSettings

MOVING_MARGIN_MM = 25.0
"""How much more of the arterial than of the portal volume is kept around the region, for it to move in."""


@dataclass(frozen=True, kw_only=True)
class WorkingPhases:
    """The two volumes oriented alike, with the masks of what is compared, ready for any working grid.

    target: what the verdict speaks of: the portal liver, or the body. region: target with a margin.
    arterial_grid: the working grid of the arterial volume's masks.
    """

    portal: sitk.Image
    arterial: sitk.Image
    target: sitk.Image
    region: sitk.Image
    arterial_grid: sitk.Image
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
    ) -> WorkingPhases:
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
            arterial_grid=bodies[1],
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

    def exchanged(self, linear: sitk.Transform, settings: RegistrationSettings) -> WorkingPhases | None:
        """Return the work of the volumes exchanged; None where the target lies outside the arterial volume.

        linear: portal to arterial points; it brings the target there where the arterial liver is not known.
        """
        target = self.arterial_liver
        if target is None:
            target = sitk.Resample(
                self.target, self.arterial_grid, linear.GetInverse(), sitk.sitkNearestNeighbor, 0
            )
        if centre(target) is None:
            return None
        return replace(
            self,
            portal=self.arterial,
            arterial=self.portal,
            target=target,
            region=dilated(target, settings.region_margin_mm),
            arterial_grid=self.target,
            portal_liver=None if self.portal_liver is None else target,
            arterial_liver=self.portal_liver,
            centres=(),
        )
