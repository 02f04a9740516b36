"""A volume as a header and bytes, and back, bit by bit the same on both sides."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.remote.protocol import VolumeHeader

_TYPES = {"int16": "<i2", "float32": "<f4"}
_NAMES = {sitk.sitkInt16: "int16", sitk.sitkFloat32: "float32"}


def packed(image: sitk.Image) -> tuple[VolumeHeader, memoryview]:
    """Return the header and the bytes of a volume (HU, int16 or float32, as the readers give it).

    The bytes are those of the image itself where this computer is little-endian: keep it as long as they are used.
    """
    kind = _NAMES.get(image.GetPixelID())
    if kind is None:
        raise RuntimeError(f"volumes are read as int16 or float32, got {image.GetPixelIDTypeAsString()}")
    voxels = np.ascontiguousarray(sitk.GetArrayViewFromImage(image), dtype=_TYPES[kind])
    content = voxels.reshape(-1).view(np.uint8).data
    header = VolumeHeader(
        size=image.GetSize(),
        spacing_mm=image.GetSpacing(),
        origin_mm=image.GetOrigin(),
        direction=image.GetDirection(),
        voxel_type=kind,
        sha256=hashlib.sha256(content).hexdigest(),
    )
    return header, content


def unpacked(header: VolumeHeader, path: Path) -> sitk.Image:
    """Return the volume whose bytes a file holds. Raises `InputError` for a file of another size."""
    voxels = np.fromfile(path, dtype=_TYPES[header.voxel_type])
    if voxels.nbytes != header.byte_count:
        raise InputError(
            f"a volume of {header.byte_count} bytes was announced, {voxels.nbytes} are there: send it again"
        )
    image = sitk.GetImageFromArray(voxels.reshape(header.size[::-1]))
    try:
        image.SetSpacing(header.spacing_mm)
        image.SetOrigin(header.origin_mm)
        image.SetDirection(header.direction)
    except RuntimeError as error:  # a direction that has no inverse
        raise InputError("the axes of a volume are no axes: resample it to an upright grid first") from error
    return image
