"""A model on disk: a folder, or a zip of it. Only the files that model.json names are ever read."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.models.base_description import DESCRIPTION_FILE
from LiverTumorAttentionLib.models.card import NOTES
from LiverTumorAttentionLib.models.description import ModelDescription, read_description
from LiverTumorAttentionLib.models.model_files import LARGEST_TEXT_BYTES, ModelFiles
from LiverTumorAttentionLib.models.weights_file import HasWeights
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.regular_file import reason

if TYPE_CHECKING:
    import torch

_CHUNK_BYTES = 1 << 22


class PackageFiles:
    """The files of a model: a folder that holds `model.json`, or a .zip that holds it at its top or in its only folder.

    where: what a message calls its `model.json`.
    Raises `ModelError` when there is no such file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        files = ModelFiles(path)
        self._files = files if files.is_folder else files.folder(_folder_in_zip(files))
        self.where = f"{path.name}/{DESCRIPTION_FILE}"

    def read(self, name: str) -> bytes:
        """Return the bytes of a file of the model. Raises `ModelError` when it is not there or too large."""
        return self._files.read(name, most=_most(name))

    def copy(self, name: str, target: Path) -> None:
        """Write a file of the model to `target`. Raises `ModelError` where it cannot be read, else `OSError`."""
        self._files.copy(name, target, most=_most(name))

    def checked(self, file: HasWeights, model: str) -> bytes:
        """Return the bytes of a file of weights after comparing them with their SHA-256. model: its id, to name it."""
        content = self.read(file.weights)
        compare(file, hashlib.sha256(content).hexdigest(), model)
        return content

    def tensors(self, file: HasWeights, model: str) -> dict[str, torch.Tensor]:
        """Return a file of weights, checked, as float32 tensors by parameter name. Raises `ModelError`."""
        import safetensors
        import safetensors.torch

        content = self.checked(file, model)
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

    def weights_bytes(self, file: HasWeights) -> int:
        """Return the size of a file of weights in bytes. Raises `ModelError` as `read` does."""
        return self._size(file.weights)

    def _size(self, name: str) -> int:
        return self._files.size(name, most=_most(name))


def compare(file: HasWeights, found: str, model: str) -> None:
    """Raise `ModelError` where the SHA-256 of a file of weights is not that of its model, whose id is given."""
    if found != file.sha256:
        raise ModelError(
            f"the file {file.weights} of the model {model!r} is damaged or was changed: "
            f"its SHA-256 is {found[:12]}…, model.json says {file.sha256[:12]}…: get the model again"
        )


class ModelPackage(PackageFiles):
    """A model whose description was read and is valid. Weights are read, and checked, when asked for.

    path: a folder that holds `model.json`, or a .zip that holds it at its top or in its only folder.
    Raises `ModelError` when there is no such file or the description cannot be used.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.description: ModelDescription = read_description(self.read(DESCRIPTION_FILE), where=self.where)

    def files(self) -> list[str]:
        """Return the names of all files that belong to the model; its card and licence where they lie there."""
        notes = [name for name in NOTES if self._files.has(name)]
        return [DESCRIPTION_FILE, *(file.weights for file in self.description.weight_files), *notes]

    def size_bytes(self) -> int:
        """Return the size of all files of the model together. Raises `ModelError` when one is not there."""
        return sum(self._size(name) for name in self.files())

    def verify(self, progress: Progress | None = None) -> None:
        """Check the checksum of all weights. Raises `ModelError` on the first that differs."""
        progress = progress or Progress()
        files = self.description.weight_files
        for number, file in enumerate(files):
            part = progress.part(number / len(files), (number + 1) / len(files), f"verifying {file.weights}")
            compare(file, self._digest(file.weights, part), self.description.id)

    def checked_weights(self, file: HasWeights) -> bytes:
        """Return the bytes of a file of weights (of a stage, its first) after comparing them with their SHA-256."""
        return self.checked(file, self.description.id)

    def _digest(self, name: str, progress: Progress) -> str:
        """Return the SHA-256 of a file, read in chunks: weights can be larger than the free memory."""
        digest, done = hashlib.sha256(), 0
        with self._files.readable(name):
            total = max(self._size(name), 1)
            with self._files.opened(name) as file:
                while chunk := file.read(_CHUNK_BYTES):
                    digest.update(chunk)
                    done += len(chunk)
                    progress.update(done / total)
        return digest.hexdigest()

    def load_weights(self, file: HasWeights) -> dict[str, torch.Tensor]:
        """Return weights (of a stage, its first file) as float32 tensors by parameter name. Raises `ModelError`."""
        return self.tensors(file, self.description.id)


def _most(name: str) -> int | None:
    return LARGEST_TEXT_BYTES if name == DESCRIPTION_FILE else None


def _folder_in_zip(files: ModelFiles) -> str:
    """Return the folder inside the zip that holds model.json: "" or "name/". Raises `ModelError`."""
    found = [n for n in files.names() if n.split("/")[-1] == DESCRIPTION_FILE and n.count("/") <= 1]
    if len(found) != 1:
        raise ModelError(
            f"{files.path} holds {len(found)} files named {DESCRIPTION_FILE}; a model has one"
            ": remove the others"
        )
    return found[0][: -len(DESCRIPTION_FILE)]
