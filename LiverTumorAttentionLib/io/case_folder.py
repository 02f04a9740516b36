"""A folder of cases, one folder a case, each named by what it holds.

    CASE/portal.*      a volume file, or a folder portal/ with a DICOM series
    CASE/arterial.*    likewise; delayed and native too; may be missing

`liver-tumor-attention phantom` writes folders of this kind, and `python -m training` reads them (layout "plain").
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.atomic_write import full_suffix

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


def stem(path: Path) -> str:
    """Return the name of a file without its ending, double endings such as .nii.gz included."""
    return path.name[: len(path.name) - len(full_suffix(path))]


def folder(path: Path, what: str) -> Path:
    """Return `path`; raise `InputError` when it is no folder. what: how to call it in the message."""
    if not path.is_dir():
        kind = "is a file, not a folder" if path.exists() else "does not exist"
        raise InputError(f"the {what} '{path}' {kind}: check the path")
    return path


def case_places(data: Path) -> list[Path]:
    """Return the folders in a folder of cases, in the order of their names. Raises `InputError`."""
    return [path for path in in_order(folder(data, "folder of cases").iterdir()) if path.is_dir()]


def no_case(data: Path) -> InputError:
    """Return the error for a folder that holds no case."""
    return InputError(
        f"no folder in '{data}' holds portal.nii.gz (or .nii, .nrrd, .mha, or a folder portal with DICOM files): "
        "give the folder that holds one folder a case"
    )


def find_in_case(place: Path, name: str, suffixes: tuple[str, ...] = VOLUME_SUFFIXES) -> Path | None:
    """Return the file or folder of a case that is called `name`; None without one, `InputError` for more than one."""
    found = [path for path in place.glob(f"{name}*") if _is_called(path, name, suffixes)]
    if len(found) > 1:
        raise InputError(f"'{found[0]}' and '{found[1].name}' may both be meant: remove one")
    return found[0] if found else None


def _is_called(path: Path, name: str, suffixes: tuple[str, ...]) -> bool:
    if path.is_dir():
        return path.name == name
    return stem(path) == name and full_suffix(path) in suffixes
