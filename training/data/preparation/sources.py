"""The source files of a case: change detection by checksum, and their record in the manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import full_suffix
from LiverTumorAttentionLib.io.data_files import files_below
from training.data.case import Crop, LabelFile, Picture, SourceCase
from training.data.preparation.plan import Preparation

DETACHED = (".mhd", ".nhdr")
"""Headers whose voxels lie in another file of the same name."""
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """A file, or a folder with all its files, as it was when a case was made from it."""

    path: str
    stamp: str
    """Says size and time of change; while it stays the same the content is not read again."""
    sha256: str
    """Of the content."""


def used_files(case: SourceCase, preparation: Preparation) -> dict[str, Path]:
    """Return the files that a prepared case depends on, by what they are."""
    files = {"portal": case.portal}
    files.update({f"labels {number}": label.path for number, label in enumerate(case.labels)})
    if preparation.two_phase and case.arterial is not None:
        files["arterial"] = case.arterial
        if preparation.registration.startswith("known") and case.displacement is not None:
            files["displacement"] = case.displacement
    return files


def looked_at(path: Path, known: SourceFile | None = None) -> SourceFile:
    """Return a file as it is now; its content is read only where it may have changed since `known`.

    Raises `InputError` when it is not there or cannot be read.
    """
    try:
        stamp = _stamp(path)
        if known is not None and known.stamp == stamp:
            return SourceFile(path=str(path.absolute()), stamp=stamp, sha256=known.sha256)
        return SourceFile(path=str(path.absolute()), stamp=stamp, sha256=_sha256(path))
    except OSError as error:
        raise InputError(
            f"'{error.filename or path}' cannot be read ({error.strerror}): check the path"
        ) from error


def _stamp(path: Path) -> str:
    """Return sizes and times of change of a file's or folder's files, as a short text."""
    lines = []
    for name, file in _files(path):
        status = file.stat()
        lines.append(f"{name} {status.st_size} {status.st_mtime_ns}")
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32]


def _sha256(path: Path) -> str:
    """Return the SHA-256 of a file, or of the names and contents of several."""
    found = hashlib.sha256()
    files = list(_files(path))
    for name, file in files:
        if len(files) > 1:
            found.update(f"{name} {file.stat().st_size}\n".encode())
        with file.open("rb") as opened:
            while chunk := opened.read(CHUNK_BYTES):
                found.update(chunk)
    return found.hexdigest()


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    """Yield (name, file) of all files that a path stands for, in order; the name of a single file is empty."""
    if path.is_dir():
        for file in files_below(path)[0]:
            yield file.relative_to(path).as_posix(), file
    elif full_suffix(path) in DETACHED:
        for file in sorted(path.parent.glob(f"{path.stem}.*")):
            yield file.suffix, file
    else:
        yield "", path


def source_values(case: SourceCase) -> dict[str, Any]:
    """Return a case as values for JSON, its paths absolute."""

    def plain(value: Any) -> Any:
        if isinstance(value, Path):
            return str(value.absolute())
        if isinstance(value, dict):
            return {str(key): plain(inner) for key, inner in value.items()}
        return [plain(inner) for inner in value] if isinstance(value, list | tuple) else value

    values: dict[str, Any] = plain(asdict(case))
    return values


def source_from(values: dict[str, Any]) -> SourceCase:
    """Return the case that `source_values` wrote down."""

    def path(value: str | None) -> Path | None:
        return None if value is None else Path(value)

    labels = tuple(
        LabelFile(
            path=Path(label["path"]),
            values=None
            if label["values"] is None
            else {int(key): value for key, value in label["values"].items()},
            mask_class=label["mask_class"],
        )
        for label in values["labels"]
    )
    return SourceCase(
        name=values["name"],
        portal=Path(values["portal"]),
        labels=labels,
        arterial=path(values["arterial"]),
        patient=values["patient"],
        facts=values["facts"],
        displacement=path(values["displacement"]),
        lesions=path(values["lesions"]),
        picture=_picture(values.get("picture")),
        crop=Crop(**values["crop"]) if values.get("crop") else None,
    )


def _picture(values: dict[str, Any] | None) -> Picture | None:
    if not values:
        return None
    lesions = tuple((int(y), int(x)) for y, x in values.get("lesions", ()))
    return Picture(**{**values, "lesions": lesions})
