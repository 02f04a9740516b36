"""What a stage is given of a case: the part of the volume, the grid, the intensities, the mask.

Inference and the preparation of training data both come through here, so that a network is trained on
exactly what it will be given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import cast

import numpy as np
import SimpleITK as sitk
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from LiverTumorAttentionLib.inference.accumulator import Box, whole
from LiverTumorAttentionLib.models.stage import IntensitySettings, StageDescription
from LiverTumorAttentionLib.preprocessing import Standard, resample_to_grid, stage_grid, window_hu
from LiverTumorAttentionLib.voxels.image_boxes import array_box, cut, liver_box

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


def intensity_of(settings: IntensitySettings, volume: sitk.Image) -> Intensity:
    """Return how a phase's HU become input; `volume` is the whole of the phase, before any crop."""
    if settings.percentiles is not None:
        return Standard.of(sitk.GetArrayViewFromImage(volume), settings.percentiles)
    window = cast("tuple[float, float]", settings.window_hu)  # one of the two is given
    return partial(window_hu, window=window)


@dataclass(frozen=True, kw_only=True)
class View:
    """The part of a case that a stage sees, on the stage's grid."""

    size: list[int]
    """Voxels (x, y, z) of the box of the volume that is cut out."""
    index: list[int]
    """Its first voxel (x, y, z)."""
    grid: sitk.Image
    """The stage's grid over this box."""
    keep: Box
    """The part of the grid whose result is wanted, (z, y, x)."""
    inside: NDArray[np.bool_] | None
    """Where the network may see, (z, y, x); all else is set to zero. None masks nothing."""

    def on_grid(self, image: sitk.Image) -> NDArray[np.float32]:
        """Return an image on the portal grid (a volume, or a mask for its shares) on the stage's, (z, y, x)."""
        return sitk.GetArrayFromImage(resample_to_grid(cut(image, self.size, self.index), self.grid))


def whole_view(stage: StageDescription, portal: sitk.Image) -> View:
    """Return what a stage that finds the liver sees: the whole volume, in LPS order."""
    grid = grid_over(stage, portal)
    return View(
        size=list(portal.GetSize()),
        index=[0, 0, 0],
        grid=grid,
        keep=whole(grid.GetSize()[::-1]),
        inside=None,
    )


def tumor_view(stage: StageDescription, portal: sitk.Image, liver: sitk.Image) -> View:
    """Return what the tumour stage sees: the liver's box, or whole slices where the stage resizes slices.

    portal: in LPS order. liver: the coarse liver, a mask on its grid, not empty.
    Source: PA-ResSeg, section 4.A: the coarse liver is dilated, what lies outside of it is set to zero.
    """
    margin_mm = (stage.mask_dilation_mm or 0.0) + stage.box_margin_mm
    size, index = liver_box(liver, margin_mm=margin_mm)
    resized = stage.grid.in_plane_pixels is not None
    if resized:
        size[:2], index[:2] = portal.GetSize()[:2], [0, 0]
    grid = grid_over(stage, cut(portal, size, index))
    coarse = resample_to_grid(cut(liver, size, index), grid)
    keep = whole(grid.GetSize()[::-1])
    if resized:
        found = coarse >= 0.5
        keep = array_box(*liver_box(found, margin_mm=margin_mm)) if _any(found) else keep
    dilation_mm = stage.mask_dilation_mm
    inside = None if dilation_mm is None else _dilated(coarse, dilation_mm)
    return View(size=size, index=index, grid=grid, keep=keep, inside=inside)


def _dilated(liver: sitk.Image, margin_mm: float) -> NDArray[np.bool_]:
    """Return a coarse liver (probability on the stage's grid) dilated by a margin."""
    outside = sitk.GetArrayViewFromImage(liver) < 0.5
    return ndimage.distance_transform_edt(outside, sampling=liver.GetSpacing()[::-1]) <= margin_mm


def _any(mask: sitk.Image) -> bool:
    return bool(sitk.GetArrayViewFromImage(mask).any())
