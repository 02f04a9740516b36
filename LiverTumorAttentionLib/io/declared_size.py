"""Whether a file can hold what its header declares, and this machine, asked before a reader allocates it."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from typing import BinaryIO

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.memory import memory_limit_bytes
from LiverTumorAttentionLib.wording import size_in_words

CHUNK_BYTES = 4 * 2**20
SLACK_BYTES = 64 * 2**20
"""How much more than declared a compressed file may unpack to; a bomb unpacks to any amount."""
COPIES = 2
"""The voxels are in memory as they are stored, and once more as int16 or float32."""
PACKED_CHUNK_BYTES = 64 * 2**10
MAX_MEMBERS = 100_000
"""Of a gzip file; each may be empty, and takes time all the same."""
_GZIP = b"\x1f\x8b"
_ANY_FRAMING = 47
"""zlib's window bits for a gzip or a zlib stream, whichever it is."""


def check_memory(declared_bytes: int, what: str) -> None:
    """Raise `InputError` when this machine cannot hold that many bytes of voxels. what: the file, in words."""
    limit = memory_limit_bytes()
    if limit is not None and COPIES * declared_bytes > limit:
        raise InputError(
            f"{what} says that it holds {size_in_words(declared_bytes)} of voxels, more than the memory of this "
            f"machine can take ({size_in_words(max(0, limit))}): crop it, use a larger machine, or export it again"
        )


def check_holds(found_bytes: int, declared_bytes: int, what: str) -> None:
    """Raise `InputError` when fewer bytes are there than a header declares. what: the file, in words."""
    if found_bytes < declared_bytes:
        raise truncated(what, f"{declared_bytes} bytes are announced, {found_bytes} are there")


def truncated(what: str, detail: str) -> InputError:
    """Return the error for a file that breaks off."""
    return InputError(f"{what} is cut short ({detail}): copy or download it again")


def check_unpacks(
    file: BinaryIO,
    declared_bytes: int,
    what: str,
    *,
    compressed_bytes: int | None = None,
    visit: Callable[[bytes], None] = lambda content: None,
) -> int:
    """Return how many bytes a gzip or zlib stream holds, having unpacked it in small pieces.

    file: at the start of the stream. compressed_bytes: its length; None is to the end of the file.
    visit: called with each piece. Raises `InputError` when the stream breaks off, is damaged, or holds fewer bytes than
    declared or far more.
    """
    total, members = 0, 1
    left = math.inf if compressed_bytes is None else compressed_bytes

    def packed(count: int) -> bytes:
        nonlocal left
        content = file.read(int(min(left, count)))
        left -= len(content)
        return content

    stream = zlib.decompressobj(_ANY_FRAMING)
    pending = b""
    try:
        while not stream.eof:
            pending = pending or packed(PACKED_CHUNK_BYTES)
            if not pending:
                raise truncated(what, "the compressed data break off or are damaged")
            piece = stream.decompress(pending, CHUNK_BYTES)
            pending = stream.unconsumed_tail
            total += len(piece)
            if total > declared_bytes + SLACK_BYTES or members > MAX_MEMBERS:
                raise InputError(
                    f"{what} unpacks to far more than the {size_in_words(declared_bytes)} that its header declares: "
                    "export it again"
                )
            visit(piece)
            if stream.eof:
                rest = stream.unused_data
                rest += packed(max(0, len(_GZIP) - len(rest)))
                if rest.startswith(_GZIP):  # another member follows, which is read on
                    stream, pending, members = zlib.decompressobj(_ANY_FRAMING), rest, members + 1
    except zlib.error as error:
        raise truncated(what, "the compressed data break off or are damaged") from error
    check_holds(total, declared_bytes, what)
    return total
