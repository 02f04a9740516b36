"""The liver's box: in an image (size and index, x, y, z) and in an array (slices, z, y, x)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.voxels.boxes import Box


def liver_box(liver: sitk.Image, *, margin_mm: float) -> tuple[list[int], list[int]]:
    """Return (size, index) in voxels of the liver's bounding box with a margin, cut to the image."""
    statistics = sitk.LabelShapeStatisticsImageFilter()
    statistics.Execute(liver != 0)
    low = statistics.GetBoundingBox(1)
    size, index = [], []
    for axis, (length, spacing) in enumerate(zip(liver.GetSize(), liver.GetSpacing(), strict=True)):
        margin = int(np.ceil(margin_mm / spacing))
        first = max(0, low[axis] - margin)
        last = min(length, low[axis] + low[axis + 3] + margin)
        index.append(first)
        size.append(last - first)
    return size, index


def cut(image: sitk.Image, size: Sequence[int], index: Sequence[int]) -> sitk.Image:
    """Return the box of an image; its voxels stay where they are. A box of the whole image is the image itself."""
    if list(size) == list(image.GetSize()):
        return image
    return sitk.RegionOfInterest(image, list(size), list(index))


def array_box(size: Sequence[int], index: Sequence[int]) -> Box:
    """Return the box of an image as slices of its array."""
    x, y, z = (slice(first, first + length) for first, length in zip(index, size, strict=True))
    return z, y, x


def image_box(box: Box) -> tuple[list[int], list[int]]:
    """Return (size, index) in voxels of a box of an image's array."""
    sides = box[::-1]
    return [side.stop - side.start for side in sides], [side.start for side in sides]
