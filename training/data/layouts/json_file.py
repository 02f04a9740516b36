"""JSON that somebody else wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib.errors import InputError


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file. Raises `InputError` when it is missing, damaged or no object."""
    try:
        values = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise InputError(f"'{path}' is missing: give the folder that holds it") from error
    except (OSError, ValueError) as error:
        raise InputError(f"'{path}' cannot be read ({error}): correct it or copy it again") from error
    if not isinstance(values, dict):
        raise InputError(f"'{path}' holds no JSON object: correct it or copy it again")
    return values
