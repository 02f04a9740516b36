"""Arrays and messages between a program and the process that holds the network that answers clicks.

A frame is a letter, A for an array and M for a message, the length of what follows as eight bytes, little-endian, and
that: an array in numpy's format without pickles, a message as JSON.
"""

from __future__ import annotations

import io
import json
import struct
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

ARRAY, MESSAGE = b"A", b"M"
MOST_BYTES = 1 << 28
"""Of a frame; the input of a cube has 5 MB."""
_HEAD = struct.Struct("<cQ")


class BrokenStream(Exception):
    """What came is no frame, or ended within one."""


def write_array(stream: IO[bytes], values: NDArray[Any]) -> None:
    """Write an array, its type and shape with it. Raises `OSError` where nobody reads any more."""
    content = io.BytesIO()
    np.save(content, np.ascontiguousarray(values), allow_pickle=False)
    _write(stream, ARRAY, content.getvalue())


def write_message(stream: IO[bytes], **values: str) -> None:
    """Write a message of texts by name. Raises `OSError` where nobody reads any more."""
    _write(stream, MESSAGE, json.dumps(values).encode())


def read_frame(stream: IO[bytes]) -> NDArray[Any] | dict[str, str] | None:
    """Return the next array or message; None at the end of the stream. Raises `BrokenStream`."""
    head = _read(stream, _HEAD.size)
    if not head:
        return None
    if len(head) < _HEAD.size:
        raise BrokenStream("the stream ended within a frame")
    kind, length = _HEAD.unpack(head)
    if kind not in (ARRAY, MESSAGE) or length > MOST_BYTES:
        raise BrokenStream(f"no frame begins with {head!r}")
    content = _read(stream, length)
    if len(content) < length:
        raise BrokenStream("the stream ended within a frame")
    try:
        if kind == ARRAY:
            return np.asarray(np.load(io.BytesIO(content), allow_pickle=False))
        return {str(name): str(value) for name, value in json.loads(content).items()}
    except (ValueError, EOFError, AttributeError) as error:
        raise BrokenStream(f"a frame cannot be read ({error})") from error


def _write(stream: IO[bytes], kind: bytes, content: bytes) -> None:
    stream.write(_HEAD.pack(kind, len(content)) + content)
    stream.flush()


def _read(stream: IO[bytes], length: int) -> bytes:
    """Return that many bytes, or fewer where the stream ends."""
    parts: list[bytes] = []
    while length:
        part = stream.read(length)
        if not part:
            break
        parts.append(part)
        length -= len(part)
    return b"".join(parts)
