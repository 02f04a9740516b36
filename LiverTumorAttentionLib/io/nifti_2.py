"""NIfTI-2 files as NIfTI-1, the form that ITK reads: the same fields, wider numbers, another order.

Format: nifti1.h and nifti2.h of nifti.nimh.nih.gov.
"""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np

from LiverTumorAttentionLib.io.declared_size import CHUNK_BYTES

HEADER_BYTES = 540
MIN_VOX_OFFSET = 544
"""The header, and the four bytes that say whether extensions follow."""
MAGIC = b"n+2\0\r\n\x1a\n"
MAX_LENGTH = 32767
"""Longest axis that the numbers of NIfTI-1 hold."""


def nifti_1_head(head: bytes, order: str) -> bytes:
    """Return the first 352 bytes of a NIfTI-1 file with the fields of a NIfTI-2 header, and no extensions after them.

    head: at least 540 bytes. order: "<" or ">", also that of the result. Raises `ValueError` for axes, codes or units
    that NIfTI-1 cannot hold. Numbers too large for 32 bits become infinite.
    """
    qcode, scode, _, units, intent = struct.unpack_from(order + "2i", head, 344) + struct.unpack_from(
        order + "3i", head, 496
    )
    dim = struct.unpack_from(order + "8q", head, 16)
    if any(abs(length) > MAX_LENGTH for length in dim):
        raise ValueError(f"dimensions {dim}")
    if any(abs(code) > MAX_LENGTH for code in (qcode, scode, intent)) or not 0 <= units <= 255:
        raise ValueError(f"codes {(qcode, scode, intent, units)}")
    small = bytearray(352)
    struct.pack_into(order + "i", small, 0, 348)
    struct.pack_into(order + "8h", small, 40, *dim)
    struct.pack_into(order + "h2s2s", small, 68, intent, *(head[at : at + 2] for at in (12, 14)))
    struct.pack_into("B", small, 123, units)
    struct.pack_into(order + "2h", small, 252, qcode, scode)
    for count, source, target in ((3, 80, 56), (8, 104, 76), (2, 176, 112), (6, 352, 256), (12, 400, 280)):
        values = np.frombuffer(head, order + "f8", count, source)
        with np.errstate(over="ignore", invalid="ignore"):
            small[target : target + 4 * count] = values.astype(order + "f4").tobytes()
    struct.pack_into(order + "f", small, 108, 352.0)
    small[344:348] = b"n+1\0"
    return bytes(small)


def write_as_nifti_1(path: Path, target: Path, *, head: bytes, offset_bytes: int, size_bytes: int) -> None:
    """Write the NIfTI-2 file at `path`, .nii or .nii.gz, as an uncompressed NIfTI-1 file.

    head: what `nifti_1_head` returned. offset_bytes, size_bytes: where its voxels begin and end, unpacked.
    """
    zipped = path.name.lower().endswith(".gz")
    with gzip.open(path) if zipped else path.open("rb") as source, target.open("wb") as file:
        file.write(head)
        source.seek(offset_bytes)
        left = size_bytes - offset_bytes
        while left > 0 and (content := source.read(min(CHUNK_BYTES, left))):
            file.write(content)
            left -= len(content)
