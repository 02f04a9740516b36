"""A file of weights in a model: its name and its checksum."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from LiverTumorAttentionLib.config_parsing import shown
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.models.limits import LONGEST_NAME


class HasWeights(Protocol):
    """What names a file of weights: one of several, a stage, or the description of a model with one network."""

    @property
    def weights(self) -> str:
        """File name inside the model, ending in .safetensors."""

    @property
    def sha256(self) -> str:
        """SHA-256 of that file, 64 hexadecimal digits."""


@dataclass(frozen=True, kw_only=True)
class WeightsFile:
    """One file of weights of a network that has several."""

    weights: str
    """File name inside the model, ending in .safetensors."""
    sha256: str
    """SHA-256 of that file, 64 hexadecimal digits."""

    def __post_init__(self) -> None:
        problem = weights_problem(self.weights, self.sha256)
        if problem:
            raise ModelError(f"model.json: {problem}: correct it there")


def weights_problem(weights: str, sha256: str) -> str | None:
    """Say what is wrong with the name or the checksum of a file of weights, or None."""
    if not re.fullmatch(r"\w[\w. -]*\.safetensors", weights) or len(weights) > LONGEST_NAME:
        return (
            "weights must be the name of a .safetensors file beside model.json, of letters, digits, '-', '_' and "
            f"'.', at most {LONGEST_NAME}, got {shown(weights)}"
        )
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        return f"sha256 must be 64 hexadecimal digits, got {shown(sha256)}"
    return None
