"""Models of one network, which segment no whole case: their `model.json`, and their folder or zip.

Each kind of them has a description of its own, which says what else its `model.json` holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from LiverTumorAttentionLib.config_parsing import from_mapping, shown
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.models.base_description import (
    DESCRIPTION_FILE,
    BaseDescription,
    description_values,
)
from LiverTumorAttentionLib.models.package import PackageFiles
from LiverTumorAttentionLib.models.weights_file import weights_problem

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class OneNetworkDescription(BaseDescription):
    """What the `model.json` of every model of one network holds."""

    KIND: ClassVar[str]
    """What `kind` of its model.json is; models that segment whole cases have none."""
    FORMAT: ClassVar[int]
    """Version of its model.json."""
    DOES: ClassVar[str]
    """What such a model does, as in "a model that …"."""

    kind: str
    """KIND."""
    network: str
    """Name in the registry of networks."""
    arguments: dict[str, Any]
    """Arguments of that network."""
    weights: str
    """File name of the weights inside the model, ending in .safetensors."""
    sha256: str
    """SHA-256 of that file, 64 hexadecimal digits."""

    def __post_init__(self) -> None:
        super().__post_init__()
        problem = weights_problem(self.weights, self.sha256)
        if problem:
            raise ModelError(f"model.json: {problem}: correct it there")


Described = TypeVar("Described", bound=OneNetworkDescription)


class OneNetworkPackage(PackageFiles, Generic[Described]):
    """A model of one network whose description was read and is valid. Weights are read, and checked, when asked for.

    path: as for `PackageFiles`. kind: the description of the kind of model that it has to be.
    Raises `ModelError` when the folder or zip holds none, or its description cannot be used.
    """

    def __init__(self, path: Path, kind: type[Described]) -> None:
        super().__init__(path)
        self.description: Described = read_one_network(kind, self.read(DESCRIPTION_FILE), self.where)

    @property
    def id(self) -> str:
        """Id of the model."""
        return self.description.id

    def load_weights(self) -> dict[str, torch.Tensor]:
        """Return its weights as float32 tensors by parameter name. Raises `ModelError` where they were changed."""
        return self.tensors(self.description, self.id)


def read_one_network(kind: type[Described], text: bytes, where: str) -> Described:
    """Read the `model.json` of a kind of models. where: what to call it. Raises `ModelError` naming what is wrong."""
    values = description_values(text, where)
    if isinstance(values, dict):  # before the keys, which differ in other kinds and formats
        found = (values.get("kind"), values.get("format"))
        if found != (kind.KIND, kind.FORMAT):
            raise ModelError(
                f"{where} is no model that {kind.DOES} (kind and format must be {kind.KIND!r} and {kind.FORMAT}, got "
                f"{shown(found[0])} and {shown(found[1])}): choose one of that kind, in a version that fits this one"
            )
    return from_mapping(kind, values, where=where, error=ModelError)
