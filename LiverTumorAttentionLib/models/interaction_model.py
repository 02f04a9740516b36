"""A model that answers clicks: a folder or zip with a `model.json` of kind "interaction" and one file of weights."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from LiverTumorAttentionLib.config_parsing import from_mapping, shown
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.json_values import json_values
from LiverTumorAttentionLib.models.description import DataSource
from LiverTumorAttentionLib.models.limits import LONGEST_NAME
from LiverTumorAttentionLib.models.package import DESCRIPTION_FILE, PackageFiles
from LiverTumorAttentionLib.models.weights_file import WeightsFile
from LiverTumorAttentionLib.regular_file import reason

if TYPE_CHECKING:
    import torch

KIND = "interaction"
"""What `kind` of its model.json is; models that segment whole cases have none."""
INTERACTION_FORMAT = 1
"""Version of its model.json."""


@dataclass(frozen=True, kw_only=True)
class InteractionDescription:
    """The `model.json` of a model that answers clicks."""

    kind: str
    """"interaction"."""
    format: int
    """Version of this format."""
    id: str
    """Short name: lower-case letters, digits, '-' and '.'."""
    title: str
    """Name shown to the user."""
    version: str
    """The model's own version."""
    licence: str
    """SPDX name of the licence of the weights."""
    statement: str
    """Statement to the user, shown wherever the model is named."""
    intended_use: str
    """What the model is for and what not."""
    network: str
    """Name in the registry of networks; its input is that of `correction.click_network.channels`."""
    arguments: dict[str, Any]
    """Arguments of that network."""
    weights: str
    """File name of the weights inside the model, ending in .safetensors."""
    sha256: str
    """SHA-256 of that file, 64 hexadecimal digits."""
    training: dict[str, Any] = field(default_factory=dict)
    """Where the weights come from: recipe, settings, seed, versions."""
    scores: dict[str, Any] = field(default_factory=dict)
    """What was measured, on what, by which command."""
    sources: tuple[DataSource, ...] = ()
    """Data that the weights were made from, each with licence and attribution."""
    never_seen: tuple[str, ...] = ()
    """What training held nothing of, in plain words."""
    known_failures: tuple[str, ...] = ()
    """Where it is known to fail, in plain words."""

    def __post_init__(self) -> None:
        if self.kind != KIND or self.format != INTERACTION_FORMAT:
            raise ModelError(
                f"model.json: expected the kind {KIND!r} in format {INTERACTION_FORMAT}, got {shown(self.kind)} in "
                f"format {shown(self.format)}: get a model that answers clicks, in a version that fits this one"
            )
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", self.id) or len(self.id) > LONGEST_NAME:
            raise ModelError(
                f"model.json: id must be lower-case letters, digits, '-' and '.', at most {LONGEST_NAME} of them, "
                f"got {shown(self.id)}: correct it there"
            )
        WeightsFile(weights=self.weights, sha256=self.sha256)


class InteractionPackage(PackageFiles):
    """A model that answers clicks, on disk. Weights are read, and checked, when asked for.

    Raises `ModelError` when the folder or zip holds none, or its description cannot be used.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.description = read_interaction(
            self.read(DESCRIPTION_FILE), where=f"{path.name}/{DESCRIPTION_FILE}"
        )

    @property
    def id(self) -> str:
        """Id of the model."""
        return self.description.id

    def load(self) -> dict[str, torch.Tensor]:
        """Return its weights as float32 tensors by parameter name. Raises `ModelError`."""
        return self.tensors(
            WeightsFile(weights=self.description.weights, sha256=self.description.sha256), self.id
        )


def read_interaction(text: bytes, where: str) -> InteractionDescription:
    """Read `model.json` of a model that answers clicks. Raises `ModelError` naming what is wrong."""
    try:
        values = json_values(text)
    except ValueError as error:
        raise ModelError(f"{where} is not valid JSON ({reason(error)}): get the model again") from error
    if isinstance(values, dict) and values.get("kind") != KIND:
        raise ModelError(f"{where} is no model that answers clicks (kind {KIND!r}): choose one of that kind")
    return from_mapping(InteractionDescription, values, where=where, error=ModelError)
