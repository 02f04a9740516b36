"""What `model.json` says: everything needed to run a model, and everything a user should know of it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from LiverTumorAttentionLib.config_parsing import from_mapping
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.models.stage import StageDescription

FORMAT_VERSION = 2
STAGE_ORDERS = (["liver", "tumor"], ["liver_and_tumor"])


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
class ModelDescription:
    """The whole of `model.json`."""

    format: int
    """Version of this format; 2."""
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
    """The liver stage and then the tumor stage, or one stage that finds both."""
    labels: tuple[Label, ...]
    """The labels it finds."""
    postprocessing: dict[str, Any] = field(default_factory=dict)
    """Settings of the step from probabilities to tumors where they differ from the defaults."""
    training: dict[str, Any] = field(default_factory=dict)
    """Where the weights come from: data, command, settings, seed, duration."""
    scores: dict[str, Any] = field(default_factory=dict)
    """What was measured, on what, by which command."""

    def __post_init__(self) -> None:
        check_format(self.format)
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", self.id):
            raise ModelError(
                f"model.json: id must be lower-case letters, digits, '-' and '.', got {self.id!r}"
            )
        names = [stage.name for stage in self.stages]
        if names not in STAGE_ORDERS:
            raise ModelError(
                "model.json: expected the stages 'liver' and 'tumor', in this order, or the one stage "
                f"'liver_and_tumor'; got {names}"
            )

    @property
    def liver_stage(self) -> StageDescription:
        """The stage that finds the liver."""
        return self.stages[0]

    @property
    def tumor_stage(self) -> StageDescription:
        """The stage that finds the tumors; the same one where one stage finds both."""
        return self.stages[-1]

    def stage(self, name: str) -> StageDescription:
        """Return the stage of that name."""
        for stage in self.stages:
            if stage.name == name:
                return stage
        raise ModelError(f"the model {self.id!r} has no stage {name!r}")

    @property
    def takes_arterial(self) -> bool:
        """Whether the tumors are found in the arterial phase too, where there is one."""
        return "arterial" in self.tumor_stage.phases

    @property
    def needs_arterial(self) -> bool:
        """Whether the model cannot run on the portal phase alone."""
        return any("arterial" in stage.phases and stage.missing_phase == "refuse" for stage in self.stages)


def check_format(version: int) -> None:
    """Raise `ModelError` for a format of `model.json` that this version does not read."""
    if version != FORMAT_VERSION:
        raise ModelError(
            f"model.json: format {version} is not known to this version, which reads format "
            f"{FORMAT_VERSION}: get the model and LiverTumorAttention in versions that fit each other"
        )


def read_description(text: bytes, where: str) -> ModelDescription:
    """Read `model.json`. Raises `ModelError` naming what is unknown, missing or of the wrong type."""
    try:
        values = json.loads(text)
    except ValueError as error:
        raise ModelError(f"{where} is not valid JSON ({error}): get the model again") from error
    if isinstance(values, dict) and isinstance(values.get("format"), int):
        check_format(values["format"])  # before the keys, which another format has others of
    return from_mapping(ModelDescription, values, where=where, error=ModelError)
