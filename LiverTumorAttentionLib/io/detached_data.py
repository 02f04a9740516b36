"""Files beside a detached header (`.mhd`, `.nhdr`) that hold its voxels.

A header could name any file of the machine, whose bytes would become a volume: what it names has to lie beside it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.regular_file import unreadable_kind

MAX_FILES = 10_000
_PATTERN = re.compile(r"[^%]*%0?\d?d[^%]*")
_BOUND = re.compile(r"-?\d{1,9}")


def data_files(path: Path, names: str, listed: Sequence[str], name: str) -> list[Path]:
    """Return the files beside the header at `path` that hold its voxels, in order.

    names: a file name, a pattern with its bounds ("ct%03d.raw 1 40 1"), or LIST, then the names in `listed`.
    Raises `InputError` for one that is missing or lies elsewhere, by a path or by a link.
    """
    folders = {path.parent.resolve(), path.resolve().parent}
    files = []
    for text in _named(path, names, listed, name):
        plain = text.removeprefix("./")
        if (
            not plain
            or "/" in plain
            or "\\" in plain
            or plain in (".", "..")
            or ":" in plain
            or "\0" in plain
        ):
            raise _elsewhere(path, text, name)
        file = path.parent / plain
        if not file.exists() or file.is_dir() or unreadable_kind(file):
            kind = "" if not os.path.lexists(file) or file.is_dir() else unreadable_kind(file)
            found = f", but that is a {kind}" if kind else ""
            raise InputError(
                f"the {name} '{path}' needs the file '{_short(plain)}' beside it{found}: copy both together"
            )
        if file.resolve().parent not in folders:
            raise _elsewhere(path, text, name)
        files.append(file)
    return files


def _named(path: Path, names: str, listed: Sequence[str], name: str) -> Sequence[str]:
    unclear = InputError(f"the {name} '{path}' names its files by '{_short(names)}': save it as one file")
    if names.upper().split()[:1] == ["LIST"]:
        if not 0 < len(listed) <= MAX_FILES:
            raise unclear
        return listed
    if "%" not in names:
        return [names]
    pattern, *bounds = names.split()
    if not (
        _PATTERN.fullmatch(pattern)
        and 2 <= len(bounds) <= 4
        and all(_BOUND.fullmatch(bound) for bound in bounds)
    ):
        raise unclear
    first, last, step = (*(int(bound) for bound in bounds[:3]), 1)[:3]
    numbers = range(first, last + 1, max(1, step))
    if not 0 < len(numbers) <= MAX_FILES:
        raise unclear
    return [pattern % number for number in numbers]


def _elsewhere(path: Path, text: str, name: str) -> InputError:
    return InputError(
        f"the {name} '{path}' takes its voxels from '{_short(text)}', which is no file beside it: "
        "put both in one folder and name the file alone, or save it as one file"
    )


def _short(text: str) -> str:
    return text if len(text) <= 120 else text[:120] + "…"
