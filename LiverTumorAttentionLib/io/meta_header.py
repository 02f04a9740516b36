"""Header of a MetaImage file, read and checked before ITK, which reads damaged compressed voxels as zeros.

Format: https://itk.org/Wiki/ITK/MetaIO/Documentation.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

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

BYTES = {"CHAR": 1, "SHORT": 2, "INT": 4, "LONG": 4, "LONG_LONG": 8, "FLOAT": 4, "DOUBLE": 8}
"""Bytes a voxel of each type, without the U of an unsigned one."""
MAX_DIMENSION = 5
"""ITK reads no more; its reader crashes where a header claims thousands."""
MAX_LINES = 1000
MAX_KEY_CHARACTERS = 200
MAX_VALUE_CHARACTERS = 4000
MAX_LISTED_BYTES = 4 * 2**20

_NUMBER = r"[-+]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][-+]?\d{1,4})?"
"""In one way alone: a pattern that matches a text in several ways takes for ever to refuse a list of them."""
_LOOSE = rf"(?:{_NUMBER}|[-+]?(?:nan|inf))"
_FLAG = "true|false|1|0|yes|no"
_FORMS = {
    "ObjectType": "image",
    "NDims": r"\d",
    "DimSize": r"\d{1,18}(?:\s+\d{1,18})*",
    "ElementType": r"MET_[A-Z_]{1,30}",
    "ElementNumberOfChannels": r"\d{1,4}",
    "HeaderSize": r"-1|\d{1,12}",
    "CompressedDataSize": r"\d{1,18}",
    "CompressedData": _FLAG,
    "BinaryData": _FLAG,
    "BinaryDataByteOrderMSB": _FLAG,
    "ElementByteOrderMSB": _FLAG,
    "AnatomicalOrientation": r"[A-Z?]{0,10}",
    **dict.fromkeys(
        ("ElementSpacing", "ElementSize", "Offset", "Position", "Origin", "CenterOfRotation"),
        rf"{_LOOSE}(?:\s+{_LOOSE})*",
    ),
    **dict.fromkeys(("TransformMatrix", "Rotation", "Orientation"), rf"{_NUMBER}(?:\s+{_NUMBER})*"),
}
"""Fields whose form is known, each with that form; others are read as text or not at all."""
_PER_AXIS = (
    "DimSize",
    "ElementSpacing",
    "ElementSize",
    "Offset",
    "Position",
    "Origin",
    "CenterOfRotation",
)
_PER_PAIR = ("TransformMatrix", "Rotation", "Orientation")
_FINITE = ("Offset", "Position", "Origin", "CenterOfRotation")


@dataclass(frozen=True, kw_only=True)
class MetaHeader:
    """Header of a MetaImage.

    fields: as the file has them. sizes: one length an axis. size_bytes: of the voxels as declared.
    listed: file names after ``ElementDataFile = LIST``. data_begin: where the voxels begin in an attached file.
    """

    fields: Mapping[str, str]
    sizes: tuple[int, ...]
    size_bytes: int
    listed: tuple[str, ...]
    data_begin: int

    @property
    def channels(self) -> int:
        return int(self.fields.get("ElementNumberOfChannels", "1"))

    def is_set(self, key: str, default: str = "false") -> bool:
        """Return whether a flag is true."""
        return self.fields.get(key, default).lower() in ("true", "1", "yes")


def read_meta_header(path: Path, name: str) -> MetaHeader:
    """Return the header of the MetaImage at `path`; raise `InputError` when it is none or damaged."""
    what = f"the {name} '{path}'"
    fields: dict[str, str] = {}
    with path.open("rb") as file:
        while "ElementDataFile" not in fields:
            line = file.readline(MAX_KEY_CHARACTERS + MAX_VALUE_CHARACTERS)
            key, equals, value = (part.strip() for part in line.decode("latin-1").partition("="))
            if not equals and not fields:
                raise _no_meta(what)
            if not equals or not re.fullmatch(r"[^:\0]+", key) or len(fields) >= MAX_LINES:
                raise (
                    _no_meta(what) if "NDims" not in fields else _damaged(what, "ElementDataFile is missing")
                )
            if len(key) > MAX_KEY_CHARACTERS or len(value) > MAX_VALUE_CHARACTERS - 2:
                raise _damaged(what, f"the line of '{key[:40]}' is too long")
            if not line.endswith(b"\n") and key != "ElementDataFile":
                raise truncated(what, "its header breaks off")
            form = _FORMS.get(key)
            if form is not None and not re.fullmatch(form, value, re.IGNORECASE | re.ASCII):
                raise _damaged(what, f"'{key}' is {value[:40]!r}")
            if key in fields and form is not None:
                raise _damaged(what, f"it names '{key}' twice")
            fields[key] = value
        begin = file.tell()
        listed = file.read(MAX_LISTED_BYTES) if fields["ElementDataFile"].upper().startswith("LIST") else b""
    sizes = _sizes(fields, what)
    channels = int(fields.get("ElementNumberOfChannels", "1"))
    if channels < 1:
        raise _damaged(what, "'ElementNumberOfChannels' is 0")
    return MetaHeader(
        fields=fields,
        sizes=sizes,
        size_bytes=math.prod(sizes) * channels * _voxel_bytes(fields, what),
        listed=tuple(line.strip() for line in listed.decode("utf-8", "replace").splitlines() if line.strip()),
        data_begin=begin,
    )


def _sizes(fields: Mapping[str, str], what: str) -> tuple[int, ...]:
    missing = [key for key in ("NDims", "DimSize", "ElementType") if not fields.get(key)]
    if missing:
        raise _damaged(what, f"'{missing[0]}' is missing")
    count = int(fields["NDims"])
    if not 1 <= count <= MAX_DIMENSION:
        raise _damaged(what, f"it has {count} dimensions")
    for keys, wanted in ((_PER_AXIS, count), (_PER_PAIR, count * count)):
        for key in keys:
            if key in fields and len(fields[key].split()) != wanted:
                raise _damaged(what, f"'{key}' has {len(fields[key].split())} numbers, {wanted} are needed")
    for key in _FINITE:
        if not all(math.isfinite(float(text)) for text in fields.get(key, "").split()):
            raise _damaged(what, f"'{key}' is {fields[key][:40]!r}")
    sizes = tuple(int(text) for text in fields["DimSize"].split())
    if min(sizes) < 1:
        raise _damaged(what, f"'DimSize' is '{fields['DimSize']}'")
    return sizes


def _voxel_bytes(fields: Mapping[str, str], what: str) -> int:
    kind = fields["ElementType"].upper().removeprefix("MET_").removeprefix("U")
    if kind not in BYTES:
        raise _damaged(what, f"voxels of the type '{fields['ElementType']}' are not read")
    return BYTES[kind]


def _no_meta(what: str) -> InputError:
    return InputError(f"{what} is not a MetaImage file: choose another file or export it again")


def _damaged(what: str, why: str) -> InputError:
    return InputError(
        f"{what} has a damaged MetaImage header ({why}): export it again or choose another file"
    )


def check_meta(path: Path, name: str) -> None:
    """Raise `InputError` for a MetaImage that is no scalar volume or has zero or negative spacing."""
    header = read_meta_header(path, name)
    spacing = header.fields.get("ElementSpacing", header.fields.get("ElementSize", "")).split()
    if not spacing:
        raise no_voxel_size(path, name, "ElementSpacing nor ElementSize")
    check_spacing([float(text) for text in spacing], path, name)
    if header.channels > 1:
        raise not_scalar(path, name)
    check_axes(header.sizes, path, name)


def _check_values_and_axes(path: Path, header: MetaHeader, name: str) -> None:
    """Raise `InputError` for values that are to be scaled, which ITK leaves undone; warn of axes that are left open."""
    slope, offset = (
        header.fields.get(f"ElementToIntensityFunction{part}", default)
        for part, default in (("Slope", "1"), ("Offset", "0"))
    )
    if not (_equals(slope, 1) and _equals(offset, 0)):
        raise InputError(
            f"the {name} '{path}' has values to be multiplied by {slope[:40]!r} with {offset[:40]!r} added "
            "(ElementToIntensityFunction), which is not done: save it with the values themselves"
        )
    if len(header.sizes) >= 3 and not any(key in header.fields for key in _PER_PAIR):
        warn_unplaced(path, name, "it has no TransformMatrix")


def _equals(text: str, number: float) -> bool:
    try:
        return float(text) == number
    except ValueError:
        return False


def check_meta_is_whole(path: Path, name: str) -> None:
    """Raise `InputError` when a MetaImage holds fewer bytes than its header announces, or it leads elsewhere."""
    header = read_meta_header(path, name)
    what = f"the {name} '{path}'"
    _check_values_and_axes(path, header, name)
    check_memory(header.size_bytes, what)
    source = header.fields["ElementDataFile"]
    attached = source.upper() == "LOCAL"
    files = [path] if attached else data_files(path, source, header.listed, name)
    begin = int(header.fields.get("HeaderSize", "0"))
    if attached and begin > 0 and begin < header.data_begin:
        raise _damaged(what, f"its voxels begin at byte {begin} (HeaderSize), inside its header")
    if begin <= 0:  # -1: they are the last bytes
        begin = header.data_begin if attached else 0
    found = sum(file.stat().st_size - begin for file in files)
    if header.is_set("CompressedData"):
        if len(files) > 1:
            raise _damaged(what, "compressed voxels in several files are not read")
        packed = int(header.fields.get("CompressedDataSize", "0")) or (0 if attached else found)
        if not packed:  # ITK takes the length of the whole file, and what it cannot unpack for zeros
            raise _damaged(what, "it is compressed, but CompressedDataSize is missing")
        check_holds(found, packed, what)
        with files[0].open("rb") as file:
            file.seek(begin)
            check_unpacks(file, header.size_bytes, what, compressed_bytes=packed)
        return
    if not header.is_set("BinaryData", "true"):
        check_holds(found + 1, 2 * math.prod(header.sizes) * header.channels, what)
        return
    check_holds(found, header.size_bytes, what)
