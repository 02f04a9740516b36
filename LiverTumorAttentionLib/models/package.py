"""One model on disk: a folder, or a zip of it."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.models.description import ModelDescription, StageDescription, read_description

if TYPE_CHECKING:
    import torch

DESCRIPTION_FILE = "model.json"
LARGEST_FILE_BYTES = 2 * 1024**3


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
            raise ModelError(f"{path} is neither a model folder nor a zip of one")
        self.description: ModelDescription = read_description(
            self.read(DESCRIPTION_FILE), where=f"{path.name}/{DESCRIPTION_FILE}"
        )

    def read(self, name: str) -> bytes:
        """Return the bytes of a file of the model. Raises `ModelError` when it is not there."""
        try:
            if self.path.is_dir():
                return (self.path / name).read_bytes()
            with zipfile.ZipFile(self.path) as archive:
                if archive.getinfo(self._prefix + name).file_size > LARGEST_FILE_BYTES:
                    raise ModelError(f"{name} in {self.path} is larger than 2 GiB and is not read")
                return archive.read(self._prefix + name)
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            raise ModelError(
                f"the model at {self.path} has no readable file {name}: get the whole model again"
            ) from error

    def files(self) -> list[str]:
        """Return the names of all files that belong to the model."""
        return [DESCRIPTION_FILE, *(stage.weights for stage in self.description.stages)]

    def size_bytes(self) -> int:
        """Return the size of all files of the model together."""
        return sum(len(self.read(name)) for name in self.files())

    def verify(self) -> None:
        """Check the checksum of every stage's weights. Raises `ModelError` on the first that differs."""
        for stage in self.description.stages:
            self.checked_weights(stage)

    def checked_weights(self, stage: StageDescription) -> bytes:
        """Return the bytes of a stage's weights after comparing their SHA-256 with the description's."""
        content = self.read(stage.weights)
        found = hashlib.sha256(content).hexdigest()
        if found != stage.sha256:
            raise ModelError(
                f"{stage.weights} of the model {self.description.id!r} is damaged or was changed: "
                f"its SHA-256 is {found[:12]}…, model.json says {stage.sha256[:12]}…: get the model again"
            )
        return content

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

    def _folder_in_zip(self) -> str:
        """Return the folder inside the zip that holds model.json: "" or "name/"."""
        with zipfile.ZipFile(self.path) as archive:
            found = [
                n for n in archive.namelist() if n.split("/")[-1] == DESCRIPTION_FILE and n.count("/") <= 1
            ]
        if len(found) != 1:
            raise ModelError(
                f"{self.path} holds {len(found)} files named {DESCRIPTION_FILE}; a model has one"
            )
        return found[0][: -len(DESCRIPTION_FILE)]
