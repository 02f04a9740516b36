"""The liver on a volume's own grid, from the probability that a stage gives on its coarser one."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.postprocessing import (
    PostprocessingSettings,
    liver_from_candidates,
    without_dense_neighbors,
)
from LiverTumorAttentionLib.preprocessing import resample_to_grid
from LiverTumorAttentionLib.voxels.boxes import Box, bounding_box
from LiverTumorAttentionLib.voxels.parts import grid_in_box, image_in_box, whole_of

SMALLEST_LIVER_ML = 20.0
"""A smaller liver is taken for something else: nothing could be planned on it."""
SLAB_VOXELS = 8_000_000
"""Voxels of the portal grid on which a probability is interpolated at a time."""


def liver_mask(
    coarse: sitk.Image,
    image: sitk.Image,
    where: str,
    settings: PostprocessingSettings,
    *,
    smallest_ml: float = SMALLEST_LIVER_ML,
) -> sitk.Image:
    """Return the liver on an image's grid, uint8, by its probability. Raises `InputError` when there is none.

    coarse: the probability, on a grid over the image with its axes. image: HU. where: for the message.
    smallest_ml: less is no liver.
    """
    box, candidates = reaching(coarse, settings.liver_threshold, image)
    spacing = image.GetSpacing()[::-1]
    liver = liver_from_candidates(candidates, spacing, opening_mm=settings.liver_opening_mm)
    volume_ml = float(np.count_nonzero(liver)) * float(np.prod(spacing)) / 1000.0
    if volume_ml < smallest_ml or not liver.any():
        raise InputError(
            f"no liver was found {where} (at most {volume_ml:.0f} mL of something like it): "
            "check that it is a CT of the upper abdomen, or choose another series"
        )
    whole = whole_of(image_in_box(liver.view(np.uint8), image, box), image)
    if not settings.liver_denser_hu:
        return whole
    organ, hu = (sitk.GetArrayViewFromImage(each) for each in (whole, image))
    kept = without_dense_neighbors(organ.view(bool), hu, spacing, denser_hu=settings.liver_denser_hu)
    if np.shares_memory(kept, organ):
        return whole
    mask = sitk.GetImageFromArray(kept.view(np.uint8))
    mask.CopyInformation(whole)
    return mask


def reaching(coarse: sitk.Image, threshold: float, image: sitk.Image) -> tuple[Box, NDArray[np.bool_]]:
    """Return where a probability, interpolated onto the grid of an image, reaches a threshold.

    coarse: on a grid over the image with its axes, as a stage gives it. Returns a box (z, y, x) of the image that holds
    all such voxels and one more on each side, and the mask of them in it. The probability itself never stands in
    memory at the image's own size.
    """
    seeds = bounding_box(sitk.GetArrayViewFromImage(coarse) >= threshold)
    if seeds is None:
        return (slice(0, 1),) * 3, np.zeros((1, 1, 1), dtype=bool)
    box = _box_around(seeds, coarse, image)
    mask = np.empty([side.stop - side.start for side in box], dtype=bool)
    step = max(1, SLAB_VOXELS // max(1, mask[0].size))
    for first in range(0, len(mask), step):
        last = min(first + step, len(mask))
        slab = (slice(box[0].start + first, box[0].start + last), *box[1:])
        fine = resample_to_grid(coarse, grid_in_box(image, slab))
        np.greater_equal(sitk.GetArrayViewFromImage(fine), threshold, out=mask[first:last])
    return box, mask


def _box_around(seeds: Box, coarse: sitk.Image, image: sitk.Image) -> Box:
    """Return the box of the image whose values depend on the voxels `seeds` of a coarse grid, and a voxel more.

    Between two voxel centers both count; beyond the outermost center its value goes on.
    """
    sides = []
    for axis, (side, length, wide) in enumerate(
        zip(seeds[::-1], coarse.GetSize(), image.GetSize(), strict=True)
    ):
        ends = []
        for index in (side.start - 1, side.stop):
            place = [0.0, 0.0, 0.0]
            place[axis] = float(index)
            point = coarse.TransformContinuousIndexToPhysicalPoint(place)
            ends.append(image.TransformPhysicalPointToContinuousIndex(point)[axis])
        low = 0 if side.start == 0 else int(np.floor(ends[0])) - 1
        high = wide if side.stop == length else int(np.ceil(ends[1])) + 2
        sides.append(slice(max(0, low), min(wide, high)))
    return tuple(sides[::-1])
