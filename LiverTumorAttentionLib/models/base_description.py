"""What every `model.json` says of its model, whatever that is for, and how its text is read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from LiverTumorAttentionLib.config_parsing import shown
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.json_values import json_values
from LiverTumorAttentionLib.models.limits import LONGEST_NAME
from LiverTumorAttentionLib.regular_file import reason

DESCRIPTION_FILE = "model.json"


@dataclass(frozen=True, kw_only=True)
class DataSource:
    """Data that the weights were made from."""

    title: str
    """Name of the data set, and what of it was used."""
    licence: str
    """SPDX name of its licence."""
    attribution: str
    """Whom to name, and where; may be empty."""
    stages: tuple[str, ...]
    """Stages that were trained on it."""
    patients: int
    """Patients; 0 for generated data, and where they are not known."""
    cases: int
    """Cases that were trained on."""
    slices: int
    """Slices of these on the network's grid; of several stages the largest number."""

    def __post_init__(self) -> None:
        if not self.title or not self.licence or min(self.patients, self.cases, self.slices) < 0:
            raise ModelError(
                f"model.json: sources: {self.title!r} needs a title, a licence and counts from 0, got the licence "
                f"{self.licence!r} and {self.patients}, {self.cases}, {self.slices}: correct it there"
            )


@dataclass(frozen=True, kw_only=True)
class BaseDescription:
    """What every model says of itself. Raises `ModelError` for an id that cannot name files."""

    format: int
    """Version of the format of its kind of model."""
    id: str
    """Short name by which the model is chosen: lower-case letters, digits, '-' and '.'."""
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
    training: dict[str, Any] = field(default_factory=dict)
    """Where the weights come from: data, command, settings, seed, duration."""
    scores: dict[str, Any] = field(default_factory=dict)
    """What was measured, on what, by which command."""
    sources: tuple[DataSource, ...] = ()
    """Data that the weights were made from, each with licence and attribution; () says nothing."""
    never_seen: tuple[str, ...] = ()
    """What training held nothing of, in plain words."""
    known_failures: tuple[str, ...] = ()
    """Where it is known to fail, in plain words."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", self.id) or len(self.id) > LONGEST_NAME:
            raise ModelError(
                f"model.json: id must be lower-case letters, digits, '-' and '.', at most {LONGEST_NAME} of them, "
                f"got {shown(self.id)}: correct it there"
            )


def description_values(text: bytes, where: str) -> Any:
    """Return the values of a `model.json`, unchecked. where: how to call it. Raises `ModelError` for no JSON."""
    try:
        return json_values(text)
    except ValueError as error:
        raise ModelError(f"{where} is not valid JSON ({reason(error)}): get the model again") from error
