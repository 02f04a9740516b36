"""NIfTI-2 files for tests, by the table of nifti2.h."""

from __future__ import annotations

import struct


def as_nifti_2(plain: bytes) -> bytes:
    """Return a NIfTI-1 file of one slope, without extensions, as NIfTI-2."""
    head, dim = bytearray(544), struct.unpack_from("<8h", plain, 40)
    struct.pack_into(
        "<i8s2h8q", head, 0, 540, b"n+2\0\r\n\x1a\n", *struct.unpack_from("<2h", plain, 70), *dim
    )
    struct.pack_into("<8d", head, 104, *struct.unpack_from("<8f", plain, 76))
    struct.pack_into("<q2d", head, 168, 544, *struct.unpack_from("<2f", plain, 112))
    struct.pack_into("<2i", head, 344, *struct.unpack_from("<2h", plain, 252))
    struct.pack_into("<6d", head, 352, *struct.unpack_from("<6f", plain, 256))
    struct.pack_into("<12d", head, 400, *struct.unpack_from("<12f", plain, 280))
    struct.pack_into("<2i", head, 500, plain[123], *struct.unpack_from("<h", plain, 68))
    return bytes(head) + plain[352:]
