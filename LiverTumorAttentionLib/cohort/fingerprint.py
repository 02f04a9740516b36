"""Fingerprints of what a case was computed from: the content of its inputs, the settings and the model.

Content is read once. A file whose size and time of change are as they were is taken as unchanged, as git and make do;
any other is read again, and the same content is the same case.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.atomic_write import full_suffix
from LiverTumorAttentionLib.io.data_files import files_below
from LiverTumorAttentionLib.pipeline.worklist import INPUT_TEXTS
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.regular_file import open_regular, reason

_CHUNK_BYTES = 1 << 22
_DETACHED = (".mhd", ".nhdr")
_HEADER_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class InputFile:
    """A file that a case reads. label: the job's field and, in a folder, the path below it. sha256: of its content."""

    label: str
    size: int
    mtime_ns: int
    sha256: str

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return asdict(self)


def input_paths(inputs: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    """Yield the files that a case reads, each with its label. Raises `InputError` for what is not there."""
    for field, value in sorted(inputs.items()):
        if field in INPUT_TEXTS:
            continue
        path = Path(value)
        try:
            if path.is_dir():
                for file in files_below(path)[0]:
                    yield f"{field}/{file.relative_to(path).as_posix()}", file
                continue
            yield field, path
            if full_suffix(path) in _DETACHED:
                yield from ((f"{field}/{file.name}", file) for file in _beside(path))
        except OSError as error:
            raise _unreadable(path, error) from error


def read_files(inputs: Mapping[str, str], progress: Progress) -> list[InputFile]:
    """Return the files of a case with their checksums. Raises `InputError` and `Cancelled`."""
    paths = list(input_paths(inputs))
    found = []
    for number, (label, path) in enumerate(paths):
        progress.update(number / len(paths), "checksums")
        digest = hashlib.sha256()
        try:
            with open_regular(path) as file:
                status = os.fstat(file.fileno())
                while chunk := file.read(_CHUNK_BYTES):
                    digest.update(chunk)
        except OSError as error:
            raise _unreadable(path, error) from error
        found.append(
            InputFile(
                label=label, size=status.st_size, mtime_ns=status.st_mtime_ns, sha256=digest.hexdigest()
            )
        )
    return found


def look_unchanged(inputs: Mapping[str, str], files: Sequence[InputFile]) -> bool:
    """Return whether the files of a case are the same by label, size and time of change; nothing is read."""
    known = {file.label: (file.size, file.mtime_ns) for file in files}
    try:
        found = {label: path.stat() for label, path in input_paths(inputs)}
    except (OSError, InputError):
        return False
    return {label: (status.st_size, status.st_mtime_ns) for label, status in found.items()} == known


def fingerprint(inputs: Mapping[str, str], files: Sequence[InputFile], settings: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what a case is computed from. Where its files lie is not part of it."""
    values = {
        "files": {file.label: file.sha256 for file in files},
        "texts": {field: value for field, value in inputs.items() if field in INPUT_TEXTS},
        "settings": settings,
    }
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _beside(header: Path) -> list[Path]:
    """Return the files beside a detached header that it may name."""
    with open_regular(header) as file:
        head = file.read(_HEADER_BYTES)
    return [
        path
        for path in sorted(header.parent.iterdir())
        if path != header and path.is_file() and (b"%" in head or os.fsencode(path.name) in head)
    ]


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(f"the input '{path}' cannot be read ({reason(error).lower()}): check the path")
