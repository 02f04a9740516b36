"""Checks of an input file that all formats share.

ITK turns a voxel size of zero into one and a negative one into a flipped axis, so that a result would be measured in
wrong millimeters. The raw header is checked instead (`nifti_header`, `nrrd_header`, `meta_header`, `dicom_header`),
and ITK's warnings and errors are reduced to one readable line.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.input_warning import InputWarning
from LiverTumorAttentionLib.regular_file import unreadable_kind
from LiverTumorAttentionLib.wording import counted

MIN_SLICES = 3
"""PA-ResSeg takes a slice and its two neighbors as input."""


def existing(path: str | os.PathLike[str], name: str) -> Path:
    """Return `path` as a `Path`; raise `InputError` when no file or folder is there."""
    place = Path(path)
    with readable(place, name):
        try:
            place.stat()
        except PermissionError:
            raise
        except (OSError, ValueError) as error:
            raise InputError(f"the {name} {shown(place)} does not exist: check the path") from error
        kind = unreadable_kind(place)
    if kind:
        raise InputError(f"the {name} {shown(place)} is a {kind}, not a file: name a file or a DICOM folder")
    return place


def shown(path: str | os.PathLike[str]) -> str:
    """Return a path in quotes for a message, with escapes where it holds what is no text."""
    text = os.fspath(path)
    return f"'{text}'" if text.isprintable() and len(text) <= 500 else ascii(text[:500])


@contextlib.contextmanager
def quiet_itk() -> Iterator[None]:
    """Suppress ITK's warnings on stderr inside the block; the previous setting is restored."""
    shown = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(shown)


@contextlib.contextmanager
def readable(place: str | os.PathLike[str], name: str) -> Iterator[None]:
    """Convert a `PermissionError` inside the block to an `InputError` that names the file."""
    try:
        yield
    except PermissionError as error:
        where = error.filename or place
        raise InputError(
            f"the {name} '{where}' may not be read: ask for the permission to read it"
        ) from error


def itk_reason(error: BaseException) -> str:
    """Return the last sentence of an error of ITK or of the system, without source files, lines or addresses."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[-1] if lines else type(error).__name__
    text = re.sub(r"^(sitk::ERROR|ITK ERROR|Reason|Description)\s*:\s*", "", text)
    text = re.sub(r"\w+\(0x[0-9a-f]+\):\s*", "", text)
    text = re.sub(r"^\[nrrd\]\s*\w+:\s*", "", text)
    return text[:160].rstrip(" .:")


def check_spacing(spacing: object, path: Path | str, name: str) -> None:
    """Raise `InputError` unless every voxel size is a positive, finite number of millimeters."""
    values = [float(value) for value in spacing]  # type: ignore[attr-defined]
    if all(math.isfinite(value) and value > 0 for value in values):
        return
    got = " x ".join(f"{value:g}" for value in values)
    raise InputError(
        f"the {name} '{path}' has a voxel size of {got} mm; every one must be above zero: "
        "export it again with its true spacing"
    )


def check_axes(sizes: object, path: Path | str, name: str) -> None:
    """Raise `InputError` unless `sizes` (x, y, z, …) are those of one volume; trailing ones are allowed."""
    axes = [int(length) for length in sizes]  # type: ignore[attr-defined]
    while len(axes) > 3 and axes[-1] == 1:
        axes.pop()
    got = " x ".join(str(length) for length in axes)
    if len(axes) > 3:
        raise InputError(
            f"the {name} '{path}' is not one volume but a series of them ({got}): "
            "save the phase that is wanted as a file of its own"
        )
    if len(axes) < 3:
        raise InputError(f"the {name} '{path}' is a 2D image ({got}): choose a volume of several slices")


def not_scalar(path: Path | str, name: str) -> InputError:
    """Return the error for a picture in colors, a vector field or a label map of several layers."""
    return InputError(
        f"the {name} '{path}' has several values in each voxel (a color picture, a vector field or several layers): "
        "choose one with a single value in each voxel, a CT volume in HU or a label map"
    )


def not_finite(count: int, name: str) -> InputError:
    """Return the error for voxels that are NaN or infinite."""
    return InputError(
        f"the {name} has {counted(count, 'voxel that is', 'voxels that are')} not finite (NaN, infinity): "
        "export it again"
    )


def warn_unplaced(path: Path | str, name: str, what: str) -> None:
    """Warn of a header that leaves open how the axes lie in the patient. what: its field for that, in words."""
    warnings.warn(
        f"the {name} '{path}' does not say how it lies in the patient ({what}): "
        "right and left, front and back, head and feet may be exchanged",
        InputWarning,
        stacklevel=3,
    )


def no_voxel_size(path: Path | str, name: str, what: str) -> InputError:
    """Return the error for a header without voxel sizes. what: its fields for them, in words."""
    return InputError(
        f"the {name} '{path}' does not say how large its voxels are (no {what}): export it again with its spacing"
    )
