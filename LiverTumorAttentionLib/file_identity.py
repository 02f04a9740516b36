"""Which paths are one file: results must lie apart, and none may replace a file that is read.

Files that exist are compared by device and number, so that links, hard links, `./` and the spellings of a file system
without upper and lower case make no difference. Files that do not exist yet are compared by their folder and name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from LiverTumorAttentionLib.errors import InputError

MODEL_FILE = "model.json"
"""A folder that holds it is a model, and all of its files belong to it."""

LONGEST_NAME_BYTES = 255
_DETACHED = (".mhd", ".nhdr")
"""Headers that name files beside them, in which the voxels lie."""
_MOST_HEADER_BYTES = 2**20
_DICOM_STARTS = (b"\x08\x00", b"\x02\x00")
"""First bytes of a DICOM file without a preamble: a tag of group 8 or 2."""

Identity = tuple[int, int] | tuple[int, int, str] | str


def real_path(path: str | os.PathLike[str]) -> Path:
    """Return the path behind links, also where nothing lies there yet."""
    return Path(os.path.realpath(path))


def identity(path: str | os.PathLike[str]) -> Identity:
    """Return a value that two paths share exactly when they are one file, or would be once it is written."""
    real = real_path(path)
    try:
        found = real.stat()
        return found.st_dev, found.st_ino
    except OSError:
        pass
    try:
        folder = real.parent.stat()
        return folder.st_dev, folder.st_ino, real.name
    except OSError:
        return str(real)


def check_given(paths: Mapping[str, str | None]) -> None:
    """Raise `InputError` for a path that is empty, too long, or that no system takes. paths: by what they hold."""
    for name, path in paths.items():
        if path is not None and not path.strip():
            raise InputError(
                f"the name given for the {name} is empty: name a file or folder, or leave it out"
            )
        if path is not None and "\0" in path:
            raise InputError(f"the name of the {name} holds a NUL character, {path!r}: give another name")
        if path is not None and max(map(_bytes, Path(path).parts), default=0) > LONGEST_NAME_BYTES:
            raise InputError(
                f"the name of the {name} is longer than {LONGEST_NAME_BYTES} bytes, the most that a disk takes: "
                "give a shorter one"
            )


def _bytes(name: str) -> int:
    return len(name.encode("utf-8", "surrogatepass"))


def check_apart(written: Mapping[str, str | None], read: Mapping[str, str | None]) -> None:
    """Raise `InputError` when two results would be one file, or a result would replace a file that is read.

    written, read: paths by what they hold; None where there is none. A folder that is read stands for the files in it
    that its readers take: those of a model, the DICOM files of a series; a header for the files that it names.
    """
    taken: dict[Identity, str] = {}
    for path in filter(None, written.values()):
        where = identity(path)
        if where in taken:
            raise InputError(f"two results would be written to {taken[where]}: give each its own file")
        taken[where] = path
    for source in filter(None, read.values()):
        for where in _identities(source, taken):
            raise InputError(
                f"{taken[where]} would be written over, though it is read: give the result another name"
            )


def check_outside(folder: str | os.PathLike[str], read: Mapping[str, str | os.PathLike[str] | None]) -> None:
    """Raise `InputError` when something that is read is the folder that is filled with results, or lies in it.

    read: paths by what they hold; None where there is none.
    """
    filled = identity(folder)
    for name, path in read.items():
        if path is None:
            continue
        real = real_path(path)
        if filled in map(identity, (real, *real.parents)):
            raise InputError(
                f"the {name} '{path}' lies in '{folder}', where results would be written over it: choose another folder"
            )


def _identities(source: str, wanted: Mapping[Identity, str]) -> Iterator[Identity]:
    """Yield those of the wanted files that a reader of `source`, a file or a folder, takes."""
    own = identity(source)
    if own in wanted:
        yield own
    if source.lower().endswith(_DETACHED):
        yield from _named_by_header(source, wanted)
    if not os.path.isdir(source):
        return
    there = {where for where in wanted if len(where) == 2 and os.path.isfile(wanted[where])}
    if not there:
        return
    is_model = os.path.isfile(os.path.join(source, MODEL_FILE))
    for folder, _, files in os.walk(source, followlinks=False):
        for file in files:
            path = os.path.join(folder, file)
            where = identity(path)
            if where in there and (is_model or _may_be_dicom(path)):
                yield where


def _named_by_header(source: str, wanted: Mapping[Identity, str]) -> Iterator[Identity]:
    beside = {identity(real_path(source).parent), identity(os.path.dirname(source) or ".")}
    try:
        with open(source, "rb") as file:
            head = file.read(_MOST_HEADER_BYTES)
    except OSError:
        return
    for where, path in wanted.items():
        real = real_path(path)
        if real.is_file() and identity(real.parent) in beside and os.fsencode(real.name) in head:
            yield where


def _may_be_dicom(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            head = file.read(132)
    except OSError:
        return False
    return head[128:132] == b"DICM" or head[:2] in _DICOM_STARTS
