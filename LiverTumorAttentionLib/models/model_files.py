"""The files of a model, of this program or of another: a folder, or a zip.

Whoever made them is not trusted: sizes are checked before anything is unpacked or read, and nothing is ever opened that
is no regular file.
"""

from __future__ import annotations

import contextlib
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

from LiverTumorAttentionLib.config_parsing import is_text, shown
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.regular_file import MIB, is_regular, open_regular, reason, too_large

LARGEST_FILE_BYTES = 2 * 1024**3
LARGEST_TEXT_BYTES = 4 * MIB
MOST_MEMBERS = 1000
"""Files in the zip of a model; a model has three."""
MOST_LISTED = 20_000
"""Files and folders that are looked at in a folder; a folder of trainings may hold what they segmented too."""
DEEPEST = 6
MOST_DIRECTORY_BYTES = 4 * MIB
"""The list of files at the end of a zip, which is read whole."""
MOST_TIMES_PACKED = 100
"""How many times as large as it is packed a member may become; weights hardly shrink, and text to a tenth."""
FREE_OF_RATIO_BYTES = 16 * MIB
"""Members that unpack to less than this may shrink as they like."""
_CHUNK_BYTES = 1 << 22
_READ_ERRORS = (
    *(OSError, EOFError, KeyError, ValueError, IndexError, struct.error, zipfile.BadZipFile, zlib.error),
    RuntimeError,  # a password, or a method of packing that is not known
)


class ModelFiles:
    """The files below a folder, or in a zip of one; names are relative, with '/'.

    path: the folder or the zip. below: only what lies in this folder of it counts, such as "model/". largest: bytes
    of a file that is read or copied. Raises `ModelError` for anything else, and for a zip that holds what leads out of
    it, links, devices, two files of one name, or more files than a model has.
    """

    def __init__(self, path: Path, *, below: str = "", largest: int = LARGEST_FILE_BYTES) -> None:
        self.path = path
        self.below = below
        self._largest = largest
        self.is_folder = _is_folder(path)
        if not self.is_folder:
            if not is_regular(path) or not _is_zip(path):
                raise ModelError(
                    f"{path} is neither a model folder nor a zip of one: choose a folder or zip that holds model.json"
                )
            self._members = self._checked_members()

    def folder(self, below: str) -> ModelFiles:
        """Return the files of a folder of these, given as "name/"."""
        inner = object.__new__(ModelFiles)
        inner.__dict__.update(self.__dict__, below=self.below + below)
        return inner

    def names(self) -> list[str]:
        """Return the names of all files, in order. Of a folder at most those that lie a few folders deep."""
        if self.is_folder:
            return sorted(self._walked())
        found = (name for name in self._members if name.startswith(self.below) and not name.endswith("/"))
        return sorted(name[len(self.below) :] for name in found)

    def has(self, name: str) -> bool:
        """Return whether there is a regular file of that name."""
        return is_regular(self._place(name)) if self.is_folder else self.below + name in self._members

    def size(self, name: str, *, most: int | None = None) -> int:
        """Return the size of a file in bytes. Raises `ModelError` when it is missing or larger than `most`."""
        with self.readable(name):
            if self.is_folder:
                with open_regular(self._place(name)) as file:
                    size, packed = os.fstat(file.fileno()).st_size, None
            else:
                with zipfile.ZipFile(self.path) as archive:
                    member = archive.getinfo(self.below + name)
                size, packed = member.file_size, member.compress_size
        most = self._largest if most is None else most
        if size > most:
            raise ModelError(
                f"{name} in {self.path} cannot be used ({too_large(size, most)}): get the model again"
            )
        if packed is not None and size > FREE_OF_RATIO_BYTES and size > MOST_TIMES_PACKED * packed:
            raise ModelError(
                f"{name} in {self.path} would unpack from {packed / MIB:.1f} to {size / MIB:.0f} MiB, which no weights "
                "do: get the model again, or unpack it yourself and give the folder"
            )
        return size

    def read(self, name: str, *, most: int | None = None) -> bytes:
        """Return the bytes of a file. Raises `ModelError` when it is not there or larger than `most`."""
        size = self.size(name, most=most)  # refuses a file that is too large to read into memory
        with self.readable(name), self.opened(name) as file:
            return file.read(size)

    def copy(self, name: str, target: Path, *, most: int | None = None) -> None:
        """Write a file to `target`. Raises `ModelError` where it cannot be read or is too large, else `OSError`."""
        left = self.size(name, most=most)
        with target.open("wb") as copied, self.readable(name), self.opened(name) as file:
            chunks = iter(lambda: file.read(min(left, _CHUNK_BYTES)), b"")
            for chunk in chunks:
                left -= len(chunk)
                _write(copied, chunk)

    @contextlib.contextmanager
    def opened(self, name: str) -> Iterator[IO[bytes]]:
        """Yield a file opened for reading; its errors are those of the system or of the zip, see `readable`."""
        if self.is_folder:
            with open_regular(self._place(name)) as file:
                yield file
            return
        with zipfile.ZipFile(self.path) as archive, archive.open(self.below + name) as packed:
            yield packed

    @contextlib.contextmanager
    def readable(self, name: str, *, kind: str = "file ") -> Iterator[None]:
        """Turn errors of reading a file into `ModelError`."""
        try:
            yield
        except _WriteError as error:
            raise error.error from error
        except _READ_ERRORS as error:
            raise ModelError(
                f"the model at {self.path} has no readable {kind}{name} ({reason(error)}): get the whole model again"
            ) from error

    def _place(self, name: str) -> Path:
        return self.path / self.below / name

    def _walked(self) -> Iterator[str]:
        """Yield the names of the regular files of a folder; links to folders are not followed."""
        waiting, seen = [""], 0
        while waiting:
            inner = waiting.pop()
            try:
                entries = sorted(os.scandir(self._place(inner)), key=lambda entry: entry.name)
            except OSError:
                continue
            for entry in entries:
                seen += 1
                if seen > MOST_LISTED:
                    raise ModelError(
                        f"{self.path} holds more than {MOST_LISTED} files: give the folder of the model alone"
                    )
                if entry.is_dir(follow_symlinks=False) and inner.count("/") < DEEPEST - 1:
                    waiting.append(f"{inner}{entry.name}/")
                elif is_regular(entry.path):
                    yield f"{inner}{entry.name}"

    def _checked_members(self) -> frozenset[str]:
        """Return the names in the zip. Raises `ModelError`."""
        with self.readable("list of files", kind=""):
            directory = _directory_bytes(self.path)
            if directory <= MOST_DIRECTORY_BYTES:
                with zipfile.ZipFile(self.path) as archive:
                    members = archive.infolist()
        if directory > MOST_DIRECTORY_BYTES or len(members) > MOST_MEMBERS:
            raise ModelError(
                f"{self.path} holds more files than a model has (at most {MOST_MEMBERS}): zip the model's folder alone"
            )
        for member in members:
            _check_member(self.path, member)
        names = [member.filename for member in members]
        if len(set(names)) < len(names):
            raise ModelError(f"{self.path} holds two files of one name: zip the model's folder again")
        return frozenset(names)


class _WriteError(Exception):
    """An error of the file that is written, told from those of the file that is read."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


def _write(file: BinaryIO, chunk: bytes) -> None:
    try:
        file.write(chunk)
    except OSError as error:
        raise _WriteError(error) from error


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # a name that no system takes
        return False


def _is_zip(path: Path) -> bool:
    try:
        return zipfile.is_zipfile(path)
    except OSError:
        return False


def _directory_bytes(path: Path) -> int:
    """Return the size of the list of files at the end of a zip, as the zip tells it."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(max(0, size - 2**16 - 200))
        end = file.read()
    sizes = [0]
    for mark, place, kind in ((b"PK\5\6", 12, "<I"), (b"PK\6\6", 40, "<Q")):
        at = end.rfind(mark)
        if at >= 0 and len(end) >= at + place + struct.calcsize(kind):
            (told,) = struct.unpack_from(kind, end, at + place)
            sizes.append(0 if told == 2**32 - 1 else told)
    return max(sizes)


def _check_member(path: Path, member: zipfile.ZipInfo) -> None:
    """Raise `ModelError` for a member that is no plain file or folder below the zip's own."""
    name = member.filename
    parts = PurePosixPath(name).parts
    if name.startswith("/") or ".." in parts or "\\" in name or ":" in name or not is_text(name):
        raise ModelError(
            f"{path} holds {shown(name)}, which leads out of the model's folder: get the model elsewhere"
        )
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise ModelError(f"{path} holds {shown(name)}, a link or a device: zip the files themselves")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ModelError(f"{path} holds {shown(name)}, packed in a way that is not read: zip it as deflate")
