"""Header of a NRRD file, read and checked before ITK, whose reader can crash on fields that it cannot parse.

Every field has to be of the form that the format gives it, so that no long text reaches that reader's messages.
Format: http://teem.sourceforge.net/nrrd/format.html.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.declared_size import check_holds, check_memory, check_unpacks, truncated
from LiverTumorAttentionLib.io.detached_data import data_files
from LiverTumorAttentionLib.io.input_checks import (
    check_axes,
    check_spacing,
    no_voxel_size,
    not_scalar,
    warn_unplaced,
)

MAX_HEADER_BYTES = 16 * 2**20
MAX_LINES = 100_000
MAX_FIELD_CHARACTERS = 800
"""Beyond about 1000 ITK's reader writes past the end of its messages."""
MAX_DIMENSION = 16
MAX_SKIP = 10**9

_SIGNED = ("signed char", "short", "short int", "signed short", "signed short int", "int", "signed int")
_LONG = ("longlong", "long long", "long long int", "signed long long", "signed long long int")
BYTES = {
    **dict.fromkeys(("signed char", "int8", "int8_t", "uchar", "unsigned char", "uint8", "uint8_t"), 1),
    **dict.fromkeys(_SIGNED[1:5], 2),
    **dict.fromkeys(
        ("int16", "int16_t", "ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), 2
    ),
    **dict.fromkeys(
        (*_SIGNED[5:], "int32", "int32_t", "uint", "unsigned int", "uint32", "uint32_t", "float"), 4
    ),
    **dict.fromkeys((*_LONG, "int64", "int64_t"), 8),
    **dict.fromkeys(
        ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t", "double"), 8
    ),
}
"""Bytes a voxel of each type; a block of bytes is no voxel."""
RAW, GZIP, TEXT, HEX = ("raw",), ("gz", "gzip"), ("txt", "text", "ascii"), ("hex",)

_NUMBER = r"[-+]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][-+]?\d{1,4})?"
"""In one way alone: a pattern that matches a text in several ways takes for ever to refuse a list of them."""
_LOOSE = rf"(?:{_NUMBER}|[-+]?(?:nan|inf|infinity))"
_VECTOR = rf"\(\s*{_NUMBER}(?:\s*,\s*{_NUMBER})*\s*\)"
_LOOSE_VECTOR = rf"\(\s*{_LOOSE}(?:\s*,\s*{_LOOSE})*\s*\)"
_WORD = r"[\w.?*-]{1,40}"
_FORMS = {
    "type": r"[A-Za-z0-9_ ]{1,40}",
    "block size": r"\d{1,10}",
    "dimension": r"\d{1,2}",
    "space": r"[A-Za-z0-9 -]{1,64}",
    "space dimension": r"\d",
    "sizes": r"\d{1,18}(?:\s+\d{1,18})*",
    "spacings": rf"{_LOOSE}(?:\s+{_LOOSE})*",
    "thicknesses": rf"{_LOOSE}(?:\s+{_LOOSE})*",
    "axis mins": rf"{_LOOSE}(?:\s+{_LOOSE})*",
    "axis maxs": rf"{_LOOSE}(?:\s+{_LOOSE})*",
    "space directions": rf"(?:none|{_LOOSE_VECTOR})(?:\s+(?:none|{_LOOSE_VECTOR}))*",
    "space origin": _VECTOR,
    "measurement frame": rf"(?:none|{_VECTOR})(?:\s+(?:none|{_VECTOR}))*",
    "centerings": rf"{_WORD}(?:\s+{_WORD})*",
    "kinds": rf"{_WORD}(?:\s+{_WORD})*",
    "labels": r'(?:"[^"]*"\s*)*',
    "units": r'(?:"[^"]*"\s*)*',
    "space units": r'(?:"[^"]*"\s*)*',
    "min": _LOOSE,
    "max": _LOOSE,
    "old min": _LOOSE,
    "old max": _LOOSE,
    "endian": "little|big",
    "encoding": r"[A-Za-z0-9]{1,16}",
    "line skip": r"\d{1,9}",
    "byte skip": r"-1|\d{1,10}",
    "number": r"\d{1,20}",
    "content": ".*",
    "sample units": ".*",
    "data file": ".+",
}
"""Fields of the format, each with the form of its value."""
_SPACES = (
    *("right-anterior-superior", "ras"),
    *("left-anterior-superior", "las"),
    *("left-posterior-superior", "lps"),
)
"""Spaces of a patient that ITK brings to LPS; it takes any other for LPS."""
_MILLIMETERS = ("", "mm", "millimeter", "millimeters", "millimetre", "millimetres", "???", "none")
_SYNONYMS = {
    "centers": "centerings",
    "centering": "centerings",
    "axismins": "axis mins",
    "axismaxs": "axis maxs",
    "blocksize": "block size",
    "oldmin": "old min",
    "oldmax": "old max",
    "lineskip": "line skip",
    "byteskip": "byte skip",
    "sampleunits": "sample units",
    "datafile": "data file",
}
_PER_AXIS = ("spacings", "thicknesses", "axis mins", "axis maxs", "centerings", "kinds")


@dataclass(frozen=True, kw_only=True)
class NrrdHeader:
    """Header of a NRRD file.

    fields: ``field: value`` lines, names in lower case and one for each meaning.
    pairs: ``key:=value`` lines, escapes resolved.
    sizes: one length an axis, the fastest first. size_bytes: of the voxels as declared.
    listed: file names after ``data file: LIST``. data_begin: where the voxels begin in an attached file.
    """

    fields: Mapping[str, str]
    pairs: Mapping[str, str]
    sizes: tuple[int, ...]
    size_bytes: int
    listed: tuple[str, ...]
    data_begin: int

    @property
    def is_detached(self) -> bool:
        return "data file" in self.fields


def read_nrrd_header(path: str | os.PathLike[str], name: str = "volume") -> NrrdHeader:
    """Read the header of the NRRD file at `path`. Raises `InputError` when it is not a NRRD file or damaged."""
    fields: dict[str, str] = {}
    pairs: dict[str, str] = {}
    listed: list[str] = []
    what = f"the {name} '{path}'"
    with open(path, "rb") as file:
        if not re.match(rb"NRRD(000[1-5]|00\.01)\s*$", file.readline(64)):
            raise InputError(f"{what} is not a NRRD file: choose another file")
        number = 1
        while line := file.readline(MAX_HEADER_BYTES):
            number += 1
            if number > MAX_LINES or file.tell() > MAX_HEADER_BYTES:
                raise _damaged(what, f"it has more than {MAX_LINES} lines or {MAX_HEADER_BYTES // 2**20} MiB")
            text = line.rstrip(b"\r\n").decode("utf-8", errors="replace")
            if fields.get("data file", "").upper().split()[:1] == ["LIST"]:
                listed.append(text.strip())
                continue
            if not text:
                break
            if text.startswith("#"):
                continue
            ends = line.endswith(b"\n")
            separator = re.search(r": |:=|:$", text)
            if separator and separator[0] == ":=":
                pairs[_unescape(text[: separator.start()])] = _unescape(text[separator.end() :])
                continue
            key = text[: separator.start()].strip().lower() if separator else ""
            key = _SYNONYMS.get(key, key)
            value = text[separator.end() :].strip() if separator else ""
            if not ends and "data file" not in {*fields, key}:
                raise truncated(what, "its header breaks off")
            _check_field(key, value, len(text), number, what)
            if key in fields:
                raise _damaged(what, f"it names '{key}' twice")
            fields[key] = value
        begin = file.tell()
    if not line and "data file" not in fields:
        raise truncated(what, "its header breaks off")
    sizes = _sizes(fields, what)
    return NrrdHeader(
        fields=fields,
        pairs=pairs,
        sizes=sizes,
        size_bytes=math.prod(sizes) * BYTES[_type(fields)],
        listed=tuple(text for text in listed if text),
        data_begin=begin,
    )


def _check_field(key: str, value: str, length: int, number: int, what: str) -> None:
    if key not in _FORMS:
        raise _damaged(what, f"line {number} is no field of the NRRD format")
    if length > MAX_FIELD_CHARACTERS or not re.fullmatch(_FORMS[key], value, re.IGNORECASE | re.ASCII):
        got = value if len(value) <= 40 else value[:40] + "…"
        raise _damaged(what, f"'{key}' is {got!r} in line {number}")


def _sizes(fields: Mapping[str, str], what: str) -> tuple[int, ...]:
    """Return the lengths of the axes; raise `InputError` unless all fields agree on their number."""
    missing = [key for key in ("type", "dimension", "sizes", "encoding") if not fields.get(key)]
    if missing:
        raise _damaged(what, f"'{missing[0]}' is missing")
    count = int(fields["dimension"])
    sizes = tuple(int(text) for text in fields["sizes"].split())
    if not 1 <= count <= MAX_DIMENSION or len(sizes) != count or min(sizes) < 1:
        raise _damaged(what, f"it has {count} dimensions with the sizes {fields['sizes'][:80]}")
    if _type(fields) not in BYTES:
        raise _damaged(what, f"voxels of the type '{fields['type']}' are not read")
    for key in _PER_AXIS:
        if key in fields and len(fields[key].split()) != count:
            raise _damaged(what, f"'{key}' has {len(fields[key].split())} entries for {count} dimensions")
    directions = vectors(fields.get("space directions", ""))
    if directions and len(directions) != count:
        raise _damaged(what, f"'space directions' has {len(directions)} entries for {count} dimensions")
    lengths = {len(vector) for vector in (*directions, *vectors(fields.get("space origin", ""))) if vector}
    if len(lengths) > 1:
        raise _damaged(what, "its vectors have different lengths")
    return sizes


def _type(fields: Mapping[str, str]) -> str:
    return " ".join(fields["type"].lower().split())


def vectors(text: str) -> list[tuple[float, ...]]:
    """Return the vectors of a field such as "none (1,0,0)"; an empty one for none."""
    found = re.findall(r"none|\([^()]*\)", text, re.IGNORECASE)
    return [
        () if entry[0] != "(" else tuple(float(part) for part in entry[1:-1].split(",")) for entry in found
    ]


def _damaged(what: str, why: str) -> InputError:
    return InputError(f"{what} has a damaged NRRD header ({why}): export it again or choose another file")


def _unescape(text: str) -> str:
    return text.replace("\\\\", "\0").replace("\\n", "\n").replace("\0", "\\")


def check_nrrd(path: Path, name: str) -> None:
    """Raise `InputError` for a NRRD file with zero or negative spacing, colors or 4D data."""
    header = read_nrrd_header(path, name)
    fields = header.fields
    spacing = [float(np.linalg.norm(v)) for v in vectors(fields.get("space directions", "")) if v]
    if not spacing and "spacings" in fields:
        kinds = fields.get("kinds", "").split() or [""] * MAX_DIMENSION
        pairs = zip(fields["spacings"].split(), kinds, strict=False)
        spacing = [float(text) for text, kind in pairs if kind in ("", "domain", "space")]
    if not spacing:
        raise no_voxel_size(path, name, "space directions nor spacings")
    check_spacing(spacing, path, name)
    if header.is_detached:
        _data_files(path, header, name)
    kinds = fields.get("kinds", "").lower().split()
    if any("color" in kind or "vector" in kind for kind in kinds):
        raise not_scalar(path, name)
    check_axes(header.sizes, path, name)


def _check_space(path: Path, header: NrrdHeader, name: str) -> None:
    """Raise `InputError` for lengths that are not in mm, or a space without axes; warn of axes that are left open."""
    fields = header.fields
    for key in ("space units", "units"):
        units = re.findall(r'"([^"]*)"', fields.get(key, ""))
        kinds = fields.get("kinds", "").lower().split() if key == "units" else []
        for unit, kind in zip(units, [*kinds, *[""] * len(units)], strict=False):
            if kind in ("", "domain", "space") and unit.strip().lower() not in _MILLIMETERS:
                raise InputError(
                    f"the {name} '{path}' measures lengths in {unit[:40]!r} ('{key}'), and only mm are read: "
                    "export it again in mm"
                )
    space = fields.get("space", "").lower()
    if space and "space directions" not in fields:
        raise InputError(
            f"the {name} '{path}' names a space ({space}), but no 'space directions' of its axes in it: export it again"
        )
    if len(header.sizes) >= 3 and space not in _SPACES:
        warn_unplaced(path, name, f"its space is {space!r}" if space else "it names no space")


def check_nrrd_is_whole(path: Path, name: str) -> None:
    """Raise `InputError` when the files of a NRRD header hold fewer bytes than it announces, or it leads elsewhere."""
    header = read_nrrd_header(path, name)
    what = f"the {name} '{path}'"
    _check_space(path, header, name)
    check_memory(header.size_bytes, what)
    files: Sequence[Path] = _data_files(path, header, name) if header.is_detached else [path]
    begin = 0 if header.is_detached else header.data_begin
    encoding = header.fields["encoding"].lower()
    lines, skip = int(header.fields.get("line skip", "0")), int(header.fields.get("byte skip", "0"))
    if (lines or skip) and (encoding not in (*RAW, *GZIP) or (encoding in GZIP and (lines or skip < 0))):
        raise _damaged(what, f"'line skip' and 'byte skip' are not read with the encoding '{encoding}'")
    found = sum(file.stat().st_size - begin for file in files)
    if encoding in RAW:
        for file in files:
            found -= _skipped(file, begin, lines, what) + max(0, skip)
        check_holds(found, header.size_bytes, what)
    elif encoding in GZIP:
        _check_gzip(files, begin, header.size_bytes, max(0, skip), what)
    elif encoding in TEXT:
        check_holds(found + 1, 2 * math.prod(header.sizes), what)
    elif encoding in HEX:
        check_holds(found, 2 * header.size_bytes, what)
    else:
        raise InputError(f"{what} has the encoding '{encoding}', which is not read: save it with gzip or raw")


def _check_gzip(files: Sequence[Path], begin: int, size_bytes: int, skip: int, what: str) -> None:
    found = 0
    expected = size_bytes + skip * len(files)
    for index, path in enumerate(files):
        with path.open("rb") as file:
            file.seek(begin)
            last = index == len(files) - 1
            found += check_unpacks(file, expected - found if last else 0, what)


def _skipped(path: Path, begin: int, lines: int, what: str) -> int:
    """Return how many bytes the lines have that are skipped before the voxels."""
    with path.open("rb") as file:
        file.seek(begin)
        for _ in range(lines):
            if not file.readline(MAX_HEADER_BYTES) or file.tell() - begin > MAX_HEADER_BYTES:
                raise _damaged(what, f"{lines} lines are to be skipped, which are not there")
        return file.tell() - begin


def _data_files(path: Path, header: NrrdHeader, name: str) -> list[Path]:
    return data_files(path, header.fields["data file"], header.listed, name)
