"""Headers of PNG and JPEG pictures, whose sizes are held against the file before ITK allocates them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.declared_size import check_memory, truncated
from LiverTumorAttentionLib.wording import size_in_words

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
JPEG_SIGNATURE = b"\xff\xd8"
PNG_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
"""Of each color type; a palette becomes red, green and blue."""
HEAD_BYTES = 2**20
"""A JPEG's size may stand behind a color profile and a small picture."""
FREE_BYTES = 16 * 2**20
"""So much may any compressed picture unpack to: an empty slice compresses to next to nothing."""
MAX_RATIO = 1000
"""How much more than its bytes a larger picture may unpack to."""
_SIZE_MARKERS = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC} | {0xF7}
"""JPEG's start of frame, and that of JPEG-LS."""


def check_picture(path: Path, name: str) -> None:
    """Raise `InputError` for what is no PNG or JPEG, or declares more pixels than it or this machine can hold."""
    what = f"the {name} '{path}'"
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head:
        raise InputError(f"{what} is an empty file: copy or export it again")
    if head.startswith(PNG_SIGNATURE) and head[12:16] == b"IHDR" and len(head) > 25:
        columns, rows, bits, color = struct.unpack_from(">2I2B", head, 16)
        declared = rows * columns * PNG_CHANNELS.get(color, 4) * max(1, bits // 8)
    elif head.startswith(JPEG_SIGNATURE):
        size = next(jpeg_size(head), None)
        if size is None:
            raise truncated(what, "its size is missing")
        rows, columns, samples = size
        declared = rows * columns * samples
    else:
        raise InputError(
            f"{what} is not a PNG or JPEG picture, or a damaged one: choose another or export it again"
        )
    if not rows or not columns:
        raise InputError(f"{what} has {rows} x {columns} pixels: export it again")
    found = path.stat().st_size
    if declared > max(FREE_BYTES, MAX_RATIO * found):
        raise truncated(what, f"{size_in_words(declared)} of pixels are announced by {size_in_words(found)}")
    check_memory(declared, what)


def jpeg_size(stream: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield rows, columns and samples of a JPEG or JPEG-LS stream where its head gives them."""
    place = 2
    while place + 10 <= len(stream) and stream[place] == 0xFF:
        marker = stream[place + 1]
        if marker == 0xFF:
            place += 1
        elif marker in _SIZE_MARKERS:
            rows, columns, samples = struct.unpack_from(">2HB", stream, place + 5)
            yield rows, columns, samples
            return
        else:
            place += 2 + struct.unpack_from(">H", stream, place + 2)[0]
