"""Pictures as text that a page can hold: PNG in a data URI.

Source: W3C, Portable Network Graphics (third edition): signature, then chunks of length, name, content and CRC.
"""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOUR_TYPES = {1: 0, 3: 2, 4: 6}
"""Grey, red green blue, and these with opacity, by the number of values a pixel."""
FILTER_UP = 2
"""Each row less the one above it: pictures of tissue take a third less room than as they are."""
LEVEL = 6


def png_bytes(picture: NDArray[np.uint8]) -> bytes:
    """Return a picture (rows, columns) or (rows, columns, 1, 3 or 4) of 8 bits as PNG."""
    rows = picture.reshape(picture.shape[0], -1)
    values = 1 if picture.ndim == 2 else picture.shape[2]
    above = np.concatenate([np.zeros((1, rows.shape[1]), np.uint8), rows[:-1]])
    filtered = np.empty((rows.shape[0], rows.shape[1] + 1), np.uint8)
    filtered[:, 0] = FILTER_UP
    filtered[:, 1:] = rows - above
    head = struct.pack(">IIBBBBB", picture.shape[1], picture.shape[0], 8, COLOUR_TYPES[values], 0, 0, 0)
    content = zlib.compress(filtered.tobytes(), LEVEL)
    return SIGNATURE + _chunk(b"IHDR", head) + _chunk(b"IDAT", content) + _chunk(b"IEND", b"")


def data_uri(picture: NDArray[np.uint8]) -> str:
    """Return a picture as the address that holds it itself."""
    return "data:image/png;base64," + base64.b64encode(png_bytes(picture)).decode("ascii")


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
