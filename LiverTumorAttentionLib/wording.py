"""Wording of messages."""

from __future__ import annotations


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun, such as "1 file" and "3 files"; many: another plural than `one` with an s."""
    return f"{number} {one if number == 1 else many or one + 's'}"
