"""Damage that knows nothing of the format: flipped bits, cuts, insertions, repeats."""

from __future__ import annotations

import numpy as np

NASTY_BYTES = (
    b"\0",
    b"\xff" * 4,
    b"\0" * 64,
    b"\x80\0\0\0",
    b"\x7f\xff\xff\xff",
    b"\r\n",
    b"\n",
    b"%s%n",
    b"\xed\xa0\x80",
    b"9" * 400,
    b"nan",
    b"-1",
    b"1e999",
    b"../",
    b"\xef\xbb\xbf",
)
LONGEST_REPEAT = 4096


def damage(content: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
    """Return the content after one to three changes, and what they are."""
    told = []
    for _ in range(int(rng.integers(1, 4))):
        change = CHANGES[int(rng.integers(len(CHANGES)))]
        content = change(content, rng)
        told.append(change.__name__)
    return content, "+".join(told)


def _place(content: bytes, rng: np.random.Generator) -> int:
    """Return a place in the content, half of the time in its first 512 bytes, where headers are."""
    end = min(len(content), 512) if rng.random() < 0.5 else len(content)
    return int(rng.integers(end + 1))


def flip_bits(content: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 9))):
        place = _place(content, rng)
        if place < len(changed):
            changed[place] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def overwrite(content: bytes, rng: np.random.Generator) -> bytes:
    place, nasty = _place(content, rng), NASTY_BYTES[int(rng.integers(len(NASTY_BYTES)))]
    return content[:place] + nasty + content[place + len(nasty) :]


def insert(content: bytes, rng: np.random.Generator) -> bytes:
    place, nasty = _place(content, rng), NASTY_BYTES[int(rng.integers(len(NASTY_BYTES)))]
    return content[:place] + nasty + content[place:]


def cut_end(content: bytes, rng: np.random.Generator) -> bytes:
    return content[: _place(content, rng)]


def cut_piece(content: bytes, rng: np.random.Generator) -> bytes:
    first, last = sorted((_place(content, rng), _place(content, rng)))
    return content[:first] + content[last:]


def repeat_piece(content: bytes, rng: np.random.Generator) -> bytes:
    place = _place(content, rng)
    piece = content[place : place + int(rng.integers(1, 65))]
    return (
        content[:place]
        + piece * int(rng.integers(2, LONGEST_REPEAT // max(1, len(piece)) + 3))
        + content[place:]
    )


def append(content: bytes, rng: np.random.Generator) -> bytes:
    return content + rng.bytes(int(rng.integers(1, 200)))


CHANGES = (flip_bits, flip_bits, overwrite, insert, cut_end, cut_piece, repeat_piece, append)
