"""DICOM series: listing, selection and reading, with SimpleITK's GDCM.

Scouts, color captures and objects without voxels are not listed. Copies of a slice (same SOP instance UID, position
and pixels) count once; a series that holds several volumes (one description, two acquisitions) is listed as several.
What lies in the folder and is not read is said with the series that is.
The geometry of a series is checked by `dicom_slices`.
"""

from __future__ import annotations

import filecmp
import math
import os
import warnings
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.config_parsing import whole_number
from LiverTumorAttentionLib.contrast_phase import ROLES, role_of
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.data_files import files_below
from LiverTumorAttentionLib.io.declared_size import check_memory
from LiverTumorAttentionLib.io.dicom_header import check_dicom
from LiverTumorAttentionLib.io.dicom_slices import (
    POSITION_TOLERANCE_MM,
    Slice,
    check_headers,
    check_positions,
    is_dicom,
    read_pixels,
    read_slice,
)
from LiverTumorAttentionLib.io.input_checks import MIN_SLICES, readable
from LiverTumorAttentionLib.io.input_warning import InputWarning
from LiverTumorAttentionLib.phases.description import phase_of_description
from LiverTumorAttentionLib.phases.headers import SeriesFacts
from LiverTumorAttentionLib.wording import counted

PHASES = ROLES

SPACING_TOLERANCE_MM = 1e-3
COSINE_TOLERANCE = 2e-3
"""How far slices of one volume may differ in pixel size and in the entries of their axes."""

_SPLITTERS = ("0020|0012", "0020|0100", "0008|0032", "0018|9087")
"""Acquisition number, temporal position, acquisition time: attributes that separate volumes of one series."""


@dataclass(frozen=True, kw_only=True)
class SeriesInfo:
    """One volume of a DICOM folder.

    uid: SeriesInstanceUID, with ``#2`` behind it for the second volume of one series.
    number: place in the list, from 1. slices: number of them. matrix: (columns, rows).
    spacing_mm: (x, y, between slices). phase: the input of `PHASES` that the description names, or ``""``.
    axial: whether the slices lie across the body. files: in the order of the slices.
    left_out: what of the folder or the series is in no volume, in words.
    facts: what the headers tell of the contrast phase, and of whom and what the series shows.
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
    left_out: tuple[str, ...] = ()
    facts: SeriesFacts = field(default_factory=SeriesFacts)

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
    groups: dict[tuple[object, ...], list[list[Slice]]] = defaultdict(list)
    refused: dict[str, list[Slice]] = defaultdict(list)
    with readable(root, name):
        pieces, passed = _slices_below(root, name)
    for piece in pieces:
        why = _unusable(piece)
        if why:
            refused[why].append(piece)
            continue
        alike = groups[piece.tag("0020|000e"), piece.size[:2]]
        group = next((group for group in alike if _fits(piece, group[0])), None)
        group.append(piece) if group is not None else alike.append([piece])
    found = []
    for (uid, _), alike in groups.items():
        for group in alike:
            others = [
                piece
                for (other, _), lists in groups.items()
                if other == uid
                for part in lists
                if part is not group
                for piece in part
            ]
            notes = [*passed, *_rest_of_series(str(uid), others, refused)]
            found += [replace(info, left_out=(*notes, *info.left_out)) for info in _infos(group, name)]
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
    phase: one of `PHASES`; asked only when `series` is None and there is more than one.
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


def read_series(info: SeriesInfo, *, name: str = "portal volume") -> sitk.Image:
    """Read one series into a volume (HU, LPS mm) with slices ascending along the normal."""
    pieces = [piece for piece in (read_slice(path) for path in info.files) if piece is not None]
    if len(pieces) < len(info.files):
        raise InputError(
            f"{counted(len(info.files) - len(pieces), 'slice')} of the {name} cannot be found any more: "
            "copy the series again"
        )
    modality = info.modality.upper()
    if modality not in ("CT", ""):
        raise InputError(f"the {name} '{info.description}' is a series of {modality}: choose a CT series")
    if pieces[0].size[2] > 1:
        raise InputError(
            f"the {name} '{info.description}' is a multi-frame DICOM file: convert it to NIfTI first"
        )
    check_headers(pieces, name)
    step = check_positions(pieces, name, info.left_out)
    uids = [piece.tag("0008|0018") for piece in pieces]
    if len(set(uids)) < len(uids):
        warnings.warn(
            f"{len(uids) - len(set(uids)) + 1} or more slices of the {name} share a SOP instance UID though they "
            "differ; all are read",
            InputWarning,
            stacklevel=2,
        )
    for note in info.left_out:
        warnings.warn(f"left out of the {name}: {note}", InputWarning, stacklevel=2)
    first = pieces[0]
    check_memory(4 * math.prod(first.size[:2]) * len(pieces), f"the {name} '{info.description}'")
    planes = [read_pixels(piece, name) for piece in pieces]
    whole = all(plane.dtype == np.int16 for plane in planes)
    stack = np.stack(planes, dtype=np.int16 if whole else np.float32, casting="unsafe")
    image = sitk.GetImageFromArray(stack)
    image.SetSpacing((*first.spacing, step))
    image.SetOrigin([float(value) for value in first.position])
    image.SetDirection(np.stack([first.row, first.column, first.normal], axis=1).ravel().tolist())
    return image


def _slices_below(root: Path, name: str) -> tuple[list[Slice], list[str]]:
    """Return the slices below `root` and, in words, what else lies there."""
    below, passed = files_below(root)
    files = [path for path in below if path.name.upper() != "DICOMDIR"]
    if not files:
        raise InputError(f"the {name} '{root}' is an empty folder: choose the folder with the DICOM files")
    dicom = [path for path in files if is_dicom(path)]
    if not dicom:
        raise InputError(
            f"the {name} '{root}' is a folder of {counted(len(files), 'file')}, none of them DICOM: "
            "choose a DICOM folder or name the file itself"
        )
    heads = {path: read_slice(path) for path in dicom}
    pieces = [piece for piece in heads.values() if piece is not None]
    unreadable = [path for path, piece in heads.items() if piece is None]
    what = "without a readable image, damaged or of another kind"
    passed += _named(unreadable, f"DICOM file {what}", f"DICOM files {what}")
    passed += _named(
        [path for path in files if path not in heads], "file other than DICOM", "files other than DICOM"
    )
    if not pieces:
        check_dicom(dicom[0], f"the {name} '{dicom[0]}'")
        raise InputError(
            f"the {name} '{root}' has no readable image in {counted(len(dicom), 'DICOM file')}: choose another folder"
        )
    return pieces, passed


def _named(paths: list[Path], one: str, many: str) -> list[str]:
    """Return a sentence part such as "3 files other than DICOM ('a.txt', …)", or nothing."""
    if not paths:
        return []
    return [f"{counted(len(paths), one, many)} ('{paths[0].name}'{', …' if len(paths) > 1 else ''})"]


def _rest_of_series(uid: str, others: list[Slice], refused: dict[str, list[Slice]]) -> list[str]:
    """Return, in words, what of a series lies in no or another volume than the one that is read."""
    other = "of the same series with another matrix, pixel spacing or orientation"
    notes = _named(
        [piece.path for piece in others],
        f"slice {other}",
        f"slices {other}",
    )
    for why, pieces in sorted(refused.items()):
        same = [piece.path for piece in pieces if piece.tag("0020|000e") == uid]
        of_series = f"of the same series among the {why}"
        notes += _named(same, f"file {of_series}", f"files {of_series}")
    return notes


def _unusable(piece: Slice) -> str:
    """Return the kind of an object that is not a slice of a volume, else ``""``."""
    kinds = piece.tag("0008|0008").upper()
    if piece.components > 1:
        return "color pictures"
    if "LOCALIZER" in kinds or "SCOUT" in kinds:
        return "scout views"
    if piece.tag("0008|0060").upper() in ("SEG", "SR", "PR", "KO", "RTSTRUCT", "RTDOSE", "RTPLAN", "DOC"):
        return f"{piece.tag('0008|0060').upper()} objects"
    if "0020|0032" not in piece.tags and piece.size[2] == 1:
        return "pictures without a position in the patient"
    return ""


def _fits(piece: Slice, first: Slice) -> bool:
    """Return whether two slices have one pixel size and one orientation, within a tolerance."""
    turned = max(np.abs(piece.row - first.row).max(), np.abs(piece.column - first.column).max())
    scaled = np.abs(np.subtract(piece.spacing, first.spacing)).max()
    return bool(turned <= COSINE_TOLERANCE and scaled <= SPACING_TOLERANCE_MM)


def _infos(pieces: list[Slice], name: str) -> list[SeriesInfo]:
    """Return one entry, or one for each volume where a series holds several at the same positions."""
    unique, notes = _without_copies(pieces, name)
    volumes = [unique]
    if _repeats(unique):
        for key in _SPLITTERS:
            parts: dict[str, list[Slice]] = defaultdict(list)
            for piece in unique:
                parts[piece.tag(key)].append(piece)
            if len(parts) > 1 and not any(_repeats(part) for part in parts.values()):
                volumes = [parts[value] for value in sorted(parts)]
                break
    infos = [_info(volume, index if len(volumes) > 1 else 0) for index, volume in enumerate(volumes, start=1)]
    return [replace(info, left_out=tuple(notes)) for info in infos]


def _info(pieces: list[Slice], index: int) -> SeriesInfo:
    ordered = sorted(pieces, key=lambda piece: piece.along)
    first = ordered[0]
    gaps = np.diff([piece.along for piece in ordered])
    facts = SeriesFacts.of(first.tag)
    description = facts.description or facts.protocol
    named = phase_of_description(description)
    return SeriesInfo(
        uid=first.tag("0020|000e") + (f"#{index}" if index > 1 else ""),
        number=0,
        description=description + (f" [volume {index}]" if index else ""),
        modality=first.tag("0008|0060"),
        slices=len(ordered) if first.size[2] == 1 else first.size[2],
        matrix=(first.size[0], first.size[1]),
        spacing_mm=(*first.spacing, round(float(np.median(gaps)), 4) if gaps.size else 0.0),
        phase=role_of(named) if named else "",
        axial=bool(abs(first.normal[2]) > 0.7),
        files=tuple(piece.path for piece in ordered),
        facts=facts,
    )


def _without_copies(pieces: list[Slice], name: str) -> tuple[list[Slice], list[str]]:
    """Return the slices without copies of one another, and in words which were left out.

    A copy has the SOP instance UID, the position and the pixels of another slice. Different slices under one UID
    are all kept, since anonymizers write such.
    """
    kept: dict[str, list[Slice]] = defaultdict(list)
    copies = []
    for piece in pieces:
        same = kept[piece.tag("0008|0018") or str(piece.path)]
        if any(_is_copy(piece, other, name) for other in same):
            copies.append(piece.path)
        else:
            same.append(piece)
    return [piece for same in kept.values() for piece in same], _named(
        copies, "copy of slices that are read", "copies of slices that are read"
    )


def _is_copy(piece: Slice, other: Slice, name: str) -> bool:
    if np.abs(piece.position - other.position).max() > POSITION_TOLERANCE_MM:
        return False
    if filecmp.cmp(piece.path, other.path, shallow=False):
        return True
    return np.array_equal(read_pixels(piece, name), read_pixels(other, name))


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
        [info for info in infos if info.number == whole_number(wanted) is not None],
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
