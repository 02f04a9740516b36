"""JSON without what no program means: nesting without end, numbers that no computer word holds, NaN, a key twice."""

from __future__ import annotations

import json
import math
import os
from typing import Any

from LiverTumorAttentionLib.config_parsing import MOST_DIGITS, shown
from LiverTumorAttentionLib.regular_file import MIB, read_regular

MOST_BYTES = 32 * MIB
"""Of a JSON file; the largest that this program writes, manifests and logs of corrections, stay far below."""


def load_json(path: str | os.PathLike[str], *, most_bytes: int = MOST_BYTES) -> Any:
    """Return what a JSON file holds, for callers with words of their own.

    Raises `OSError` for what is no regular file or larger than `most_bytes`, and `ValueError` for what is no JSON.
    """
    return json_values(read_regular(path, most_bytes=most_bytes))


def json_values(content: bytes | str) -> Any:
    """Return what a JSON text holds, with or without a byte order mark. Raises `ValueError` alone."""
    if isinstance(content, bytes) and content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ValueError("it is in UTF-16, as some editors and shells write it, and has to be saved as UTF-8")
    text = content.decode("utf-8-sig") if isinstance(content, bytes) else content.removeprefix("\ufeff")
    try:
        return json.loads(
            text, parse_constant=_refuse, parse_int=_whole, parse_float=_finite, object_pairs_hook=_object
        )
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; of a key that is given twice, Python would keep the last value without a word."""
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{shown(twice)} is given twice")
    return values


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _whole(digits: str) -> int:
    if len(digits.lstrip("-")) > MOST_DIGITS:
        raise ValueError(
            f"a whole number has {len(digits)} digits, at most {MOST_DIGITS} are read: {shown(digits)}"
        )
    return int(digits)


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"the number {shown(digits)} is larger than any that can be computed with")
    return value
