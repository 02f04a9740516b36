"""NRRD headers: read for their custom fields, and written by hand where ITK cannot.

Format: http://teem.sourceforge.net/nrrd/format.html. ITK reads the voxels of every NRRD well, but drops
the order of key/value pairs and cannot write the four-dimensional layout of a Slicer segmentation.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError

MAX_HEADER_BYTES = 16 * 2**20
_TYPES = {"uint8": "unsigned char", "uint16": "unsigned short", "int16": "short", "float32": "float"}


@dataclass(frozen=True, kw_only=True)
class NrrdHeader:
    """The head of a NRRD file.

    fields: ``field: value`` lines, names in lower case.
    pairs: ``key:=value`` lines, escapes resolved.
    """

    fields: Mapping[str, str]
    pairs: Mapping[str, str]


def read_nrrd_header(path: str | os.PathLike[str], name: str = "volume") -> NrrdHeader:
    """Read the header of the NRRD file at `path`. Raises `InputError` when it is not a NRRD file."""
    fields: dict[str, str] = {}
    pairs: dict[str, str] = {}
    with open(path, "rb") as file:
        if not file.readline(64).startswith(b"NRRD"):
            raise InputError(f"the {name} '{path}' is not a NRRD file: choose another file")
        while file.tell() < MAX_HEADER_BYTES:
            line = file.readline(MAX_HEADER_BYTES).rstrip(b"\r\n").decode("utf-8", errors="replace")
            if not line:
                break
            if line.startswith("#"):
                continue
            key, pair, value = line.partition(":=")
            if pair and ": " not in key:
                pairs[_unescape(key)] = _unescape(value)
            else:
                key, _, value = line.partition(":")
                fields[key.strip().lower()] = value.strip()
    return NrrdHeader(fields=fields, pairs=pairs)


def write_layers(
    path: str | os.PathLike[str], layers: np.ndarray, geometry: sitk.Image, pairs: Mapping[str, str]
) -> None:
    """Write label layers as one gzip-encoded NRRD in LPS space.

    layers: (layers, z, y, x); one layer is written as a three-dimensional file, as Slicer does.
    geometry: an image of size (x, y, z) that gives origin, spacing and direction.
    """
    count = layers.shape[0]
    spacing = np.asarray(geometry.GetSpacing())
    columns = np.asarray(geometry.GetDirection()).reshape(3, 3) * spacing
    axes = " ".join(_vector(columns[:, axis]) for axis in range(3))
    sizes = " ".join(str(length) for length in geometry.GetSize())
    four = count > 1
    # The layer axis is the fastest one in Slicer's files: (z, y, x, layer) in C order.
    voxels = np.ascontiguousarray(np.moveaxis(layers, 0, -1) if four else layers[0])
    header = [
        "NRRD0004",
        f"type: {_TYPES[voxels.dtype.name]}",
        f"dimension: {4 if four else 3}",
        "space: left-posterior-superior",
        f"sizes: {f'{count} ' if four else ''}{sizes}",
        f"space directions: {'none ' if four else ''}{axes}",
        f"kinds: {'list ' if four else ''}domain domain domain",
        *(["endian: little"] if voxels.dtype.itemsize > 1 else []),
        "encoding: gzip",
        f"space origin: {_vector(np.asarray(geometry.GetOrigin()))}",
        *(f"{_escape(key)}:={_escape(value)}" for key, value in pairs.items()),
    ]
    little = voxels.astype(voxels.dtype.newbyteorder("<"), copy=False)
    compressor = zlib.compressobj(6, zlib.DEFLATED, 31)  # 31: gzip framing without a time stamp
    with Path(path).open("wb") as file:
        file.write(("\n".join(header) + "\n\n").encode("utf-8"))
        for plane in little:
            file.write(compressor.compress(plane.tobytes()))
        file.write(compressor.flush())


def _vector(values: np.ndarray) -> str:
    return "(" + ",".join(f"{float(value):.17g}" for value in values) + ")"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _unescape(text: str) -> str:
    return text.replace("\\\\", "\0").replace("\\n", "\n").replace("\0", "\\")
