"""What `model.json` says: everything needed to run a model, and everything a user should know of it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.strict import from_mapping

FORMAT_VERSION = 1
PHASES = ("portal", "arterial")


@dataclass(frozen=True, kw_only=True)
class Label:
    """One label that the model finds, with its code in a standard terminology."""

    value: int
    """Value in a semantic label map: 1 liver, 2 tumor."""
    name: str
    """Name shown to the user."""
    scheme: str
    """Coding scheme, such as "SCT" (SNOMED CT)."""
    code: str
    """Code in that scheme."""
    meaning: str
    """The code's meaning in words."""


@dataclass(frozen=True, kw_only=True)
class StageDescription:
    """One network of the model, its input, and the way it is run over a volume."""

    name: str
    """What the stage finds: "liver" or "tumor"."""
    network: str
    """Name in the registry of networks."""
    arguments: dict[str, Any]
    """Arguments of that network."""
    weights: str
    """File name of the stage's weights inside the model, ending in .safetensors."""
    sha256: str
    """SHA-256 of that file, 64 hexadecimal digits."""
    phases: tuple[str, ...]
    """Phases that the network takes, in the order of its arguments."""
    window_hu: tuple[float, float]
    """Intensity window in HU that becomes [0, 1]."""
    neighbours: int
    """Slices on each side that are stacked with a slice as channels."""
    in_plane_spacing_mm: float
    """Pixel spacing at which the network works."""
    slice_spacing_range_mm: tuple[float, float]
    """The volume's own slice spacing is kept within this range and clamped to it outside."""
    tile: tuple[int, int]
    """Height and width of a tile in pixels."""
    overlap: float
    """Share of a tile that it has in common with its neighbour, 0 to below 1."""
    mask_dilation_mm: float = 0.0
    """For a tumor stage: what lies farther outside the coarse liver than this is set to 0."""
    missing_phase: str = "refuse"
    """What to do without an arterial volume: "refuse", or "portal" to give the portal volume in its place."""

    def __post_init__(self) -> None:
        problem = self._problem()
        if problem:
            raise ModelError(f"model.json: stage {self.name!r}: {problem}")

    def _problem(self) -> str | None:
        """Say what is wrong with the values, or None."""
        if self.name not in ("liver", "tumor"):
            return "a stage is named 'liver' or 'tumor'"
        if not self.weights.endswith(".safetensors") or "/" in self.weights or "\\" in self.weights:
            return f"weights must be the name of a .safetensors file beside model.json, got {self.weights!r}"
        if not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            return f"sha256 must be 64 hexadecimal digits, got {self.sha256!r}"
        if not self.phases or any(phase not in PHASES for phase in self.phases):
            return f"phases must be taken from {PHASES}, got {self.phases}"
        if not self.window_hu[0] < self.window_hu[1]:
            return f"window_hu must rise, got {self.window_hu}"
        if self.neighbours < 0 or self.in_plane_spacing_mm <= 0 or self.mask_dilation_mm < 0:
            return "neighbours, in_plane_spacing_mm and mask_dilation_mm must not be negative or zero spacing"
        if not 0 < self.slice_spacing_range_mm[0] <= self.slice_spacing_range_mm[1]:
            return f"slice_spacing_range_mm must be positive and rise, got {self.slice_spacing_range_mm}"
        if min(self.tile) < 32 or not 0 <= self.overlap < 1:
            return (
                f"tile must be at least 32 pixels and overlap in [0, 1), got {self.tile} and {self.overlap}"
            )
        if self.missing_phase not in ("refuse", "portal"):
            return f"missing_phase must be 'refuse' or 'portal', got {self.missing_phase!r}"
        return None


@dataclass(frozen=True, kw_only=True)
class ModelDescription:
    """The whole of `model.json`."""

    format: int
    """Version of this format; 1."""
    id: str
    """Short name by which the model is chosen: lower-case letters, digits, '-' and '.'."""
    title: str
    """Name shown to the user."""
    version: str
    """The model's own version."""
    licence: str
    """SPDX name of the licence of the weights."""
    statement: str
    """What the user must know, shown wherever the model is named."""
    intended_use: str
    """What the model is for and what not."""
    stages: tuple[StageDescription, ...]
    """The liver stage, then the tumor stage."""
    labels: tuple[Label, ...]
    """The labels it finds."""
    postprocessing: dict[str, Any] = field(default_factory=dict)
    """Settings of the step from probabilities to tumors where they differ from the defaults."""
    training: dict[str, Any] = field(default_factory=dict)
    """Where the weights come from: data, command, settings, seed, duration."""
    scores: dict[str, Any] = field(default_factory=dict)
    """What was measured, on what, by which command."""

    def __post_init__(self) -> None:
        if self.format != FORMAT_VERSION:
            raise ModelError(
                f"model.json: format {self.format} is not known to this version, which reads format "
                f"{FORMAT_VERSION}: update LiverTumorAttention or get the model in an older format"
            )
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", self.id):
            raise ModelError(
                f"model.json: id must be lower-case letters, digits, '-' and '.', got {self.id!r}"
            )
        if [stage.name for stage in self.stages] != ["liver", "tumor"]:
            got = [stage.name for stage in self.stages]
            raise ModelError(f"model.json: expected the stages 'liver' and 'tumor', got {got}")
        if self.stage("liver").phases != ("portal",):
            raise ModelError(
                "model.json: the liver stage takes the portal phase alone; it is run on each phase"
            )
        if self.stage("tumor").phases[0] != "portal":
            raise ModelError("model.json: the tumor stage must take the portal phase first")

    def stage(self, name: str) -> StageDescription:
        """Return the stage of that name."""
        for stage in self.stages:
            if stage.name == name:
                return stage
        raise ModelError(f"the model {self.id!r} has no stage {name!r}")

    @property
    def needs_arterial(self) -> bool:
        """Whether the model cannot run on the portal phase alone."""
        return any("arterial" in stage.phases and stage.missing_phase == "refuse" for stage in self.stages)


def read_description(text: bytes, where: str) -> ModelDescription:
    """Read `model.json`. Raises `ModelError` naming what is unknown, missing or of the wrong type."""
    try:
        values = json.loads(text)
    except ValueError as error:
        raise ModelError(f"{where} is not valid JSON ({error}): get the model again") from error
    return from_mapping(ModelDescription, values, where=where, error=ModelError)
