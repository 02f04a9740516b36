"""Atomic writing of output files and folders.

An output is written to a hidden temporary file beside its target and moved over the target once it is
complete. An interrupted, failed or cancelled run leaves no partial file and does not change an existing one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

from LiverTumorAttentionLib.errors import OutputError

DOUBLE_SUFFIXES = (".nii.gz", ".seg.nrrd", ".ome.tiff", ".tar.gz")
"""Suffixes of two parts that together name one file format."""

_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.EFBIG)


def full_suffix(path: str | os.PathLike[str]) -> str:
    """Return the suffix of `path` in lower case, both parts of a double one: ``.nii.gz``, ``.seg.nrrd``."""
    name = Path(path).name.lower()
    for suffix in DOUBLE_SUFFIXES:
        if name.endswith(suffix) and name != suffix:
            return suffix
    return Path(name).suffix


def check_suffix(path: str | os.PathLike[str], suffixes: Iterable[str], name: str = "output") -> str:
    """Return the full suffix of `path`; raise `OutputError` unless it is one of `suffixes`."""
    known = tuple(suffixes)
    suffix = full_suffix(path)
    if suffix not in known:
        got = f"ends in '{suffix}'" if suffix else "has no suffix"
        raise OutputError(f"the {name} '{path}' {got}: give it a name that ends in {' or '.join(known)}")
    return suffix


def check_writable(
    path: str | os.PathLike[str], *, suffixes: Iterable[str] | None = None, name: str = "output"
) -> Path:
    """Make sure, before a long run, that a file can be written at `path`; return it as a `Path`.

    suffixes: the suffixes (``".seg.nrrd"``, …) that the writer knows; None allows all.
    Raises `OutputError` when the suffix is unknown, the folder is missing, `path` is a folder itself, or a
    trial file cannot be created in the folder: mode bits alone do not tell for read-only mounts and network
    shares.
    """
    target = Path(path)
    if suffixes is not None:
        check_suffix(target, suffixes, name)
    folder = target.parent
    try:
        if not folder.exists():
            raise OutputError(f"the folder '{folder}' for the {name} does not exist: create it first")
        if not folder.is_dir():
            raise OutputError(f"'{folder}' is a file, so the {name} cannot be put in it: name a folder")
        if target.is_dir():
            raise OutputError(f"the {name} '{target}' is a folder: name a file in it")
        trial = _temporary_name(target)
        os.close(os.open(trial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        trial.unlink()
    except OSError as error:
        raise OutputError(_cannot_write(target, name, error)) from error
    return target


def check_folder(path: str | os.PathLike[str], *, name: str = "output") -> Path:
    """Make sure, before a long run, that files can be written into the folder `path`; return it as a `Path`.

    It need not exist, but the folder that it will lie in must. Raises `OutputError`.
    """
    folder = Path(path)
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"the {name} '{folder}' is a file: name a folder")
    check_writable(folder / "trial" if folder.exists() else folder, name=name)
    return folder


@contextlib.contextmanager
def making_folder(path: str | os.PathLike[str], *, name: str = "output") -> Iterator[Path]:
    """Yield the folder `path`, made where it is missing; when the block raises, a folder made here is removed.

    Raises `OutputError` when it cannot be made.
    """
    folder = check_folder(path, name=name)
    fresh = not folder.exists()
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(_cannot_write(folder, name, error)) from error
    try:
        yield folder
    except BaseException:
        if fresh:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str], *, name: str = "output") -> Iterator[Path]:
    """Yield a temporary path beside `path` with the same full suffix; move it there on success.

    When the block raises (also on Ctrl-C), the temporary file is removed and `path` stays as it was.
    Raises `OutputError` when the folder is missing or cannot be written, and for a full disk.
    """
    with replacing_all([path], name=name) as temporary:
        yield temporary[Path(path)]


@contextlib.contextmanager
def replacing_all(
    paths: Iterable[str | os.PathLike[str]], *, name: str = "output"
) -> Iterator[dict[Path, Path]]:
    """Yield {target: temporary path}; move every file to its target once *all* of them are written.

    When the block raises, all temporary files are removed and no target has changed. A target whose
    temporary file was never written is an error of the program (`RuntimeError`), and nothing is moved.
    """
    targets = [check_writable(path, name=name) for path in paths]
    temporary = {target: _temporary_name(target) for target in targets}
    try:
        yield temporary
        missing = [str(target) for target, part in temporary.items() if not part.exists()]
        if missing:
            raise RuntimeError(f"nothing was written for {', '.join(missing)}")
        for target, part in temporary.items():
            os.replace(part, target.resolve() if target.is_symlink() else target)
    except OSError as error:
        if error.errno not in _DISK_ERRORS:
            raise
        raise OutputError(_cannot_write(_target_of(error, temporary), name, error)) from error
    finally:
        for part in temporary.values():
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)


def _temporary_name(target: Path) -> Path:
    suffix = full_suffix(target)
    stem = target.name[: len(target.name) - len(suffix)]
    return target.with_name(f".{stem}.{secrets.token_hex(4)}.part{suffix}")


def _target_of(error: OSError, temporary: dict[Path, Path]) -> Path:
    for target, part in temporary.items():
        if error.filename is not None and str(part) == str(error.filename):
            return target
    return next(iter(temporary))


def _cannot_write(target: Path, name: str, error: OSError) -> str:
    reason = (error.strerror or str(error)).lower()
    return f"the {name} '{target}' cannot be written ({reason}): choose another folder or free some space"
