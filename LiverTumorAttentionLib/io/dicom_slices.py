"""Single DICOM slices, and the geometry of a series of them.

Handling of imperfect series:
- Slices are sorted by their position along the normal, never by name or instance number.
- Rescale slope and intercept are applied slice by slice; padding below -1024 HU is raised to -1024.
- A missing slice, two different slices at one place, or uneven gaps beyond 10 % raise `InputError`,
  since missing anatomy is not interpolated. Smaller unevenness is averaged, with a warning.
- Gantry tilt raises `InputError`: the voxels of a tilted series do not lie on a rectilinear grid.
- Multi-frame files raise `InputError`: GDCM does not put their frames in order.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.input_checks import itk_reason, quiet_itk

MAX_UNEVENNESS = 0.10
WARN_UNEVENNESS = 0.01
POSITION_TOLERANCE_MM = 0.01
TILT_TOLERANCE = 0.01
"""Sideways drift per millimeter of table travel that is still rounding; 1 degree of tilt gives 0.017."""


class InputWarning(UserWarning):
    """A property of the input that the user should know and that does not prevent processing."""


@dataclass(frozen=True, kw_only=True)
class Slice:
    """Header of one DICOM file: attributes, size and position. Lengths in mm, LPS."""

    path: Path
    tags: dict[str, str]
    size: tuple[int, ...]
    components: int
    spacing: tuple[float, float]
    position: np.ndarray
    row: np.ndarray
    column: np.ndarray

    @property
    def normal(self) -> np.ndarray:
        return np.cross(self.row, self.column)

    @property
    def along(self) -> float:
        return float(self.position @ self.normal)

    def tag(self, key: str) -> str:
        return self.tags.get(key, "").strip(" \0")


def is_dicom(path: Path) -> bool:
    """Return whether `path` is a DICOM file: by its preamble, or, without one, by GDCM."""
    with path.open("rb") as file:
        head = file.read(132)
    if head[128:132] == b"DICM":
        return True
    # Without a preamble a file starts with a tag of group 8 (or 2); nothing else is tried.
    return head[:2] in (b"\x08\x00", b"\x02\x00") and read_slice(path) is not None


def read_slice(path: Path) -> Slice | None:
    """Read the header of a DICOM file; None when GDCM finds no image in it."""
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(path))
    try:
        with quiet_itk():
            reader.ReadImageInformation()
    except RuntimeError:
        return None
    tags = {key: reader.GetMetaData(key) for key in reader.GetMetaDataKeys()}
    direction = np.asarray(reader.GetDirection()).reshape(reader.GetDimension(), -1)
    position = _numbers(tags.get("0020|0032", "")) or list(reader.GetOrigin())[:3]
    cosines = _numbers(tags.get("0020|0037", ""))
    row, column = (
        (np.asarray(cosines[:3]), np.asarray(cosines[3:]))
        if len(cosines) == 6
        else (direction[:3, 0], direction[:3, 1])
    )
    size = tuple(reader.GetSize())
    return Slice(
        path=path,
        tags=tags,
        size=(*size, 1)[:3] if len(size) < 3 else size,
        components=reader.GetNumberOfComponents(),
        spacing=(float(reader.GetSpacing()[0]), float(reader.GetSpacing()[1])),
        position=np.asarray(position, dtype=float),
        row=row / np.linalg.norm(row),
        column=column / np.linalg.norm(column),
    )


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.strip(" \0").split("\\")]
    except ValueError:
        return []


def check_positions(pieces: Sequence[Slice], name: str) -> float:
    """Return the distance between slices in mm; raise `InputError` for gantry tilt, gaps and duplicate positions."""
    if len(pieces) < 2:
        raise InputError(f"the {name} is a single DICOM slice: choose the folder of the whole series")
    along = np.asarray([piece.along for piece in pieces])
    travel = np.stack([piece.position for piece in pieces]) - pieces[0].position
    length = along[-1] - along[0]
    gaps = np.diff(along)
    if gaps.min() < POSITION_TOLERANCE_MM:
        where = along[int(gaps.argmin())]
        raise InputError(
            f"the {name} has two different slices at the same position ({where:.2f} mm): "
            "two volumes were mixed in one series, separate them first"
        )
    sideways = np.linalg.norm(travel - np.outer(along - along[0], pieces[0].normal), axis=1).max()
    if sideways > max(TILT_TOLERANCE * length, 0.1):
        angle = np.degrees(np.arctan2(sideways, length))
        raise InputError(
            f"the {name} was taken with a tilted gantry ({angle:.1f} degrees between table and slices): "
            "resample it to an upright grid first"
        )
    step = float(np.median(gaps))
    worst = int(np.abs(gaps - step).argmax())
    unevenness = abs(gaps[worst] - step) / step
    if unevenness > MAX_UNEVENNESS:
        missing = " (slices are missing)" if gaps[worst] > 1.5 * step else ""
        raise InputError(
            f"the {name} has a gap of {gaps[worst]:.2f} mm between the slices at {along[worst]:.2f} and "
            f"{along[worst + 1]:.2f} mm where the others are {step:.2f} mm apart{missing}: "
            "export the complete series again"
        )
    if unevenness > WARN_UNEVENNESS:
        warnings.warn(
            f"the slices of the {name} are unevenly spaced by up to {100 * unevenness:.0f} %; "
            "their mean distance is used",
            InputWarning,
            stacklevel=3,
        )
    return float(length / (len(pieces) - 1))


def read_pixels(piece: Slice, name: str) -> np.ndarray:
    """Return the HU of one slice (y, x), GDCM having applied its rescale slope and intercept."""
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(piece.path))
    try:
        with quiet_itk():
            plane = sitk.GetArrayFromImage(reader.Execute())
    except RuntimeError as error:
        raise InputError(
            f"a slice of the {name}, '{piece.path}', cannot be read ({itk_reason(error)}): copy it again"
        ) from error
    plane = plane.reshape(plane.shape[-2:])
    if piece.tag("0028|0120"):
        plane = np.maximum(plane, -1024)
    if plane.dtype.kind in "iu":
        return np.clip(plane, np.iinfo(np.int16).min, np.iinfo(np.int16).max).astype(np.int16)
    return plane.astype(np.float32)
