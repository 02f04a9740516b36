"""Files of a data set: their names in natural order, names of cases, and JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.atomic_write import full_suffix
from LiverTumorAttentionLib.json_values import load_json
from LiverTumorAttentionLib.regular_file import reason

VOLUME_SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".mha", ".mhd")
"""Endings that `read_volume` can read."""


def natural_key(text: str) -> list[tuple[int, str]]:
    """Return a sort key that puts "image_2" before "image_10"."""
    # Not \d, which takes more digits than int does; and no number is longer than the name of a file.
    parts = re.split(r"([0-9]+)", text)
    return [(int(part), "") if index % 2 else (0, part.lower()) for index, part in enumerate(parts)]


def in_order(paths: Iterable[Path]) -> list[Path]:
    """Return paths sorted by their names, numbers in them by their size; hidden files are left out."""
    seen = (path for path in paths if not path.name.startswith("."))
    return sorted(seen, key=lambda path: natural_key(path.name))


def case_name(text: str) -> str:
    """Return `text` as the name of a case: letters, digits, dot, dash and underscore alone."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip(".-")
    if not name:
        raise InputError(f"{text!r} holds no letter or digit that could name a case: rename it")
    return name


def stem(path: Path) -> str:
    """Return the name of a file without its ending, double endings such as .nii.gz included."""
    return path.name[: len(path.name) - len(full_suffix(path))]


def folder(path: Path, what: str) -> Path:
    """Return `path`; raise `InputError` when it is no folder. what: how to call it in the message."""
    if not path.is_dir():
        kind = "is a file, not a folder" if path.exists() else "does not exist"
        raise InputError(f"the {what} '{path}' {kind}: check the path")
    return path


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
