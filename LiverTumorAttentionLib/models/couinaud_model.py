"""The model that tells the Couinaud segments of a liver: a folder with `model.json` of that kind, and weights.

It finds no liver and no tumor: it is given the liver that was found, and is not installed beside the models that
segment.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from LiverTumorAttentionLib.config_parsing import from_mapping, shown
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.json_values import json_values
from LiverTumorAttentionLib.models.description import DataSource
from LiverTumorAttentionLib.models.limits import LARGEST_PATCH_VOXELS, LONGEST_NAME
from LiverTumorAttentionLib.models.model_files import LARGEST_TEXT_BYTES, ModelFiles
from LiverTumorAttentionLib.models.weights_file import weights_problem
from LiverTumorAttentionLib.regular_file import reason

if TYPE_CHECKING:
    import torch

KIND = "couinaud"
FORMAT = 1
BUNDLED = Path(__file__).resolve().parent.parent / "data" / KIND
"""Folder of the model that ships with the library."""


@dataclass(frozen=True, kw_only=True)
class CouinaudDescription:
    """The whole of `model.json` of a model for segments."""

    kind: str
    """KIND."""
    format: int
    """Version of this format: FORMAT."""
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
    """Name in the registry of networks; its classes are the segments I to VIII."""
    arguments: dict[str, Any]
    """Arguments of that network."""
    size_zyx: tuple[int, int, int]
    """Voxels of its grid along z, y and x."""
    liver_voxels: int
    """How many of them the liver covers, which decides their size."""
    weights: str
    """File name of the weights, ending in .safetensors."""
    sha256: str
    """SHA-256 of that file, 64 hexadecimal digits."""
    training: dict[str, Any] = field(default_factory=dict)
    """Where the weights come from: cases, settings, seed, steps."""
    scores: dict[str, Any] = field(default_factory=dict)
    """What was measured, on what, by which command."""
    sources: tuple[DataSource, ...] = ()
    """Data that the weights were made from, each with licence and attribution."""
    known_failures: tuple[str, ...] = ()
    """Where it is known to fail, in plain words."""

    def __post_init__(self) -> None:
        problem = self._problem()
        if problem:
            raise ModelError(f"model.json: {problem}: correct it there")

    def _problem(self) -> str | None:
        if self.kind != KIND or self.format != FORMAT:
            return f"kind and format must be {KIND!r} and {FORMAT}, got {shown(self.kind)} and {shown(self.format)}"
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", self.id) or len(self.id) > LONGEST_NAME:
            return f"id must be lower-case letters, digits, '-' and '.', got {shown(self.id)}"
        if (
            min(self.size_zyx) < 8
            or self.size_zyx[0] * self.size_zyx[1] * self.size_zyx[2] > LARGEST_PATCH_VOXELS
        ):
            return f"size_zyx must be three numbers of voxels from 8 on, got {self.size_zyx}"
        if not 100 <= self.liver_voxels <= self.size_zyx[0] * self.size_zyx[1] * self.size_zyx[2]:
            return f"liver_voxels must lie between 100 and the voxels of the grid, got {self.liver_voxels}"
        return weights_problem(self.weights, self.sha256)

    @property
    def words(self) -> str:
        """The model as outputs name it."""
        return f"the model {self.id} {self.version}"


class CouinaudModel:
    """A model for segments whose description was read and is valid; its weights are read, and checked, when asked for.

    path: its folder, or a zip of the files; None for the one that ships with the library. Raises `ModelError`.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._files = ModelFiles(path or BUNDLED)
        try:
            values = json_values(self._files.read("model.json", most=LARGEST_TEXT_BYTES))
        except ValueError as error:
            raise ModelError(
                f"model.json is not valid JSON ({reason(error)}): get the model again"
            ) from error
        self.description: CouinaudDescription = from_mapping(
            CouinaudDescription, values, where="model.json", error=ModelError
        )

    def load_weights(self) -> dict[str, torch.Tensor]:
        """Return the weights as float32 tensors by parameter name. Raises `ModelError` where they were changed."""
        import safetensors
        import safetensors.torch

        content = self._files.read(self.description.weights)
        if hashlib.sha256(content).hexdigest() != self.description.sha256:
            raise ModelError(
                f"the file {self.description.weights} of {self.description.words} is damaged or was changed: get the "
                "model again"
            )
        try:
            tensors = safetensors.torch.load(content)
        except (safetensors.SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
            raise ModelError(
                f"{self.description.weights} is not a safetensors file ({reason(error)}): get the model again"
            ) from error
        return {name: t.float() if t.is_floating_point() else t for name, t in tensors.items()}
