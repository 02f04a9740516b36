"""Atomic writing of output files and folders.

An output is written to a hidden temporary file beside its target and moved over the target once it is
complete. An interrupted, failed or cancelled run leaves no partial file and does not change an existing one.
The target of a link is what the link leads to; its temporary file lies on the same disk as that.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from LiverTumorAttentionLib.ending import uninterrupted
from LiverTumorAttentionLib.errors import OutputError
from LiverTumorAttentionLib.file_identity import real_path

DOUBLE_SUFFIXES = (".nii.gz", ".seg.nrrd", ".ome.tiff", ".tar.gz")
"""Suffixes of two parts that together name one file format."""

LOWER_CASE_SUFFIXES = (".nii", ".nii.gz", ".mha", ".mhd", ".nrrd", ".seg.nrrd")
"""Suffixes that ITK or Slicer know in small letters alone."""

_DISK_ERRORS = tuple(
    getattr(errno, name)
    for name in (
        *("ENOSPC", "EDQUOT", "EROFS", "EACCES", "EPERM", "EIO", "EFBIG"),
        *("ELOOP", "ENAMETOOLONG", "ENOTDIR", "EISDIR", "ENOTEMPTY", "EEXIST", "EBUSY", "EXDEV", "ESTALE"),
    )
    if hasattr(errno, name)
)

_NEARLY_FULL_BYTES = 1 << 16


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
    if suffix in LOWER_CASE_SUFFIXES and not Path(path).name.endswith(suffix):
        raise OutputError(
            f"the {name} '{path}' would be read by few programs with its suffix in capitals: "
            f"give it a name that ends in {suffix}"
        )
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
    if not str(path).strip():
        raise OutputError(f"the name given for the {name} is empty: name a file, or leave it out")
    if suffixes is not None:
        check_suffix(target, suffixes, name)
    try:
        real = _real_target(target, name)
        folder = real.parent
        if not folder.exists():
            leads = f", where the link '{target}' leads," if target.is_symlink() else ""
            raise OutputError(f"the folder '{folder}'{leads} for the {name} does not exist: create it first")
        if not folder.is_dir():
            raise OutputError(f"'{folder}' is a file, so the {name} cannot be put in it: name a folder")
        if real.is_dir():
            raise OutputError(f"the {name} '{target}' is a folder: name a file in it")
        if real.exists() and not real.is_file():
            raise OutputError(f"the {name} '{target}' is a device or a pipe, no file: name a file")
        trial = _temporary_name(real)
        os.close(os.open(trial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        trial.unlink()
    except (OSError, ValueError) as error:
        raise OutputError(_cannot_write(target, name, error)) from error
    return target


def check_distinct_names(paths: Iterable[str | os.PathLike[str]]) -> None:
    """Raise `OutputError` when the file system takes the names of two results for one, as those without case do.

    The folders must be there and writable, see `check_writable`.
    """
    seen: dict[tuple[Path, str], list[Path]] = {}
    for path in paths:
        real = real_path(path)
        alike = seen.setdefault((real.parent, unicodedata.normalize("NFC", real.name).casefold()), [])
        for other in alike:
            if _are_one_name(real.parent, real.name, other.name):
                raise OutputError(
                    f"'{path}' and '{other.name}' are one file on this disk: give each result its own name"
                )
        alike.append(real)


def _are_one_name(folder: Path, first: str, second: str) -> bool:
    """Return whether two names that differ in case or in their Unicode form are one file in a folder."""
    start = f".{secrets.token_hex(4)}.part."
    trial = folder / f"{start}{first}"
    try:
        os.close(os.open(trial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except OSError:
        return False
    try:
        return os.path.exists(folder / f"{start}{second}")
    finally:
        trial.unlink()


def check_folder(path: str | os.PathLike[str], *, name: str = "output", parents: bool = False) -> Path:
    """Make sure, before a long run, that files can be written into the folder `path`; return it as a `Path`.

    It need not exist, but the folder that it will lie in must, unless `parents` are made, too. Raises `OutputError`.
    """
    folder = Path(path)
    if not str(path).strip():
        raise OutputError(f"the name given for the {name} is empty: name a folder")
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"the {name} '{folder}' is a file: name a folder")
    missing = _missing_parents(folder) if parents else []
    if missing:
        check_writable(missing[0], name=name)
        return folder
    check_writable(folder / "trial" if folder.exists() else folder, name=name)
    return folder


def check_contents(path: str | os.PathLike[str], contents: Iterable[str], name: str = "output") -> None:
    """Raise `OutputError` when a folder is there and holds anything but files of these names."""
    target, known = Path(path), frozenset(contents)
    if not target.exists():
        return
    others = sorted(path.name for path in target.iterdir() if path.name not in known)
    if others:
        raise OutputError(
            f"the {name} '{target}' is there and holds '{others[0]}', which would be lost: move that elsewhere, or "
            "choose another name"
        )


@contextlib.contextmanager
def making_folder(
    path: str | os.PathLike[str], *, name: str = "output", parents: bool = False
) -> Iterator[Path]:
    """Yield the folder `path`, made where it is missing; when the block raises, a folder made here is removed.

    parents: make the folders that it lies in, too. Raises `OutputError` when it cannot be made.
    """
    folder = check_folder(path, name=name, parents=parents)
    fresh = [folder] if not folder.exists() else []
    if parents:
        fresh = [*_missing_parents(folder), *fresh]
    try:
        real_path(folder).mkdir(exist_ok=True, parents=parents)
    except OSError as error:
        raise OutputError(_cannot_write(folder, name, error)) from error
    try:
        yield folder
    except BaseException:
        with contextlib.suppress(OSError):
            for made in reversed(fresh):
                real_path(made).rmdir()
        raise


def _missing_parents(folder: Path) -> list[Path]:
    """Return the folders above one that are not there, the outermost first."""
    return [above for above in reversed(folder.parents) if not os.path.lexists(above)]


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

    When the block raises, or one file cannot be moved, all temporary files are removed and no target has changed. A
    target whose temporary file was never written is an error of the program (`RuntimeError`), and nothing is moved.
    Errors name the target, never the temporary file.
    """
    targets = [check_writable(path, name=name) for path in paths]
    check_distinct_names(targets)
    temporary = {target: _temporary_name(real_path(target)) for target in targets}
    try:
        yield temporary
        missing = [str(target) for target, part in temporary.items() if not part.exists()]
        if missing:
            raise RuntimeError(f"nothing was written for {', '.join(missing)}")
        with uninterrupted(), _alone_in({part.parent for part in temporary.values()}):
            _move_all([(part, real_path(target)) for target, part in temporary.items()])
    except OSError as error:
        if error.errno not in _DISK_ERRORS:
            raise
        raise OutputError(_cannot_write(_target_of(error, temporary), name, error)) from error
    except OutputError as error:
        raise OutputError(_in_the_users_names(str(error), temporary)) from error
    finally:
        with uninterrupted():
            for part in temporary.values():
                _remove(part)


@contextlib.contextmanager
def replacing_folder(
    path: str | os.PathLike[str], *, contents: Iterable[str], name: str = "output"
) -> Iterator[Path]:
    """Yield a new hidden folder beside `path`; on success it takes the place of the folder there, with all its files.

    contents: names of the files that a folder of this kind holds. A folder that holds anything else is not replaced,
    since somebody put it there: `OutputError`. When the block raises, nothing has changed.
    """
    target = check_folder(path, name=name)
    real, known = real_path(target), frozenset(contents)
    check_contents(target, known, name)
    part, old = _temporary_name(real), _temporary_name(real)
    try:
        part.mkdir()
        yield part
        with uninterrupted(), _alone_in({real.parent}):
            check_contents(target, known, name)
            there = real.exists()
            if there:
                os.replace(real, old)
            try:
                os.replace(part, real)
            except OSError:
                if there:
                    os.replace(old, real)
                raise
    except OSError as error:
        if error.errno not in _DISK_ERRORS:
            raise
        raise OutputError(_cannot_write(target, name, error)) from error
    except OutputError as error:
        raise OutputError(_in_the_users_names(str(error), {target: part})) from error
    finally:
        with uninterrupted():
            for folder in (part, old):
                shutil.rmtree(folder, ignore_errors=True)


def cannot_write(path: str | os.PathLike[str], name: str, reason: str) -> str:
    """Return the message for a file that a library could not write; a full disk is named as that."""
    with contextlib.suppress(OSError):
        if shutil.disk_usage(real_path(path).parent).free < _NEARLY_FULL_BYTES:
            reason = os.strerror(errno.ENOSPC).lower()
    return f"the {name} '{path}' cannot be written ({reason}): choose another folder or free some space"


def _move_all(moves: list[tuple[Path, Path]]) -> None:
    """Move files to their targets; when one cannot be moved, put back what stood at the others and raise."""
    kept: dict[Path, Path | None] = {}
    try:
        for part, target in moves:
            kept[target] = _keep(target)
            os.replace(part, target)
    except BaseException:
        for target, old in kept.items():
            with contextlib.suppress(OSError):
                if old is not None:
                    os.replace(old, target)
                elif not any(part.exists() for part, moved in moves if moved == target):
                    target.unlink()
        raise
    for old in kept.values():
        if old is not None:
            _remove(old)


def _keep(target: Path) -> Path | None:
    """Give what stands at `target` a second name, to be put back; None when nothing stands there."""
    if not target.exists():
        return None
    old = _temporary_name(target)
    try:
        os.link(target, old)
    except OSError:  # a file system without hard links
        os.replace(target, old)
    return old


@contextlib.contextmanager
def _alone_in(folders: set[Path]) -> Iterator[None]:
    """Keep other runs from moving files into the same folders meanwhile, so that two sets of results never mix.

    The system ends this with the process. Where folders cannot be locked (Windows, some network shares) it is left out.
    """
    handles: list[int] = []
    try:
        import fcntl
    except ImportError:
        yield
        return
    try:
        for folder in sorted(folders):
            with contextlib.suppress(OSError):
                handles.append(os.open(folder, os.O_RDONLY))
                fcntl.flock(handles[-1], fcntl.LOCK_EX)
        yield
    finally:
        for handle in handles:
            os.close(handle)


def _real_target(target: Path, name: str) -> Path:
    """Return where a target lies behind links. Raises `OutputError` for links in a circle."""
    real = real_path(target)
    if real.is_symlink():
        raise OutputError(f"the {name} '{target}' is a link that leads back to itself: name a file")
    return real


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def _temporary_name(target: Path) -> Path:
    suffix = full_suffix(target)
    stem = target.name[: len(target.name) - len(suffix)]
    # A file name has at most 255 bytes, of which 16 are added; what is no text is left out, since ITK takes text only.
    short = os.fsencode(stem)[: 230 - len(os.fsencode(suffix))].decode(errors="ignore")
    return target.with_name(f".{short}.{secrets.token_hex(4)}.part{suffix}")


def _target_of(error: OSError, temporary: dict[Path, Path]) -> Path:
    for target, part in temporary.items():
        for named in (error.filename, error.filename2):
            if named is not None and str(named) in (str(part), str(real_path(target))):
                return target
    written = [target for target, part in temporary.items() if part.exists()]
    return written[-1] if written else next(iter(temporary))


def _in_the_users_names(message: str, temporary: dict[Path, Path]) -> str:
    """Return a message with the names of targets instead of those of their temporary files."""
    for target, part in temporary.items():
        message = message.replace(str(part), str(target)).replace(part.name, target.name)
    return message


def _cannot_write(target: Path, name: str, error: Exception) -> str:
    reason = str(getattr(error, "strerror", None) or error).lower()
    return f"the {name} '{target}' cannot be written ({reason}): choose another folder or free some space"
