"""Parts of volumes: images that hold a box of another image's grid, so that work on an organ costs what the organ does.

A part is an ordinary image whose voxels lie on some of the voxels of a grid, its axes maybe in another order; where it
lies is told by its geometry alone. The whole grid is a part of itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.boxes import Box, box_start, crop_image, full_box, relative_box
from LiverTumorAttentionLib.voxels.geometry import TOLERANCE_VOXELS, from_lps
from LiverTumorAttentionLib.voxels.labels import MOST_IN_A_BYTE


def image_in_box(values: NDArray[Any], grid: sitk.Image, box: Box) -> sitk.Image:
    """Return an array (z, y, x) as the image of a box of a grid."""
    return _placed(sitk.GetImageFromArray(values), grid, box)


def grid_in_box(grid: sitk.Image, box: Box) -> sitk.Image:
    """Return an empty image (uint8) on a box (z, y, x) of a grid; no voxel is copied."""
    return _placed(sitk.Image([side.stop - side.start for side in box[::-1]], sitk.sitkUInt8), grid, box)


def box_of_part(part: sitk.Image, grid: sitk.Image, name: str = "the image", of: str = "the grid") -> Box:
    """Return the box (z, y, x) of a grid that a part of it covers.

    name, of: how the user knows both. Raises `InputError` where the voxels of `part` do not lie on those of `grid`.
    """
    if part.GetSize() == grid.GetSize() and _geometry(part) == _geometry(grid):
        return full_box(grid.GetSize()[::-1])
    last = [length - 1 for length in part.GetSize()]
    corners = [part.TransformIndexToPhysicalPoint(index) for index in ([0, 0, 0], last)]
    place = np.array([grid.TransformPhysicalPointToContinuousIndex(corner) for corner in corners])
    voxel = np.rint(place).astype(int)
    low, high = voxel.min(axis=0), voxel.max(axis=0) + 1
    fits = (
        np.abs(place - voxel).max() <= TOLERANCE_VOXELS
        and np.all(low >= 0)
        and np.all(high <= grid.GetSize())
        and sorted(high - low) == sorted(part.GetSize())
    )
    if not fits:
        raise InputError(f"{name} is no part of {of}: resample it onto that grid first")
    return tuple(slice(int(a), int(b)) for a, b in zip(low[::-1], high[::-1], strict=True))


def cropped_part(part: sitk.Image, grid: sitk.Image, box: Box) -> sitk.Image:
    """Return a box (z, y, x) of a grid from a part of it that holds the box and has the grid's axes."""
    return crop_image(part, relative_box(box, box_of_part(part, grid)))


def values_in_box(part: sitk.Image, grid: sitk.Image, box: Box, *, outside: float = 0) -> NDArray[Any]:
    """Return the values (z, y, x) of a part, which has the grid's axes, in a box of the grid.

    outside: of what the part does not cover. Where it covers all, no voxel is copied: do not write into the result.
    """
    own, values = box_of_part(part, grid), sitk.GetArrayViewFromImage(part)
    source, target = relative_box(box, own), relative_box(own, box)
    lengths = [side.stop - side.start for side in box]
    if [side.stop - side.start for side in source] == lengths:
        return values[source]
    result = np.full(lengths, outside, dtype=values.dtype)
    if all(side.start < side.stop for side in source):
        result[target] = values[source]
    return result


def whole_of(part: sitk.Image, grid: sitk.Image) -> sitk.Image:
    """Return a part, which has the grid's axes, on the whole grid, 0 where it does not reach."""
    box = box_of_part(part, grid)
    if box == full_box(grid.GetSize()[::-1]):
        return part
    whole = sitk.Image(grid.GetSize(), part.GetPixelID())
    whole.CopyInformation(grid)
    return sitk.Paste(whole, part, part.GetSize(), [0, 0, 0], box_start(box)[::-1].tolist())


def part_from_lps(part: sitk.Image, reference: sitk.Image) -> sitk.Image:
    """Return a part of a volume in LPS order as a part of the volume as it was, with its axes; see `from_lps`."""
    return from_lps(part, grid_in_box(reference, box_of_part(part, reference)))


def in_few_bits(labels: sitk.Image) -> sitk.Image:
    """Return a label map as uint8 where its values fit, else as it is."""
    if labels.GetPixelID() == sitk.sitkUInt8 or sitk.GetArrayViewFromImage(labels).max() > MOST_IN_A_BYTE:
        return labels
    return sitk.Cast(labels, sitk.sitkUInt8)


def _placed(image: sitk.Image, grid: sitk.Image, box: Box) -> sitk.Image:
    image.SetSpacing(grid.GetSpacing())
    image.SetDirection(grid.GetDirection())
    image.SetOrigin(grid.TransformIndexToPhysicalPoint(box_start(box)[::-1].tolist()))
    return image


def _geometry(image: sitk.Image) -> tuple[tuple[float, ...], ...]:
    return image.GetOrigin(), image.GetSpacing(), image.GetDirection()
