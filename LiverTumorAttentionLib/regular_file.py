"""Bounded reading of regular files.

A named pipe blocks whoever opens it, a device has no end, and a damaged or hostile file can be larger than the memory:
whoever reads a whole file that a user named, reads it here. Links are followed.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

MIB = 2**20


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Return a regular file opened for reading in binary.

    Raises `OSError` for anything else, its `strerror` in the user's words; a pipe is not waited for.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except ValueError as error:  # a name that holds NUL
        raise OSError(
            errno.EINVAL, "its name holds a character that no file's name has", str(path)
        ) from error
    try:
        mode = os.fstat(handle).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "it is a folder", str(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is a pipe or a device, not a file", str(path))
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def check_regular(path: str | os.PathLike[str]) -> None:
    """Raise `OSError`, as `open_regular` does, for what is not a regular file or cannot be read."""
    open_regular(path).close()


def read_regular(path: str | os.PathLike[str], *, most_bytes: int) -> bytes:
    """Return the content of a regular file of at most `most_bytes`. Raises `OSError`, as `open_regular` does."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        content = b"" if size > most_bytes else file.read(most_bytes + 1)
    if max(size, len(content)) > most_bytes:
        raise OSError(errno.EFBIG, too_large(max(size, len(content)), most_bytes), str(path))
    return content


def too_large(size: int, most_bytes: int) -> str:
    """Return what an error says of a file that is larger than it can be."""
    return f"it has {size / MIB:.1f} MiB, and at most {most_bytes / MIB:.0f} MiB of such a file are read"


def reason(error: Exception) -> str:
    """Return why a file could not be read or parsed, in one line: an `OSError`'s own words, without number and path."""
    text = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    line = " ".join(text.split())
    return line if len(line) <= 300 else f"{line[:297]}…"


def is_regular(path: str | os.PathLike[str]) -> bool:
    """Return whether a regular file lies at `path`; False for a name that no system takes."""
    try:
        return Path(path).is_file()
    except (OSError, ValueError):
        return False


def unreadable_kind(path: str | os.PathLike[str]) -> str:
    """Return what `path` is when it can be read neither as a file nor as a folder, such as "named pipe", else ``""``.

    Reading a pipe or a device may wait or go on for ever. Raises `PermissionError` where it may not be looked at.
    """
    try:
        mode = os.stat(path).st_mode
    except PermissionError:
        raise
    except (OSError, ValueError):
        return "broken link" if os.path.islink(path) else "unreadable file"
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return ""
    if stat.S_ISFIFO(mode):
        return "named pipe"
    return "socket" if stat.S_ISSOCK(mode) else "device"
