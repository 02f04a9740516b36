"""Single slices kept as pictures: their gray values are HU, and their grid is told beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.input_checks import existing
from LiverTumorAttentionLib.io.volumes import read_image
from training.data.case import Picture

MASK_FROM = 128
"""Gray value from which a voxel of a mask is set: JPEG blurs its border."""


def read_picture(path: Path, picture: Picture, name: str) -> sitk.Image:
    """Return a picture as an int16 volume of one slice in LPS order."""
    return _volume(_pixels(path, name).astype(np.int16), picture)


def read_picture_mask(path: Path, picture: Picture, name: str) -> sitk.Image:
    """Return the picture of a mask as a uint8 volume of one slice in LPS order, 0 and 1."""
    return _volume((_pixels(path, name) >= MASK_FROM).astype(np.uint8), picture)


def _pixels(path: Path, name: str) -> NDArray[np.integer]:
    """Return gray values as the file has them, (row, column)."""
    image = read_image(existing(path, name), name)
    pixels = sitk.GetArrayFromImage(image)
    if image.GetNumberOfComponentsPerPixel() > 1:
        pixels = pixels[..., 0]  # gray values stored as colors are alike in all of them
    if pixels.ndim == 3 and len(pixels) == 1:
        pixels = pixels[0]
    if pixels.ndim != 2:
        raise InputError(f"the {name} '{path}' is no single picture: copy it again")
    return pixels


def _volume(pixels: NDArray[np.generic], picture: Picture) -> sitk.Image:
    upright = pixels[::-1, :] if picture.turned else pixels[:, ::-1]
    image = sitk.GetImageFromArray(np.ascontiguousarray(upright.T)[None])
    image.SetSpacing((picture.x_mm, picture.y_mm, picture.z_mm))
    return image
