"""Read one CT volume from whatever the user has: NIfTI, NRRD, MetaImage, or a folder of DICOM files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.atomic_write import full_suffix
from LiverTumorAttentionLib.io.ct_check import as_volume
from LiverTumorAttentionLib.io.dicom import choose_series, read_series
from LiverTumorAttentionLib.io.dicom_slices import is_dicom
from LiverTumorAttentionLib.io.headers import check_meta, check_nifti, check_nrrd
from LiverTumorAttentionLib.io.itk_messages import quiet_itk, readable, reason

FILE_CHECKS: dict[str, Callable[[Path, str], None]] = {
    ".nii": check_nifti,
    ".nii.gz": check_nifti,
    ".nrrd": check_nrrd,
    ".nhdr": check_nrrd,
    ".seg.nrrd": check_nrrd,
    ".mha": check_meta,
    ".mhd": check_meta,
}
"""What can be read as a file, and the look at its header that comes first."""


def read_volume(
    path: str | os.PathLike[str],
    *,
    series: str | None = None,
    phase: str | None = None,
    name: str = "portal volume",
) -> sitk.Image:
    """Read the volume at `path`: a 3D scalar image on its own grid (LPS mm), int16 or float32.

    path: a .nii, .nii.gz, .nrrd, .mha or .mhd file, a DICOM folder, or one file of a DICOM series.
    series: which DICOM series: its UID or the end of it, its number in the list, or words of its description.
    phase: ``"portal"`` or ``"arterial"``: picks the series by its description when `series` is not given.
    name: what to call the volume in messages.
    Raises `InputError` for everything that is missing, damaged, ambiguous or not a volume. Whether the
    values are those of a CT is asked by `check_ct`.
    """
    place = existing(path, name)
    with readable(place, name):
        if place.is_dir() or (full_suffix(place) not in FILE_CHECKS and is_dicom(place)):
            image = read_series(choose_series(place, series=series, phase=phase, name=name), name=name)
        else:
            image = _read_file(place, name)
    return compact(as_volume(image, name, place))


def existing(path: str | os.PathLike[str], name: str) -> Path:
    """Return `path` as a `Path`; raise `InputError` when nothing is there."""
    place = Path(path)
    with readable(place, name):
        try:
            place.stat()
        except PermissionError:
            raise
        except (OSError, ValueError) as error:
            raise InputError(f"the {name} '{place}' does not exist: check the path") from error
    return place


def read_checked(place: Path, name: str) -> sitk.Image:
    """Read a file with ITK, warnings silenced and errors in one line."""
    try:
        with quiet_itk():
            return sitk.ReadImage(str(place))
    except RuntimeError as error:
        if "orthonormal" in str(error):
            raise InputError(
                f"the axes of the {name} '{place}' are not at right angles (a sheared export): "
                "resample it to an upright grid first"
            ) from error
        raise InputError(
            f"the {name} '{place}' cannot be read ({reason(error)}): it may be damaged, copy it again"
        ) from error


def compact(image: sitk.Image) -> sitk.Image:
    """Return `image` as int16 where its values are integers that fit, else as float32."""
    if image.GetPixelID() in (sitk.sitkInt16, sitk.sitkFloat32):
        return image
    if "float" in image.GetPixelIDTypeAsString():
        return sitk.Cast(image, sitk.sitkFloat32)
    voxels = sitk.GetArrayViewFromImage(image)
    limits = np.iinfo(np.int16)
    fits = voxels.min() >= limits.min and voxels.max() <= limits.max
    return sitk.Cast(image, sitk.sitkInt16 if fits else sitk.sitkFloat32)


def _read_file(place: Path, name: str) -> sitk.Image:
    suffix = full_suffix(place)
    if suffix not in FILE_CHECKS:
        known = ", ".join(suffix for suffix in FILE_CHECKS if suffix != ".seg.nrrd")
        raise InputError(f"the {name} '{place}' is neither DICOM nor one of {known}: choose another file")
    if place.stat().st_size == 0:
        raise InputError(f"the {name} '{place}' is an empty file: copy or export it again")
    try:
        FILE_CHECKS[suffix](place, name)
    except (ValueError, KeyError) as error:
        raise InputError(f"the {name} '{place}' has a damaged header: copy or export it again") from error
    return read_checked(place, name)
