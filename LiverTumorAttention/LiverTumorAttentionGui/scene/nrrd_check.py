"""Whether a NRRD file is whole. Slicer's own reader ends the application on one that is not."""

from __future__ import annotations

import math
import zlib
from pathlib import Path
from typing import BinaryIO

from LiverTumorAttentionGui.errors import PanelError

_BYTES = {
    "uint8": 1,
    "unsigned char": 1,
    "uint16": 2,
    "unsigned short": 2,
    "ushort": 2,
    "short": 2,
    "int16": 2,
    "signed char": 1,
    "int": 4,
    "unsigned int": 4,
    "float": 4,
    "long long int": 8,
    "unsigned long long int": 8,
    "double": 8,
}
_FIELDS = ("type", "dimension", "sizes", "space directions", "space origin", "kinds", "encoding")
_CHUNK = 1 << 20


def check_intact(path: Path, what: str, fields: tuple[str, ...] = ()) -> None:
    """Raise `PanelError` unless the file is a NRRD with all of its voxels.

    what: the user's word for it. fields: what its header must have besides that of every NRRD.
    """
    if not path.is_file():
        raise PanelError(f"The computation left no {what} behind: please report this.")
    try:
        with path.open("rb") as file:
            header = _header(file, fields)
            expected = math.prod(int(size) for size in header["sizes"].split()) * _BYTES[header["type"]]
            found = _data_length(file, header["encoding"])
    except (ValueError, KeyError, OSError, zlib.error, EOFError) as error:
        raise PanelError(f"The {what} that was computed cannot be read: please report this.") from error
    if found != expected:
        raise PanelError(
            f"The {what} that was computed is damaged (it holds {found} of {expected} bytes): try again."
        )


def _header(file: BinaryIO, also: tuple[str, ...]) -> dict[str, str]:
    """Read the header up to its empty line; return its fields. Raises `ValueError` when one is missing."""
    if not file.readline(16).startswith(b"NRRD"):
        raise ValueError("not a NRRD file")
    fields: dict[str, str] = {}
    while line := file.readline().strip():
        name, separator, value = line.decode("utf-8", errors="replace").partition(":")
        if separator:
            fields[name] = value.lstrip("=").strip()
    missing = [name for name in (*_FIELDS, *also) if name not in fields]
    if missing:
        raise ValueError(f"no {missing[0]}")
    return fields


def _data_length(file: BinaryIO, encoding: str) -> int:
    """Return the number of bytes of voxels that follow the header."""
    if encoding == "raw":
        return sum(len(chunk) for chunk in iter(lambda: file.read(_CHUNK), b""))
    if encoding not in ("gzip", "gz"):
        raise ValueError(f"encoding {encoding}")
    stream = zlib.decompressobj(wbits=31)
    length = 0
    while chunk := file.read(_CHUNK):
        length += len(stream.decompress(chunk))
    return length + len(stream.flush())
