"""Input of a stage: the box of the volume, its grid, intensity scaling and mask.

Shared by inference and the preparation of training data, so that both give a network the same input.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from functools import partial
from typing import cast

import numpy as np
import SimpleITK as sitk
from numpy.typing import ArrayLike, NDArray

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.models.stage_description import IntensitySettings, StageDescription
from LiverTumorAttentionLib.preprocessing import (
    Standard,
    liver_median_hu,
    resample_to_grid,
    stage_grid,
    window_hu,
)
from LiverTumorAttentionLib.voxels.boxes import Box, crop_image, full_box, mask_box
from LiverTumorAttentionLib.voxels.surfaces import distance_map_mm, limit_mm

Intensity = Callable[[ArrayLike], NDArray[np.float32]]
"""From HU to the network's input, any shape."""


def grid_over(stage: StageDescription, image: sitk.Image) -> sitk.Image:
    """Return the stage's grid over an image in LPS order."""
    return stage_grid(
        image,
        in_plane_spacing_mm=stage.grid.in_plane_spacing_mm,
        in_plane_pixels=stage.grid.in_plane_pixels,
        slice_spacing_range_mm=stage.grid.slice_spacing_range_mm,
    )


LIVER_MEDIAN = "liver_median_hu"


def intensity_of(settings: IntensitySettings, measured: Mapping[str, float]) -> Intensity:
    """Return the intensity scaling of a phase, of which `View.measured` returned `measured`."""
    if settings.percentiles is not None:
        return Standard(**measured)
    if settings.liver_window_hu is not None:
        level = measured[LIVER_MEDIAN]
        low, high = settings.liver_window_hu
        return partial(window_hu, window=(level + low, level + high))
    window = cast("tuple[float, float]", settings.window_hu)  # one of the three is given
    return partial(window_hu, window=window)


def measured_names(settings: IntensitySettings) -> tuple[str, ...]:
    """Return the names of what the scaling takes from each phase of a case; empty where it takes nothing."""
    if settings.percentiles is not None:
        return tuple(entry.name for entry in fields(Standard))
    return () if settings.liver_window_hu is None else (LIVER_MEDIAN,)


@dataclass(frozen=True, kw_only=True)
class View:
    """The part of a case that a stage works on, on the stage's grid."""

    box: Box
    """The part of the volume that is cut out, (z, y, x)."""
    grid: sitk.Image
    """The stage's grid over this box."""
    keep: Box
    """The part of the grid that is computed, (z, y, x)."""
    inside: NDArray[np.bool_] | None
    """Mask of the network's input, (z, y, x); outside it is set to zero. None masks nothing."""
    liver: NDArray[np.bool_] | None = None
    """The coarse liver on the grid, (z, y, x); None for a stage that finds the liver."""

    def on_grid(self, image: sitk.Image) -> NDArray[np.float32]:
        """Return an image on the portal grid (a volume, or a mask for its shares) on the stage's, (z, y, x)."""
        return sitk.GetArrayFromImage(resample_to_grid(crop_image(image, self.box), self.grid))

    def measured(
        self, settings: IntensitySettings, volume: sitk.Image, hu: NDArray[np.float32]
    ) -> dict[str, float]:
        """Return what the intensity scaling takes from a phase, by `measured_names`.

        volume: the whole phase on the portal grid, before any crop. hu: what `on_grid` returned of it.
        Raises `InputError` where the liver's level cannot be measured.
        """
        if settings.percentiles is not None:
            return asdict(Standard.of(sitk.GetArrayViewFromImage(volume), settings.percentiles))
        if settings.liver_window_hu is None:
            return {}
        if self.liver is None:
            raise InputError("intensities relative to the liver need a coarse liver: give one")
        level = liver_median_hu(
            hu,
            self.liver,
            erosion_mm=settings.liver_erosion_mm or 0.0,
            spacing_zyx_mm=self.grid.GetSpacing()[::-1],
        )
        return {LIVER_MEDIAN: level}

    def network_input(self, settings: IntensitySettings, volume: sitk.Image) -> NDArray[np.float32]:
        """Return the network's input for one phase on the portal grid, (z, y, x)."""
        hu = self.on_grid(volume)
        values = intensity_of(settings, self.measured(settings, volume, hu))(hu)
        return values if self.inside is None else values * self.inside


def whole_view(stage: StageDescription, portal: sitk.Image) -> View:
    """Return the view of a liver stage: the whole volume, in LPS order."""
    grid = grid_over(stage, portal)
    return View(
        box=full_box(portal.GetSize()[::-1]),
        grid=grid,
        keep=full_box(grid.GetSize()[::-1]),
        inside=None,
    )


def tumor_view(stage: StageDescription, portal: sitk.Image, liver: sitk.Image) -> View:
    """Return the view of a tumor stage: the liver's box, or whole slices where the stage resizes slices.

    portal: in LPS order. liver: the coarse liver, a mask on its grid, not empty.
    Source: PA-ResSeg, section 3.B: the coarse liver is dilated, what lies outside of it is set to zero.
    """
    box = tumor_box(stage, portal, liver)
    resized = stage.grid.in_plane_pixels is not None
    grid = grid_over(stage, crop_image(portal, box))
    coarse = resample_to_grid(crop_image(liver, box), grid)
    keep = full_box(grid.GetSize()[::-1])
    if resized:
        keep = mask_box(coarse >= 0.5, margin_mm=_margin_mm(stage)) or keep
    dilation_mm = stage.mask_dilation_mm
    inside = None if dilation_mm is None else _dilated(coarse, dilation_mm)
    organ = sitk.GetArrayViewFromImage(coarse) >= 0.5
    return View(box=box, grid=grid, keep=keep, inside=inside, liver=organ)


def tumor_box(stage: StageDescription, portal: sitk.Image, liver: sitk.Image) -> Box:
    """Return the part (z, y, x) of the portal grid that a tumor stage sees; arguments as for `tumor_view`."""
    whole = full_box(portal.GetSize()[::-1])
    box = mask_box(liver, margin_mm=_margin_mm(stage)) or whole
    return box if stage.grid.in_plane_pixels is None else (box[0], *whole[1:])


def _margin_mm(stage: StageDescription) -> float:
    return (stage.mask_dilation_mm or 0.0) + stage.box_margin_mm


def _dilated(liver: sitk.Image, margin_mm: float) -> NDArray[np.bool_]:
    """Return a coarse liver (probability on the stage's grid) dilated by a margin."""
    outside = sitk.GetArrayViewFromImage(liver) < 0.5
    return distance_map_mm(~outside, liver.GetSpacing()[::-1]) <= limit_mm(margin_mm)
