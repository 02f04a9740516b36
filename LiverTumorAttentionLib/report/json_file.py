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
    try:
        return json.loads(content.decode("utf-8-sig"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"the {name} '{place}' is no valid JSON ({error}): correct it or choose another"
        ) from error


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")
