"""Writing of a label map whose values are named segments, one layer without overlaps."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.io.atomic_write import check_suffix, full_suffix, replacing
from LiverTumorAttentionLib.io.seg_nrrd import file_fields, segment_fields, write_layers
from LiverTumorAttentionLib.io.terminology import Segment
from LiverTumorAttentionLib.io.volumes import IMAGE_SUFFIXES, write_image
from LiverTumorAttentionLib.voxels.boxes import label_boxes

SUFFIXES = (".seg.nrrd", *IMAGE_SUFFIXES)


def write_named_labels(
    path: str | os.PathLike[str],
    labels: sitk.Image,
    segments: Sequence[Segment],
    name: str,
    notes: Mapping[str, str] | None = None,
) -> None:
    """Write a label map of up to 255 values to `path`, whole or not at all.

    path: `.seg.nrrd`, with those of the segments that have a voxel, their names, colors and SNOMED CT codes, or a label
    map (.nii.gz, .nrrd, .mha). name: what the user knows it as. notes: further texts for the header of a `.seg.nrrd`.
    Raises `OutputError`.
    """
    check_suffix(path, SUFFIXES, name)
    if full_suffix(path) != ".seg.nrrd":
        write_image(path, sitk.Cast(labels, sitk.sitkUInt8), name=name)
        return
    voxels = sitk.GetArrayViewFromImage(labels).astype(np.uint8)
    boxes = label_boxes(voxels)
    pairs = dict(notes or {}) | file_fields(labels)
    for index, segment in enumerate(segment for segment in segments if segment.value in boxes):
        pairs |= dict(segment_fields(index, segment, 0, segment.value, boxes[segment.value]))
    with replacing(path, name=name) as temporary:
        write_layers(temporary, voxels[np.newaxis], labels, pairs)
