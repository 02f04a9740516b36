"""Checksum of a label map that is the same after a scene was saved and loaded."""

from __future__ import annotations

import zlib

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.voxels.boxes import bounding_box


def label_checksum(image: sitk.Image) -> str:
    """Return a checksum of labels by their places on the grid; background around them does not count.

    Slicer turns axes of a left-handed grid round when it loads one: each counts along the patient's axis next to it.
    """
    directions = np.array(image.GetDirection()).reshape(3, 3)
    along = directions[np.abs(directions).argmax(axis=0), np.arange(3)]  # of the axes x, y, z
    voxels = np.flip(sitk.GetArrayViewFromImage(image), tuple(np.flatnonzero(along[::-1] < 0).tolist()))
    box = bounding_box(voxels)
    if box is None:
        return ""
    place = repr([(part.start, part.stop) for part in box])
    inner = np.ascontiguousarray(voxels[box], dtype="<u2")
    return f"{zlib.crc32(inner.data, zlib.crc32(place.encode())):08x}"
