"""A model on disk: a folder, or a zip of it.

Whoever made the file is not trusted: sizes are checked before anything is unpacked or read, only the members that
model.json names are, and nothing is ever opened that is no regular file.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, BinaryIO

from LiverTumorAttentionLib.config_parsing import is_text, shown
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.models.card import NOTES
from LiverTumorAttentionLib.models.description import ModelDescription, read_description
from LiverTumorAttentionLib.models.stage_description import StageDescription
from LiverTumorAttentionLib.models.weights_file import WeightsFile
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.regular_file import MIB, is_regular, open_regular, reason, too_large

if TYPE_CHECKING:
    import torch

DESCRIPTION_FILE = "model.json"
LARGEST_FILE_BYTES = 2 * 1024**3
LARGEST_DESCRIPTION_BYTES = 4 * MIB
MOST_MEMBERS = 1000
"""Files in the zip of a model; a model has three."""
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


class ModelPackage:
    """A model whose description was read and is valid. Weights are read, and checked, when asked for.

    path: a folder that holds `model.json`, or a .zip that holds it at its top or in its only folder.
    Raises `ModelError` when there is no such file or the description cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._prefix = ""
        self._is_folder = _is_folder(path)
        if not self._is_folder:
            if not is_regular(path) or not _is_zip(path):
                raise ModelError(
                    f"{path} is neither a model folder nor a zip of one: choose a folder or zip that holds model.json"
                )
            self._prefix = self._folder_in_zip()
        self.description: ModelDescription = read_description(
            self.read(DESCRIPTION_FILE), where=f"{path.name}/{DESCRIPTION_FILE}"
        )

    def read(self, name: str) -> bytes:
        """Return the bytes of a file of the model. Raises `ModelError` when it is not there or too large."""
        size = self._size(name)  # refuses a file that is too large to read into memory
        with self._readable(name), self._open(name) as file:
            return file.read(size)

    def copy(self, name: str, target: Path) -> None:
        """Write a file of the model to `target`. Raises `ModelError` where it cannot be read, else `OSError`."""
        left = self._size(name)
        with target.open("wb") as copied, self._readable(name), self._open(name) as file:
            chunks = iter(lambda: file.read(min(left, _CHUNK_BYTES)), b"")
            for chunk in chunks:
                left -= len(chunk)
                _write(copied, chunk)

    def files(self) -> list[str]:
        """Return the names of all files that belong to the model; its card and licence where they lie there."""
        notes = [name for name in NOTES if self._has(name)]
        return [DESCRIPTION_FILE, *(file.weights for file in self._weight_files()), *notes]

    def _weight_files(self) -> list[WeightsFile]:
        return [file for stage in self.description.stages for file in stage.weight_files]

    def _has(self, name: str) -> bool:
        if self.path.is_dir():
            return (self.path / name).is_file()
        with self._readable(name), zipfile.ZipFile(self.path) as archive:
            return self._prefix + name in archive.namelist()

    def size_bytes(self) -> int:
        """Return the size of all files of the model together. Raises `ModelError` when one is not there."""
        return sum(self._size(name) for name in self.files())

    def verify(self, progress: Progress | None = None) -> None:
        """Check the checksum of all weights. Raises `ModelError` on the first that differs."""
        progress = progress or Progress()
        files = self._weight_files()
        for number, file in enumerate(files):
            part = progress.part(number / len(files), (number + 1) / len(files), f"verifying {file.weights}")
            self._compare(file, self._digest(file.weights, part))

    def checked_weights(self, file: StageDescription | WeightsFile) -> bytes:
        """Return the bytes of a file of weights (of a stage, its first) after comparing them with their SHA-256."""
        content = self.read(file.weights)
        self._compare(file, hashlib.sha256(content).hexdigest())
        return content

    def _compare(self, file: StageDescription | WeightsFile, found: str) -> None:
        if found != file.sha256:
            raise ModelError(
                f"the file {file.weights} of the model {self.description.id!r} is damaged or was changed: "
                f"its SHA-256 is {found[:12]}…, model.json says {file.sha256[:12]}…: get the model again"
            )

    def _digest(self, name: str, progress: Progress) -> str:
        """Return the SHA-256 of a file, read in chunks: weights can be larger than the free memory."""
        digest, done = hashlib.sha256(), 0
        with self._readable(name):
            total = max(self._size(name), 1)
            with self._open(name) as file:
                while chunk := file.read(_CHUNK_BYTES):
                    digest.update(chunk)
                    done += len(chunk)
                    progress.update(done / total)
        return digest.hexdigest()

    def load_weights(self, file: StageDescription | WeightsFile) -> dict[str, torch.Tensor]:
        """Return weights (of a stage, its first file) as float32 tensors by parameter name. Raises `ModelError`."""
        import safetensors
        import safetensors.torch

        content = self.checked_weights(file)
        try:
            tensors = safetensors.torch.load(content)
        except (
            safetensors.SafetensorError,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            RuntimeError,
        ) as error:
            raise ModelError(
                f"{file.weights} is not a safetensors file ({reason(error)}): get the model again"
            ) from error
        return {name: t.float() if t.is_floating_point() else t for name, t in tensors.items()}

    def weights_bytes(self, file: StageDescription | WeightsFile) -> int:
        """Return the size of a file of weights in bytes. Raises `ModelError` as `read` does."""
        return self._size(file.weights)

    def _size(self, name: str) -> int:
        """Return the size in bytes of a file of the model. Raises `ModelError` when it is missing or too large."""
        with self._readable(name):
            if self._is_folder:
                with open_regular(self.path / name) as file:
                    size, packed = os.fstat(file.fileno()).st_size, None
            else:
                with zipfile.ZipFile(self.path) as archive:
                    member = archive.getinfo(self._prefix + name)
                size, packed = member.file_size, member.compress_size
        most = LARGEST_DESCRIPTION_BYTES if name == DESCRIPTION_FILE else LARGEST_FILE_BYTES
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

    @contextlib.contextmanager
    def _open(self, name: str) -> Iterator[IO[bytes]]:
        if self._is_folder:
            with open_regular(self.path / name) as file:
                yield file
            return
        with zipfile.ZipFile(self.path) as archive, archive.open(self._prefix + name) as packed:
            yield packed

    @contextlib.contextmanager
    def _readable(self, name: str) -> Iterator[None]:
        """Turn errors of reading a file into `ModelError`."""
        try:
            yield
        except _WriteError as error:
            raise error.error from error
        except _READ_ERRORS as error:
            raise ModelError(
                f"the model at {self.path} has no readable file {name} ({reason(error)}): get the whole model again"
            ) from error

    def _folder_in_zip(self) -> str:
        """Return the folder inside the zip that holds model.json: "" or "name/". Raises `ModelError`."""
        with self._readable(DESCRIPTION_FILE):
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
        found = [n for n in names if n.split("/")[-1] == DESCRIPTION_FILE and n.count("/") <= 1]
        if len(found) != 1:
            raise ModelError(
                f"{self.path} holds {len(found)} files named {DESCRIPTION_FILE}; a model has one"
                ": remove the others"
            )
        return found[0][: -len(DESCRIPTION_FILE)]


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
