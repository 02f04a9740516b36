"""Single DICOM slices, and the geometry of a series of them.

Handling of imperfect series:
- Slices are sorted by their position along the normal, never by name or instance number.
- Rescale slope and intercept are applied slice by slice; padding below -1024 HU is raised to -1024.
- A missing slice, two different slices at one place, or uneven gaps beyond 10 % raise `InputError`,
  since missing anatomy is not interpolated. Smaller unevenness is averaged, with a warning.
- Gantry tilt raises `InputError`: the voxels of a tilted series do not lie on a rectilinear grid.
- What the header does not say is not guessed: without PixelSpacing, position, orientation or readable numbers a
  series is refused, and so is inverted gray (MONOCHROME1), which GDCM turns over. Without rescale the stored
  values are taken as HU, with a warning; `check_ct` sees when they are not.
- Multi-frame files raise `InputError`: GDCM does not put their frames in order.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.dicom_header import STARTS, check_dicom
from LiverTumorAttentionLib.io.input_checks import itk_reason, quiet_itk
from LiverTumorAttentionLib.io.input_warning import InputWarning
from LiverTumorAttentionLib.io.itk_reader import spelled
from LiverTumorAttentionLib.memory import raise_if_out_of_memory
from LiverTumorAttentionLib.voxels.labels import OUTSIDE_HU

PIXEL_SPACING = "0028|0030"
POSITION = "0020|0032"
ORIENTATION = "0020|0037"
RESCALE_SLOPE = "0028|1053"
RESCALE_TYPE = "0028|1054"
HU_TYPES = ("", "HU", "HU_MOD")
"""RescaleType of values on the Hounsfield scale; empty is the standard's default for CT."""
NEEDED = {
    PIXEL_SPACING: ("PixelSpacing", 2),
    POSITION: ("ImagePositionPatient", 3),
    ORIENTATION: ("ImageOrientationPatient", 6),
    "0028|1052": ("RescaleIntercept", 1),
    RESCALE_SLOPE: ("RescaleSlope", 1),
}
"""Attributes that position, millimeters and HU rest on: name, and how many numbers it has."""
OPTIONAL = {"0028|1052", RESCALE_SLOPE}
"""May be missing, in all slices alike."""
MAX_UNEVENNESS = 0.10
WARN_UNEVENNESS = 0.01
POSITION_TOLERANCE_MM = 0.01
MAX_POSITION_MM = 1e5
"""No scanner is as large; larger numbers are no positions."""
TILT_TOLERANCE = 0.01
"""Sideways drift per millimeter of table travel that is still rounding; 1 degree of tilt gives 0.017."""


@dataclass(frozen=True, kw_only=True)
class Slice:
    """Header of one DICOM file: attributes, size and position. Lengths in mm, LPS."""

    path: Path
    tags: dict[str, str]
    size: tuple[int, ...]
    components: int
    spacing: tuple[float, float]
    """(x, y) of PixelSpacing; 0 where the file does not give it."""
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
    return head[:2] in STARTS and read_slice(path) is not None


def read_slice(path: Path) -> Slice | None:
    """Read the header of a DICOM file; None when it is damaged, or GDCM finds no image in it."""
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    try:
        check_dicom(path, f"'{path}'")
        with quiet_itk(), spelled(path) as place:
            reader.SetFileName(str(place))
            reader.ReadImageInformation()
    except (RuntimeError, InputError) as error:
        raise_if_out_of_memory(error)
        return None
    tags = {key: reader.GetMetaData(key) for key in reader.GetMetaDataKeys()}
    direction = np.asarray(reader.GetDirection()).reshape(reader.GetDimension(), -1)
    position = _numbers(tags.get("0020|0032", ""))
    if not _is_position(position):  # refused by `check_headers`
        position = list(reader.GetOrigin())[:3]
    cosines = _numbers(tags.get("0020|0037", ""))
    row, column = (
        (np.asarray(cosines[:3]), np.asarray(cosines[3:]))
        if _are_cosines(cosines)
        else (direction[:3, 0], direction[:3, 1])
    )
    size = tuple(reader.GetSize())
    return Slice(
        path=path,
        tags=tags,
        size=(*size, 1)[:3] if len(size) < 3 else size,
        components=reader.GetNumberOfComponents(),
        spacing=_pixel_spacing(tags.get(PIXEL_SPACING, "")),
        position=np.asarray(position, dtype=float),
        row=row / np.linalg.norm(row),
        column=column / np.linalg.norm(column),
    )


def _is_position(numbers: Sequence[float]) -> bool:
    return len(numbers) == 3 and all(abs(value) <= MAX_POSITION_MM for value in numbers)


def _are_cosines(numbers: Sequence[float]) -> bool:
    """Return whether six numbers are two directions: their entries lie within 1 but for rounding."""
    if len(numbers) != 6 or not all(abs(value) <= 2 for value in numbers):
        return False
    return bool(min(np.linalg.norm(numbers[:3]), np.linalg.norm(numbers[3:])) > 0)


def _pixel_spacing(text: str) -> tuple[float, float]:
    """Return (x, y) of a PixelSpacing, which names the distance of rows first; zeros when it is no such pair."""
    numbers = _numbers(text)
    usable = len(numbers) == 2 and all(np.isfinite(value) and value > 0 for value in numbers)
    return (numbers[1], numbers[0]) if usable else (0.0, 0.0)


def check_headers(pieces: Sequence[Slice], name: str) -> None:
    """Raise `InputError` for slices whose millimeters or HU the header leaves open; warn of a missing rescale."""
    for key, (what, count) in NEEDED.items():
        for piece in pieces:
            text = piece.tag(key)
            numbers = _numbers(text)
            whole = len(numbers) == count and bool(np.isfinite(numbers).all())
            if (key == POSITION and not _is_position(numbers)) or (
                key == ORIENTATION and not _are_cosines(numbers)
            ):
                whole = False
            if key not in piece.tags and key in OPTIONAL:
                continue
            if key == PIXEL_SPACING and whole and min(numbers) <= 0:
                whole = False
            if key == RESCALE_SLOPE and whole and numbers[0] == 0:
                whole = False
            if not whole:
                raise InputError(_unclear(name, piece, what, text, key in piece.tags))
    for piece in pieces:
        if piece.tag("0028|0004").upper() == "MONOCHROME1":
            raise InputError(
                f"the {name} is stored with inverted gray (MONOCHROME1, '{piece.path.name}'), whose Hounsfield "
                "units are not certain: export the series again as MONOCHROME2"
            )
    without = [piece for piece in pieces if not set(piece.tags) >= OPTIONAL]
    if without and len(without) < len(pieces):
        raise InputError(
            f"{len(without)} of the {len(pieces)} slices of the {name} have no rescale slope or intercept, the first "
            f"'{without[0].path.name}': export the series again"
        )
    kinds = {kind for piece in pieces if (kind := piece.tag(RESCALE_TYPE).upper()) not in HU_TYPES}
    if kinds:
        warnings.warn(
            f"the values of the {name} are {' and '.join(sorted(kinds))[:60]} by its header (RescaleType), not "
            "Hounsfield units, for which they are taken: check them",
            InputWarning,
            stacklevel=3,
        )
    if without:
        warnings.warn(
            f"the {name} has no rescale slope or intercept; its stored values are taken as Hounsfield units",
            InputWarning,
            stacklevel=3,
        )


def _unclear(name: str, piece: Slice, what: str, text: str, given: bool) -> str:
    """Return why an attribute cannot be used, in words."""
    if not text:
        got = f"{what} is {'empty' if given else 'missing'}"
    elif "," in text:
        got = f"{what} '{text}' is written with decimal commas"
    else:
        got = f"{what} is '{text}'"
    at_detector = piece.tag("0018|1164") if what == "PixelSpacing" else ""
    hint = f"; ImagerPixelSpacing {at_detector} is measured at the detector" if at_detector else ""
    return (
        f"the {name} cannot be measured: {got} in '{piece.path.name}'{hint}: "
        "export the series again from the scanner or archive"
    )


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.strip(" \0").split("\\")]
    except ValueError:
        return []


def check_positions(pieces: Sequence[Slice], name: str, left_out: Sequence[str] = ()) -> float:
    """Return the distance between slices in mm; raise `InputError` for gantry tilt, gaps and duplicate positions.

    left_out: what of the series is not among the slices, in words.
    """
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
            "separate the two volumes that were mixed in one series"
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
        others = "".join(f"; left out: {note}" for note in left_out)
        missing = f" (slices are missing{others})" if gaps[worst] > 1.5 * step else ""
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
    try:
        with quiet_itk(), _without_zero_distance(piece) as copy, spelled(copy) as path:
            reader.SetFileName(str(path))
            plane = sitk.GetArrayFromImage(reader.Execute())
    except RuntimeError as error:
        raise InputError(
            f"a slice of the {name}, '{piece.path}', cannot be read ({itk_reason(error)}): copy it again"
        ) from error
    plane = plane.reshape(plane.shape[-2:])
    whole = plane.dtype.kind in "iu"
    limits = np.iinfo(np.int16)
    if whole:  # GDCM gives unsigned types too, which cannot be held against numbers below zero
        plane = plane.astype(np.int64)
    if piece.tag("0028|0120"):
        plane = np.maximum(plane, OUTSIDE_HU)
    return np.clip(plane, limits.min, limits.max).astype(np.int16) if whole else plane.astype(np.float32)


@contextlib.contextmanager
def _without_zero_distance(piece: Slice) -> Iterator[Path]:
    """Yield the path of a slice, or of a copy in which SpacingBetweenSlices is 1 where it is 0.

    ITK refuses a slice with 0, though the distance is computed from the positions.
    """
    numbers = _numbers(piece.tag("0018|0088"))
    if not numbers or numbers[0] != 0:
        yield piece.path
        return
    content = piece.path.read_bytes()
    text = re.escape(piece.tags["0018|0088"].strip(" \0").encode())
    patched = re.sub(
        rb"(\x18\x00\x88\x00(?:DS..|....)|\x00\x18\x00\x88DS..)" + text,
        lambda found: found[1] + b"1".ljust(len(found[0]) - len(found[1])),
        content,
        count=1,
        flags=re.DOTALL,
    )
    with tempfile.TemporaryDirectory(prefix="lta-") as folder:
        copy = Path(folder, "slice.dcm")
        copy.write_bytes(patched)
        yield copy
