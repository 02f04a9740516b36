"""DICOM series: listing, selection and reading, with SimpleITK's GDCM.

Scouts, color captures and objects without voxels are not listed. Duplicate slices (same SOP instance UID)
count once; a series that holds several volumes (one description, two acquisitions) is listed as several.
The geometry of a series is checked by `dicom_slices`.
"""

from __future__ import annotations

import os
import re
import unicodedata
import warnings
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.dicom_slices import (
    POSITION_TOLERANCE_MM,
    InputWarning,
    Slice,
    check_positions,
    is_dicom,
    read_pixels,
    read_slice,
)
from LiverTumorAttentionLib.io.input_checks import MIN_SLICES, readable

PHASES = ("portal", "arterial")

_ARTERIAL = re.compile(r"^(art|artphase|arter\w*|hap|lap|eap|hepatoarterial)$")
_PORTAL = re.compile(
    r"^(pv|pvp|pvph|pvphase|pvi|vp|ven|venphase|venos\w*|venoes\w*|venous\w*|vein\w*|portal\w*|porto\w*|porte|pfortader\w*)$"
)
_LATER = re.compile(r"^(delay\w*|equilib\w*|tardi\w*|spaet\w*|spat\w*|excret\w*|late)$")
_PLAIN = re.compile(r"^(nativ\w*|plain|unenhanced|noncontrast|nc|ncct|precontrast)$")

_SPLITTERS = ("0020|0012", "0020|0100", "0008|0032", "0018|9087")
"""Acquisition number, temporal position, acquisition time: attributes that separate volumes of one series."""


@dataclass(frozen=True, kw_only=True)
class SeriesInfo:
    """One volume of a DICOM folder.

    uid: SeriesInstanceUID, with ``#2`` behind it for the second volume of one series.
    number: place in the list, from 1. slices: number of them. matrix: (columns, rows).
    spacing_mm: (x, y, between slices). phase: ``"portal"``, ``"arterial"`` or ``""``, guessed.
    axial: whether the slices lie across the body. files: in the order of the slices.
    """

    uid: str
    number: int
    description: str
    modality: str
    slices: int
    matrix: tuple[int, int]
    spacing_mm: tuple[float, float, float]
    phase: str
    axial: bool
    files: tuple[Path, ...]

    def __str__(self) -> str:
        size = f"{self.matrix[0]} x {self.matrix[1]} x {self.slices}"
        phase = f", {self.phase}" if self.phase else ""
        return (
            f"{self.number}: '{self.description}' ({self.modality}, {size}, {self.spacing_mm[2]:g} mm{phase})"
        )


def list_series(folder: str | os.PathLike[str], name: str = "portal volume") -> list[SeriesInfo]:
    """Return the CT-like series below `folder`, in a stable order (description, UID, acquisition).

    Raises `InputError` when the folder is empty, holds no DICOM file, or none with a volume.
    """
    root = Path(folder)
    groups: dict[tuple[object, ...], list[Slice]] = defaultdict(list)
    refused: set[str] = set()
    with readable(root, name):
        pieces = _slices_below(root, name)
    for piece in pieces:
        why = _unusable(piece)
        if why:
            refused.add(why)
        else:
            groups[_group_key(piece)].append(piece)
    found = [info for group in groups.values() for info in _infos(group)]
    if not found:
        raise InputError(
            f"the {name} '{root}' holds no CT series but {', '.join(sorted(refused))}: choose another"
        )
    found.sort(key=lambda info: (info.description, info.uid))
    return [replace(info, number=number) for number, info in enumerate(found, start=1)]


def choose_series(
    place: str | os.PathLike[str],
    *,
    series: str | None = None,
    phase: str | None = None,
    name: str = "portal volume",
) -> SeriesInfo:
    """Return the one series that is meant in a DICOM folder (or in the folder of a DICOM file).

    series: UID, unique end of the UID, number in the list, or words of the description, tried in this order.
    phase: ``"portal"`` or ``"arterial"``; asked only when `series` is None and there is more than one.
    Without `series`, single pictures, other modalities and reformatted (not axial) series are chosen only when
    nothing better fits.
    Raises `InputError` that lists the series when none or several fit.
    """
    if phase is not None and phase not in PHASES:
        raise InputError(f"the phase '{phase}' is not known: use {' or '.join(PHASES)}")
    path = Path(place)
    infos = list_series(path if path.is_dir() else path.parent, name)
    if path.is_file() and series is None:
        infos = [info for info in infos if path in info.files] or infos
    if series is not None:
        fitting = _matching(infos, str(series).strip())
        wanted = f"'{series}'"
    elif len(volumes := _volumes_first(infos)) == 1:
        return _only(volumes[0], phase, name)
    else:
        fitting = [info for info in volumes if phase is None or info.phase == phase]
        fitting = [info for info in fitting if info.axial] or fitting
        wanted = f"the {phase} phase" if phase else "one volume"
    if len(fitting) == 1:
        return fitting[0]
    listed = "; ".join(str(info) for info in infos)
    count = "no series" if not fitting else f"{len(fitting)} series"
    raise InputError(
        f"the {name} '{path}' has {count} for {wanted}: name one by number, description or UID. "
        f"It holds {listed}"
    )


def guess_phase(description: str) -> str:
    """Return ``"portal"``, ``"arterial"`` or ``""`` for a SeriesDescription.

    Words for both phases in one description ("art + pv") leave the phase open, and so does a delayed venous
    phase. "late art" is arterial: it is the late arterial phase in which HCC is brightest.
    """
    text = unicodedata.normalize("NFKD", description.lower()).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z]+", text)
    arterial = any(_ARTERIAL.match(word) for word in words)
    portal = any(_PORTAL.match(word) for word in words)
    if arterial == portal or any(_PLAIN.match(word) for word in words):
        return ""
    if portal and any(_LATER.match(word) for word in words):
        return ""
    return "arterial" if arterial else "portal"


def read_series(info: SeriesInfo, *, name: str = "portal volume") -> sitk.Image:
    """Read one series into a volume (HU, LPS mm) with slices ascending along the normal."""
    pieces = [piece for piece in (read_slice(path) for path in info.files) if piece is not None]
    modality = info.modality.upper()
    if modality not in ("CT", ""):
        raise InputError(f"the {name} '{info.description}' is a series of {modality}: choose a CT series")
    if pieces[0].size[2] > 1:
        raise InputError(
            f"the {name} '{info.description}' is a multi-frame DICOM file: convert it to NIfTI first"
        )
    step = check_positions(pieces, name)
    first = pieces[0]
    planes = [read_pixels(piece, name) for piece in pieces]
    whole = all(plane.dtype == np.int16 for plane in planes)
    stack = np.stack(planes, dtype=np.int16 if whole else np.float32, casting="unsafe")
    image = sitk.GetImageFromArray(stack)
    image.SetSpacing((*first.spacing, step))
    image.SetOrigin([float(value) for value in first.position])
    image.SetDirection(np.stack([first.row, first.column, first.normal], axis=1).ravel().tolist())
    return image


def _slices_below(root: Path, name: str) -> list[Slice]:
    files = sorted(
        Path(folder, file)
        for folder, _, names in os.walk(root, onerror=_raise)
        for file in names
        if not file.startswith(".") and file.upper() != "DICOMDIR"
    )
    if not files:
        raise InputError(f"the {name} '{root}' is an empty folder: choose the folder with the DICOM files")
    dicom = [path for path in files if is_dicom(path)]
    if not dicom:
        raise InputError(
            f"the {name} '{root}' is a folder of {len(files)} file(s), none of them DICOM: "
            "choose a DICOM folder or name the file itself"
        )
    pieces = [piece for piece in (read_slice(path) for path in dicom) if piece is not None]
    if not pieces:
        raise InputError(
            f"none of the {len(dicom)} DICOM file(s) in the {name} '{root}' holds a readable image"
        )
    return pieces


def _raise(error: OSError) -> None:
    raise error


def _unusable(piece: Slice) -> str:
    """Return the kind of an object that is not a slice of a volume, else ``""``."""
    kinds = piece.tag("0008|0008").upper()
    if piece.components > 1:
        return "colour pictures"
    if "LOCALIZER" in kinds or "SCOUT" in kinds:
        return "scout views"
    if piece.tag("0008|0060").upper() in ("SEG", "SR", "PR", "KO", "RTSTRUCT", "RTDOSE", "RTPLAN", "DOC"):
        return f"{piece.tag('0008|0060').upper()} objects"
    if "0020|0032" not in piece.tags and piece.size[2] == 1:
        return "pictures without a position in the patient"
    return ""


def _group_key(piece: Slice) -> tuple[object, ...]:
    cosines = tuple(float(value) for value in np.round(np.concatenate([piece.row, piece.column]), 3) + 0.0)
    return (
        piece.tag("0020|000e"),
        piece.size[:2],
        tuple(round(value, 4) for value in piece.spacing),
        cosines,
    )


def _infos(pieces: list[Slice]) -> list[SeriesInfo]:
    """Return one entry, or one for each volume where a series holds several at the same positions."""
    unique = _without_copies(pieces)
    volumes = [unique]
    if _repeats(unique):
        for key in _SPLITTERS:
            parts: dict[str, list[Slice]] = defaultdict(list)
            for piece in unique:
                parts[piece.tag(key)].append(piece)
            if len(parts) > 1 and not any(_repeats(part) for part in parts.values()):
                volumes = [parts[value] for value in sorted(parts)]
                break
    return [_info(volume, index if len(volumes) > 1 else 0) for index, volume in enumerate(volumes, start=1)]


def _info(pieces: list[Slice], index: int) -> SeriesInfo:
    ordered = sorted(pieces, key=lambda piece: piece.along)
    first = ordered[0]
    gaps = np.diff([piece.along for piece in ordered])
    description = first.tag("0008|103e") or first.tag("0018|1030")
    return SeriesInfo(
        uid=first.tag("0020|000e") + (f"#{index}" if index > 1 else ""),
        number=0,
        description=description + (f" [volume {index}]" if index else ""),
        modality=first.tag("0008|0060"),
        slices=len(ordered) if first.size[2] == 1 else first.size[2],
        matrix=(first.size[0], first.size[1]),
        spacing_mm=(*first.spacing, round(float(np.median(gaps)), 4) if gaps.size else 0.0),
        phase=guess_phase(description),
        axial=bool(abs(first.normal[2]) > 0.7),
        files=tuple(piece.path for piece in ordered),
    )


def _without_copies(pieces: list[Slice]) -> list[Slice]:
    seen: set[str] = set()
    kept = []
    for piece in pieces:
        instance = piece.tag("0008|0018") or str(piece.path)
        if instance not in seen:
            seen.add(instance)
            kept.append(piece)
    return kept


def _repeats(pieces: list[Slice]) -> bool:
    gaps = np.diff(sorted(piece.along for piece in pieces))
    return bool(gaps.size and gaps.min() < POSITION_TOLERANCE_MM)


def _volumes_first(infos: list[SeriesInfo]) -> list[SeriesInfo]:
    """Return the series that can be volumes of a CT; all of them when none can."""
    several = [info for info in infos if info.slices >= MIN_SLICES] or infos
    return [info for info in several if info.modality in ("CT", "")] or several


def _matching(infos: list[SeriesInfo], wanted: str) -> list[SeriesInfo]:
    text = wanted.lower()
    ways = (
        [info for info in infos if info.uid and info.uid == wanted],
        [info for info in infos if wanted.isdigit() and info.number == int(wanted)],
        [info for info in infos if "." in wanted and info.uid.endswith(wanted)],
        [info for info in infos if info.description.lower() == text],
        [info for info in infos if text and text in info.description.lower()],
        [info for info in infos if len(wanted) > 2 and info.uid.endswith(wanted)],
    )
    return next((found for found in ways if found), [])


def _only(info: SeriesInfo, phase: str | None, name: str) -> SeriesInfo:
    if phase and info.phase and info.phase != phase:
        warnings.warn(
            f"the {name} is described as '{info.description}', which sounds like the {info.phase} phase",
            InputWarning,
            stacklevel=2,
        )
    return info
