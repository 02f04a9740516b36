"""Wording of messages."""

from __future__ import annotations


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun, such as "1 file" and "3 files"; many: another plural than `one` with an s."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def size_in_words(count: int) -> str:
    """Return a number of bytes such as "6.4 GB"."""
    for unit, scale in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= scale:
            return f"{count / scale:.3g} {unit}" if count < 10**15 else f"{count / scale:.1e} {unit}"
    return f"{count} bytes"
