"""Crops of a scan kept as arrays (x, y, z) of an npz file: their grid is told beside them."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.input_checks import existing
from training.data.case import Crop

KINDS = "iuf"
"""Kinds of numbers that voxels are stored as: whole ones with and without a sign, and floating ones."""


def read_array(path: Path, crop: Crop, array: str, name: str) -> sitk.Image:
    """Return an array of a crop as a volume in LPS order: float32 where it holds fractions, else int16.

    array: its name in the file. name: what it is, for messages.
    Raises `InputError` for a file that is missing, damaged or pickled, and for an array that is no volume.
    """
    try:
        with np.load(existing(path, name), allow_pickle=False) as file:
            if array not in file.files:
                held = ", ".join(file.files) or "none"
                raise InputError(f"the {name} '{path}' holds no array {array!r} (but {held}): copy it again")
            voxels = file[array]
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise InputError(f"the {name} '{path}' cannot be read ({error}): copy it again") from error
    if voxels.ndim != 3 or voxels.dtype.kind not in KINDS or not voxels.size:
        raise InputError(
            f"the {name} '{path}' is no volume of numbers but {voxels.dtype} of shape {voxels.shape}: copy it again"
        )
    kept = np.float32 if voxels.dtype.kind == "f" else np.int16
    image = sitk.GetImageFromArray(np.ascontiguousarray(voxels.T.astype(kept)))
    image.SetSpacing((crop.x_mm, crop.y_mm, crop.z_mm))
    return image
