"""Voxels of a compressed NIfTI-1 volume, unpacked once: what proves that the file is whole is what is kept.

ITK would unpack the file a second time, which takes longer than anything else of its reading.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.io.declared_size import check_memory, check_unpacks
from LiverTumorAttentionLib.io.input_checks import not_finite
from LiverTumorAttentionLib.io.nifti_header import NiftiHeader, NotFinite, is_zipped, read_nifti_header

KINDS = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 512: "u2"}
"""Datatypes that ITK hands on as they are stored."""


def unpacked_voxels(path: Path, name: str) -> NDArray[Any] | None:
    """Return the voxels (z, y, x) of a file, as stored; None for one that ITK has to read, which is not unpacked.

    ITK reads what is not compressed, not of three axes, of NIfTI-2, scaled, or of another kind of number.
    Raises `InputError` as `check_nifti_is_whole` does.
    """
    header = read_nifti_header(path, name)
    if not is_zipped(path) or not _as_stored(header):
        return None
    what = f"the {name} '{path}'"
    check_memory(header.size_bytes - header.offset_bytes, what)
    try:
        voxels = np.empty(header.size_bytes - header.offset_bytes, dtype=np.uint8)
    except MemoryError:
        return None
    keep, count = _Kept(voxels, header.offset_bytes), NotFinite(header)

    def visit(content: bytes) -> None:
        keep(content)
        count(content)

    with path.open("rb") as file:
        check_unpacks(file, header.size_bytes, what, visit=visit)
    if count.found:
        raise not_finite(count.found, name)
    stored = voxels.view(np.dtype(header.byte_order + KINDS[header.datatype])).reshape(header.sizes[::-1])
    native = stored.dtype.newbyteorder("=")
    return stored if stored.dtype == native else stored.astype(native)


def _as_stored(header: NiftiHeader) -> bool:
    """Return whether ITK would hand on the values as they are stored."""
    slope, intercept = struct.unpack_from(header.byte_order + "2f", header.head, 112)
    unscaled = slope == 0 or (slope == 1 and intercept == 0)
    return header.version == 1 and len(header.sizes) == 3 and header.datatype in KINDS and unscaled


class _Kept:
    """Writes the pieces of a file into an array, without what lies before and after the voxels."""

    def __init__(self, voxels: NDArray[np.uint8], offset_bytes: int) -> None:
        self._voxels = voxels
        self._at = -offset_bytes

    def __call__(self, content: bytes) -> None:
        first, last = max(0, -self._at), max(0, len(self._voxels) - self._at)
        piece = np.frombuffer(content, dtype=np.uint8)[first:last]
        start = max(0, self._at)
        self._voxels[start : start + len(piece)] = piece
        self._at += len(content)
