"""Header of a NIfTI-1 or NIfTI-2 file, read before ITK, which reads a truncated file as if the missing part were zero.

Format: nifti1.h and nifti2.h of nifti.nimh.nih.gov.
"""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import nifti_2
from LiverTumorAttentionLib.io.declared_size import (
    CHUNK_BYTES,
    check_holds,
    check_memory,
    check_unpacks,
    truncated,
)
from LiverTumorAttentionLib.io.input_checks import check_axes, check_spacing, not_finite, not_scalar
from LiverTumorAttentionLib.io.nifti_geometry import check_placement

BITS = {
    2: 8,
    4: 16,
    8: 32,
    16: 32,
    32: 64,
    64: 64,
    128: 24,
    256: 8,
    512: 16,
    768: 32,
    1024: 64,
    1280: 64,
    1792: 128,
    2304: 32,
}
"""Bits a voxel of each datatype; those of one bit, and of 128 bits a number, are not read."""
RGB = (128, 2304)
COMPLEX = (32, 1792)
FLOATS = {16: "f4", 64: "f8"}
MIN_VOX_OFFSET = 352
"""Header of a single-file NIfTI-1 and the four bytes that say whether extensions follow."""
MAX_VOX_OFFSET = 64 * 2**20
"""Room for any extensions."""
HEAD_BYTES = 544


@dataclass(frozen=True, kw_only=True)
class NiftiHeader:
    """Fields of a NIfTI header.

    version: 1 or 2. sizes: one length an axis. offset_bytes: where the voxels begin; size_bytes: of the whole file.
    byte_order: "<" little or ">" big endian. head: its bytes, those of a NIfTI-2 file in the form of NIfTI-1.
    """

    version: int
    head: bytes
    sizes: tuple[int, ...]
    spacing: tuple[float, ...]
    datatype: int
    offset_bytes: int
    size_bytes: int
    byte_order: str


def check_nifti(path: Path, name: str) -> None:
    """Raise `InputError` unless `path` is a NIfTI file of one scalar volume with positive voxel sizes."""
    header = read_nifti_header(path, name)
    check_spacing(header.spacing[:3], path, name)
    if len(header.sizes) >= 3:
        check_placement(header.head, header.byte_order, header.sizes, f"the {name} '{path}'")
    if header.datatype in RGB or math.prod(header.sizes[4:]) > 1:
        raise not_scalar(path, name)
    if header.datatype in COMPLEX:
        raise InputError(f"the {name} '{path}' holds complex numbers: choose a CT volume in HU")
    check_axes(header.sizes, path, name)


def check_nifti_is_whole(path: Path, name: str) -> None:
    """Raise `InputError` when a NIfTI file holds fewer bytes than its header announces, NaN or infinity.

    A compressed file is unpacked to its end, which also proves its checksum. ITK replaces what is not finite by 0
    without a word, and 0 HU is tissue.
    """
    what = f"the {name} '{path}'"
    header = read_nifti_header(path, name)
    check_memory(header.size_bytes - header.offset_bytes, what)
    count = NotFinite(header)
    with path.open("rb") as file:
        if is_zipped(path):
            check_unpacks(file, header.size_bytes, what, visit=count)
        else:
            check_holds(path.stat().st_size, header.size_bytes, what)
            while count.kind is not None and (content := file.read(CHUNK_BYTES)):
                count(content)
    if count.found:
        raise not_finite(count.found, name)


class NotFinite:
    """Counts the voxels that are not finite in the pieces of a file; nothing in one of whole numbers."""

    def __init__(self, header: NiftiHeader) -> None:
        code = FLOATS.get(header.datatype)
        self.kind = None if code is None else np.dtype(header.byte_order + code)
        self.found = 0
        self._skip = header.offset_bytes
        self._left = header.size_bytes - header.offset_bytes
        self._rest = b""

    def __call__(self, content: bytes) -> None:
        if self.kind is None:
            return
        skipped = min(self._skip, len(content))
        self._skip -= skipped
        voxels = content[skipped : skipped + self._left]
        self._left -= len(voxels)
        voxels = self._rest + voxels
        whole = len(voxels) // self.kind.itemsize * self.kind.itemsize
        self._rest = voxels[whole:]
        values = np.frombuffer(voxels[:whole], dtype=self.kind)
        self.found += int(values.size - np.count_nonzero(np.isfinite(values)))


def read_nifti_header(path: Path, name: str) -> NiftiHeader:
    """Return the header of the NIfTI file at `path`; raise `InputError` for one that no voxels can follow."""
    what = f"the {name} '{path}'"
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if is_zipped(path):
        if head[:2] != b"\x1f\x8b":
            raise InputError(
                f"{what} is not a gzip file or a damaged one, though named .nii.gz: export it again"
            )
        head = _unpacked_head(path, what)
    return _header(head, what)


def is_zipped(path: Path) -> bool:
    """Return whether a file is compressed, by its name."""
    return path.name.lower().endswith(".gz")


def _unpacked_head(path: Path, what: str) -> bytes:
    stream = zlib.decompressobj(31)
    head = b""
    try:
        with path.open("rb") as file:
            while len(head) < HEAD_BYTES and not stream.eof and (packed := file.read(4096)):
                head += stream.decompress(packed, HEAD_BYTES - len(head))
    except zlib.error as error:
        raise truncated(what, "the compressed data break off or are damaged") from error
    if len(head) < HEAD_BYTES and not stream.eof:
        raise truncated(what, "the compressed data break off or are damaged")
    return head


def _header(head: bytes, what: str) -> NiftiHeader:
    order = next(
        (o for o in "<>" if head[:4] in (struct.pack(o + "i", 348), struct.pack(o + "i", 540))), None
    )
    if order is None or len(head) < struct.unpack_from(order + "i", head)[0]:
        raise InputError(f"{what} is not a NIfTI file: choose another file or export it again")
    version = 2 if struct.unpack_from(order + "i", head)[0] == nifti_2.HEADER_BYTES else 1
    least, offset = MIN_VOX_OFFSET, 0.0
    if version == 2:
        if head[4:7] != nifti_2.MAGIC[:3]:
            raise _not_one_file(what)
        if head[4:12] != nifti_2.MAGIC:
            raise InputError(
                f"{what} was altered on its way, as a transfer that changes the ends of lines does: copy it again"
            )
        least, (offset,) = nifti_2.MIN_VOX_OFFSET, struct.unpack_from(order + "q", head, 168)
        try:
            head = nifti_2.nifti_1_head(head, order)
        except ValueError as error:
            raise InputError(f"{what} has a damaged NIfTI header ({error}): export it again") from error
    if head[344:348] != b"n+1\0":
        raise _not_one_file(what)
    dim = struct.unpack_from(order + "8h", head, 40)
    datatype, bits = struct.unpack_from(order + "2h", head, 70)
    pixdim = struct.unpack_from(order + "8f", head, 76)
    offset_1, *scale = struct.unpack_from(order + "3f", head, 108)
    offset = offset if version == 2 else offset_1
    if not least <= offset <= MAX_VOX_OFFSET or offset % 1:
        raise InputError(
            f"{what} says that its voxels begin at byte {offset:g} (vox_offset), inside its header "
            f"of {least} bytes or nowhere: export it again, or correct vox_offset"
        )
    sizes = tuple(dim[1 : dim[0] + 1]) if 1 <= dim[0] <= 7 else ()
    if not sizes or min(sizes) < 1:
        raise InputError(f"{what} has a damaged NIfTI header (dimensions {dim}): export it again")
    if datatype not in BITS:
        raise InputError(
            f"{what} has voxels of the NIfTI data type {datatype}, which is not read: "
            "save it as int16 or float32"
        )
    if bits != BITS[datatype]:
        raise InputError(
            f"{what} says that a voxel has {bits} bits (bitpix), where its data type {datatype} has "
            f"{BITS[datatype]}: export it again, or correct bitpix"
        )
    if not all(math.isfinite(value) for value in scale):
        raise InputError(
            f"{what} scales its values by {scale[0]:g} and adds {scale[1]:g} (scl_slope, scl_inter), which are no "
            "numbers: export it again, or set them to 1 and 0 if its values are right as stored"
        )
    return NiftiHeader(
        version=version,
        head=head,
        sizes=sizes,
        spacing=tuple(pixdim[1 : 1 + len(sizes)]),
        datatype=datatype,
        offset_bytes=int(offset),
        byte_order=order,
        size_bytes=int(offset) + math.prod(sizes) * bits // 8,
    )


def _not_one_file(what: str) -> InputError:
    return InputError(
        f"{what} is the header of a pair (.hdr and .img) or an Analyze file: save it as one .nii.gz"
    )
