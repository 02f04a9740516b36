"""Read a segmentation of vessels: a label map and the name of each of its values."""

from __future__ import annotations

import os

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.atomic_write import full_suffix
from LiverTumorAttentionLib.io.dicom_seg import read_dicom_seg
from LiverTumorAttentionLib.io.read import existing
from LiverTumorAttentionLib.io.seg_nrrd import read_seg_nrrd
from LiverTumorAttentionLib.io.segmentation import has_segments, read_plain
from LiverTumorAttentionLib.io.terminology import recognise


def read_vessel_labels(path: str | os.PathLike[str]) -> tuple[sitk.Image, dict[int, str]]:
    """Return a label map (uint16), 0 where there is no vessel, and the name of each other value.

    path: a `.seg.nrrd` or DICOM SEG, whose segments are the vessels, but for liver and tumours among them and
    for those that are empty; where two overlap, the later one in the file counts. Or a label map, whose
    values are named "vessel 1", "vessel 2", … by their value.
    Raises `InputError` when there is no vessel or the file is no segmentation.
    """
    place = existing(path, "vessel segmentation")
    if not has_segments(place):
        image = read_plain(place, np.uint16)
        present = np.flatnonzero(np.bincount(sitk.GetArrayViewFromImage(image).reshape(-1)))
        names = {int(value): f"vessel {value}" for value in present if value > 0}
        if not names:
            raise InputError(f"the vessel segmentation '{place}' has no voxel: choose another file")
        return image, names
    seg_nrrd = full_suffix(place) in (".seg.nrrd", ".nrrd")
    grid, segments = read_seg_nrrd(place) if seg_nrrd else read_dicom_seg(place)
    vessels = [s for s in segments if not recognise(s.name, s.codes) and s.mask.any()]
    if not vessels:
        listed = ", ".join(f"'{segment.name}'" for segment in segments) or "no segment at all"
        raise InputError(
            f"the vessel segmentation '{place}' has no vessel, only {listed}: choose another file"
        )
    voxels = np.zeros(vessels[0].mask.shape, np.uint16)
    for value, vessel in enumerate(vessels, start=1):
        voxels[vessel.mask] = value
    image = sitk.GetImageFromArray(voxels)
    image.CopyInformation(grid)
    return image, {
        value: vessel.name for value, vessel in enumerate(vessels, start=1) if (voxels == value).any()
    }
