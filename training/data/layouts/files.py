"""Files of a data set: their names in natural order, names of cases, and JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.case_folder import VOLUME_SUFFIXES, folder, in_order, natural_key, stem
from LiverTumorAttentionLib.json_values import load_json
from LiverTumorAttentionLib.regular_file import reason

__all__ = [
    "VOLUME_SUFFIXES",
    "case_name",
    "folder",
    "in_order",
    "natural_key",
    "read_json",
    "some",
    "stem",
]


def case_name(text: str) -> str:
    """Return `text` as the name of a case: letters, digits, dot, dash and underscore alone."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip(".-")
    if not name:
        raise InputError(f"{text!r} holds no letter or digit that could name a case: rename it")
    return name


def some(names: Iterable[str], most: int = 3) -> str:
    """Return a few names for a message: "a, b, c and 4 more"."""
    listed = list(names)
    text = ", ".join(listed[:most])
    return text if len(listed) <= most else f"{text} and {len(listed) - most} more"


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file. Raises `InputError` when it is missing, damaged or no object."""
    try:
        values = load_json(path)
    except FileNotFoundError as error:
        raise InputError(f"'{path}' is missing: give the folder that holds it") from error
    except (OSError, ValueError) as error:
        raise InputError(f"'{path}' cannot be read ({reason(error)}): correct it or copy it again") from error
    if not isinstance(values, dict):
        raise InputError(f"'{path}' holds no JSON object: correct it or copy it again")
    return values
