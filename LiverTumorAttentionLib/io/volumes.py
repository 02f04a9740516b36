"""CT volumes: read from NIfTI, NRRD, MetaImage or DICOM, checked to be CT in HU, and written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError, OutputError
from LiverTumorAttentionLib.io.atomic_write import cannot_write, check_suffix, full_suffix, replacing
from LiverTumorAttentionLib.io.dicom_series import SeriesInfo, choose_series, read_series
from LiverTumorAttentionLib.io.dicom_slices import is_dicom
from LiverTumorAttentionLib.io.input_checks import (
    MIN_SLICES,
    check_axes,
    check_spacing,
    existing,
    itk_reason,
    not_finite,
    not_scalar,
    quiet_itk,
    readable,
)
from LiverTumorAttentionLib.io.itk_reader import read_with_itk, voxel_bytes
from LiverTumorAttentionLib.io.meta_header import check_meta
from LiverTumorAttentionLib.io.nifti_header import check_nifti, check_nifti_is_whole
from LiverTumorAttentionLib.io.nrrd_header import check_nrrd
from LiverTumorAttentionLib.io.right_angles import ORTHONORMAL_TOLERANCE, upright
from LiverTumorAttentionLib.memory import raise_if_out_of_memory
from LiverTumorAttentionLib.phases.headers import SeriesFacts
from LiverTumorAttentionLib.wording import counted

IMAGE_SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".mha")
"""Formats that `write_image` writes."""

FILE_CHECKS: dict[str, Callable[[Path, str], None]] = {
    ".nii": check_nifti,
    ".nii.gz": check_nifti,
    ".nrrd": check_nrrd,
    ".nhdr": check_nrrd,
    ".seg.nrrd": check_nrrd,
    ".mha": check_meta,
    ".mhd": check_meta,
}
"""Formats that are read as one file, each with the check of its header."""

PROBABILITY_TOLERANCE = 1e-3
"""How far resampling may leave a probability outside [0, 1]."""

SPACING_RANGE_MM = (0.05, 25.0)
"""Voxel sizes outside this range are those of a header in meters, or of no CT."""

FAT_HU = -20.0
"""Below this lie fat (-150 to -50 HU), lung and air, and nothing of a normalized or MR volume."""

MIN_FAT_OR_AIR_SHARE = 0.002
SOFT_TISSUE_HU = (-200.0, 400.0)
MIN_SOFT_TISSUE_SHARE = 0.01
PADDING_HU = -200.0
"""A lowest value below this, among stored values, is padding outside the scanner's circle."""
MIN_STORED_SHARE = 0.01
MIN_STORED_RATIO = 0.5
"""Bone of 900 to 1300 HU is a few hundredths of the soft tissue of an abdomen."""
MAX_HU_99_PERCENT = 4000.0
"""Bone ends near 2000 HU and the 12-bit scale at 3071; only a few metal voxels may lie above."""


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
    return _read_volume(path, series, phase, name)[0]


def _read_volume(
    path: str | os.PathLike[str], series: str | None, phase: str | None, name: str
) -> tuple[sitk.Image, SeriesInfo | None]:
    """Return a volume, and the series where it is one of DICOM slices."""
    place, info = existing(path, name), None
    with readable(place, name):
        if place.is_dir() or (full_suffix(place) not in FILE_CHECKS and is_dicom(place)):
            info = choose_series(place, series=series, phase=phase, name=name)
            image = read_series(info, name=name)
        else:
            image = _read_file(place, name)
    return compact(upright(as_volume(image, name, place), f"the {name} '{place}'")), info


def read_probability(path: str | os.PathLike[str]) -> sitk.Image:
    """Read a probability of tumor, float32 on its own grid. Raises `InputError` unless it lies between 0 and 1.

    Resampling leaves values a little outside, which are clipped.
    """
    image = read_volume(path, name="probability")
    voxels = sitk.GetArrayViewFromImage(image)
    low, high = float(voxels.min()), float(voxels.max())
    if not (low >= -PROBABILITY_TOLERANCE and high <= 1 + PROBABILITY_TOLERANCE):
        raise InputError(
            f"the probability '{path}' holds values from {low:g} to {high:g}, a probability lies between 0 and 1: "
            "give the file that segment --save-probability wrote"
        )
    return sitk.Clamp(image, sitk.sitkFloat32, 0.0, 1.0)


def read_ct(path: str | os.PathLike[str], *, series: str | None = None, phase: str = "portal") -> sitk.Image:
    """Read the CT volume of a phase, one of `ROLES`, as `read_volume` does, and check that it is CT in HU."""
    return read_phase(path, series=series, phase=phase)[0]


def read_phase(
    path: str | os.PathLike[str],
    *,
    series: str | None = None,
    phase: str = "portal",
    visit: str = "",
) -> tuple[sitk.Image, SeriesFacts | None]:
    """Read a CT volume as `read_ct` does; return with it what its headers tell, None where it is no DICOM.

    visit: which of several times it is of, as messages say it: "baseline" or "follow-up".
    """
    name = " ".join(word for word in (visit, phase, "volume") if word)
    image, info = _read_volume(path, series, phase, name)
    check_ct(image, name)
    return image, info.facts if info is not None else None


def read_image(place: Path, name: str) -> sitk.Image:
    """Read a file with ITK, warnings silenced and errors in one line.

    The header's free text (NIfTI descrip, aux_file, db_name; custom NRRD and MetaImage fields) is dropped: it can
    name the patient, and ITK would copy it into every file that is written from the image.
    """
    try:
        with quiet_itk():
            return _without_free_text(read_with_itk(place, name))
    except PermissionError:
        raise
    except (RuntimeError, OSError) as error:
        if "orthonormal" in str(error):
            raise InputError(
                f"the axes of the {name} '{place}' are not at right angles (a sheared export): "
                "resample it to an upright grid first"
            ) from error
        raise_if_out_of_memory(error, needed_bytes=voxel_bytes(place))
        raise InputError(
            f"the {name} '{place}' cannot be read ({itk_reason(error)}): copy it again, it may be damaged"
        ) from error


def _without_free_text(image: sitk.Image) -> sitk.Image:
    keys = image.GetMetaDataKeys()
    if not all(key.isascii() for key in keys):  # SimpleITK cannot erase a key that is no text
        plain = sitk.GetImageFromArray(
            sitk.GetArrayViewFromImage(image), isVector=image.GetNumberOfComponentsPerPixel() > 1
        )
        plain.CopyInformation(image)
        return plain
    for key in keys:
        image.EraseMetaData(key)
    return image


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
    return read_image(place, name)


def write_image(
    path: str | os.PathLike[str], image: sitk.Image, *, name: str = "volume", level: int = -1
) -> None:
    """Write a volume or vector field, compressed, to a .nii.gz, .nii, .nrrd or .mha; whole or not at all.

    level: of compression, 1 to 9; -1 takes the format's own.
    """
    check_suffix(path, IMAGE_SUFFIXES, name)
    with replacing(path, name=name) as temporary, quiet_itk():
        try:
            sitk.WriteImage(image, str(temporary), useCompression=True, compressionLevel=level)
            if ".nii" in full_suffix(path):
                check_nifti_is_whole(temporary, name)  # ITK does not say so when the disk is full
        except (RuntimeError, InputError) as error:
            why = itk_reason(error) if isinstance(error, RuntimeError) else "the file is not whole"
            raise OutputError(cannot_write(path, name, why)) from error


def check_ct(image: sitk.Image, name: str = "portal volume") -> sitk.Image:
    """Return `image` as one 3D volume, or raise `InputError` when it cannot be a CT in HU.

    A 4D image that holds a single volume is squeezed. Volumes that were cropped, masked with zero or
    clipped to a window such as [-200, 250] HU pass: what is asked for is some fat or air and some soft
    tissue, nothing more. name: what to call the volume in the message.
    """
    volume = as_volume(image, name)
    check_geometry(volume, name)
    check_values(volume, name)
    return volume


def as_volume(image: sitk.Image, name: str, path: object = "") -> sitk.Image:
    """Return a scalar 3D image; squeeze a 4D one that holds one volume; else raise `InputError`."""
    where = str(path)
    if image.GetNumberOfComponentsPerPixel() > 1:
        raise not_scalar(where, name)
    if "complex" in image.GetPixelIDTypeAsString():
        raise InputError(f"the {name} '{where}' holds complex numbers: choose a CT volume in HU")
    check_axes(image.GetSize(), where, name)
    while image.GetDimension() > 3:
        size = list(image.GetSize())
        size[-1] = 0
        image = sitk.Extract(
            image, size, [0] * len(size), sitk.ExtractImageFilter.DIRECTIONCOLLAPSETOSUBMATRIX
        )
    return image


def check_geometry(image: sitk.Image, name: str) -> None:
    """Raise `InputError` for too few slices, impossible voxel sizes or axes that are not at right angles."""
    size = image.GetSize()
    if min(size) < MIN_SLICES:
        got = " x ".join(str(length) for length in size)
        raise InputError(
            f"the {name} has only {counted(min(size), 'slice')} ({got} voxels), at least {MIN_SLICES} are needed: "
            "choose the whole series"
        )
    spacing = image.GetSpacing()
    check_spacing(spacing, "", name)
    low, high = SPACING_RANGE_MM
    if min(spacing) < low or max(spacing) > high:
        got = " x ".join(f"{length:.4g}" for length in spacing)
        raise InputError(
            f"the {name} has voxels of {got} mm, which no CT has ({low:g} to {high:g} mm): "
            "export it again with its true spacing"
        )
    axes = np.asarray(image.GetDirection()).reshape(3, 3)
    if not np.isfinite(axes).all() or np.abs(axes.T @ axes - np.eye(3)).max() > ORTHONORMAL_TOLERANCE:
        raise InputError(
            f"the axes of the {name} are not at right angles (gantry tilt or a sheared export): "
            "resample it to an upright grid first"
        )


def check_values(image: sitk.Image, name: str) -> None:
    """Raise `InputError` for voxels that are not finite, all alike, or not on the Hounsfield scale."""
    voxels = sitk.GetArrayViewFromImage(image)
    if voxels.dtype.kind == "f":
        bad = int(voxels.size - np.count_nonzero(np.isfinite(voxels)))
        if bad:
            raise not_finite(bad, name)
    low, high = float(voxels.min()), float(voxels.max())
    if low == high:
        raise InputError(f"all voxels of the {name} have the value {low:g}: choose a CT volume in HU")
    problem = _not_hounsfield(voxels, low, high)
    if problem is not None:
        raise InputError(f"the {name} is not in Hounsfield units (values {low:g} to {high:g}): {problem}")


def _looks_stored(sample: np.ndarray) -> bool:
    """Return whether soft tissue lies near 1024 + 50 and hardly any near 50, whatever the padding is."""
    shifted = np.count_nonzero((sample > 900) & (sample < 1300))
    in_place = np.count_nonzero((sample > 20) & (sample < 300))
    return bool(shifted > MIN_STORED_SHARE * sample.size and shifted > MIN_STORED_RATIO * in_place)


def _not_hounsfield(voxels: np.ndarray, low: float, high: float) -> str | None:
    """Return why the values cannot be HU and what to do, or None."""
    step = max(1, voxels.size // 2_000_000)
    sample = voxels.reshape(-1)[::step]
    if low >= 0 and 64 <= high <= 256:
        return "it looks like a picture of gray values 0 to 255; choose the original CT series"
    if not PADDING_HU < low < 0 and _looks_stored(sample):
        return (
            "it looks like stored CT values without the rescale offset; subtract 1024 or export the "
            "series again with its rescale intercept"
        )
    if float(np.mean(sample < FAT_HU)) < MIN_FAT_OR_AIR_SHARE:
        return (
            "it has no fat or air below -20 HU, so it may be an MR or a normalized volume; choose a CT series"
        )
    inside = (sample >= SOFT_TISSUE_HU[0]) & (sample <= SOFT_TISSUE_HU[1])
    if float(np.mean(inside)) < MIN_SOFT_TISSUE_SHARE:
        return "it has hardly any soft tissue between -200 and 400 HU; check its rescale intercept and slope"
    if float(np.percentile(sample, 99)) > MAX_HU_99_PERCENT:
        return "too many voxels lie above 4000 HU; check its rescale intercept and slope"
    return None
