"""Reading of JSON files, with errors for the user."""

from __future__ import annotations

import json
import os
from typing import Any

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.input_checks import existing, readable


def read_json(path: str | os.PathLike[str], name: str) -> Any:
    """Return what a JSON file holds. Raises `InputError` when it is missing or no JSON; NaN is none."""
    place = existing(path, name)
    if place.is_dir():
        raise InputError(f"the {name} '{place}' is a folder: name the file itself")
    with readable(place, name):
        content = place.read_bytes()
    return parse_json(content, f"the {name} '{place}'")


def parse_json(content: bytes | str, what: str) -> Any:
    """Return what a JSON text holds, with or without a byte order mark. what: how to call it in the error.

    Raises `InputError` for text that is no JSON; NaN is none.
    """
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content.removeprefix("\ufeff")
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{what} is no valid JSON ({error}): correct it or choose another") from error


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")
