"""A model on disk: a folder, or a zip of it."""

from __future__ import annotations

import contextlib
import hashlib
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.models.description import ModelDescription, StageDescription, read_description
from LiverTumorAttentionLib.progress import Progress

if TYPE_CHECKING:
    import torch

DESCRIPTION_FILE = "model.json"
LARGEST_FILE_BYTES = 2 * 1024**3
_CHUNK_BYTES = 1 << 22


class ModelPackage:
    """A model whose description was read and is valid. Weights are read, and checked, when asked for.

    path: a folder that holds `model.json`, or a .zip that holds it at its top or in its only folder.
    Raises `ModelError` when there is no such file or the description cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._prefix = ""
        if path.is_file() and zipfile.is_zipfile(path):
            self._prefix = self._folder_in_zip()
        elif not path.is_dir():
            raise ModelError(
                f"{path} is neither a model folder nor a zip of one"
                ": choose a folder or zip that holds model.json"
            )
        self.description: ModelDescription = read_description(
            self.read(DESCRIPTION_FILE), where=f"{path.name}/{DESCRIPTION_FILE}"
        )

    def read(self, name: str) -> bytes:
        """Return the bytes of a file of the model. Raises `ModelError` when it is not there."""
        self._size(name)  # refuses a file that is too large to read into memory
        with self._readable(name), self._open(name) as file:
            return file.read()

    def files(self) -> list[str]:
        """Return the names of all files that belong to the model."""
        return [DESCRIPTION_FILE, *(stage.weights for stage in self.description.stages)]

    def size_bytes(self) -> int:
        """Return the size of all files of the model together. Raises `ModelError` when one is not there."""
        return sum(self._size(name) for name in self.files())

    def verify(self, progress: Progress | None = None) -> None:
        """Check the checksum of every stage's weights. Raises `ModelError` on the first that differs."""
        progress = progress or Progress()
        stages = self.description.stages
        for number, stage in enumerate(stages):
            part = progress.part(
                number / len(stages), (number + 1) / len(stages), f"verifying {stage.weights}"
            )
            self._compare(stage, self._digest(stage.weights, part))

    def checked_weights(self, stage: StageDescription) -> bytes:
        """Return the bytes of a stage's weights after comparing their SHA-256 with the description's."""
        content = self.read(stage.weights)
        self._compare(stage, hashlib.sha256(content).hexdigest())
        return content

    def _compare(self, stage: StageDescription, found: str) -> None:
        if found != stage.sha256:
            raise ModelError(
                f"the file {stage.weights} of the model {self.description.id!r} is damaged or was changed: "
                f"its SHA-256 is {found[:12]}…, model.json says {stage.sha256[:12]}…: get the model again"
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

    def load_weights(self, stage: StageDescription) -> dict[str, torch.Tensor]:
        """Return a stage's weights as float32 tensors by parameter name. Raises `ModelError`."""
        import safetensors
        import safetensors.torch

        content = self.checked_weights(stage)
        try:
            tensors = safetensors.torch.load(content)
        except (safetensors.SafetensorError, ValueError, KeyError) as error:
            raise ModelError(
                f"{stage.weights} is not a safetensors file ({error}): get the model again"
            ) from error
        return {name: t.float() if t.is_floating_point() else t for name, t in tensors.items()}

    def _size(self, name: str) -> int:
        """Return the size in bytes of a file of the model. Raises `ModelError` when it is missing or too large."""
        with self._readable(name):
            if self.path.is_dir():
                return (self.path / name).stat().st_size
            with zipfile.ZipFile(self.path) as archive:
                size = archive.getinfo(self._prefix + name).file_size
        if size > LARGEST_FILE_BYTES:
            raise ModelError(
                f"{name} in {self.path} is larger than 2 GiB and is not read: get the model again"
            )
        return size

    @contextlib.contextmanager
    def _open(self, name: str) -> Iterator[IO[bytes]]:
        if self.path.is_dir():
            with (self.path / name).open("rb") as file:
                yield file
            return
        with zipfile.ZipFile(self.path) as archive, archive.open(self._prefix + name) as packed:
            yield packed

    @contextlib.contextmanager
    def _readable(self, name: str) -> Iterator[None]:
        """Turn errors of reading a file into `ModelError`."""
        try:
            yield
        except (OSError, EOFError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
            # RuntimeError: a zip with a password.
            raise ModelError(
                f"the model at {self.path} has no readable file {name}: get the whole model again"
            ) from error

    def _folder_in_zip(self) -> str:
        """Return the folder inside the zip that holds model.json: "" or "name/"."""
        with zipfile.ZipFile(self.path) as archive:
            found = [
                n for n in archive.namelist() if n.split("/")[-1] == DESCRIPTION_FILE and n.count("/") <= 1
            ]
        if len(found) != 1:
            raise ModelError(
                f"{self.path} holds {len(found)} files named {DESCRIPTION_FILE}; a model has one"
                ": remove the others"
            )
        return found[0][: -len(DESCRIPTION_FILE)]
