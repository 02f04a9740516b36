"""The block `candidate_network` of `model.json`: the network of the second look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from LiverTumorAttentionLib.config_parsing import shown
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.models.weights_file import WeightsFile, weights_problem

ARGUMENTS = {"candidate_net": ("width", "dropout"), "candidate_ensemble": ("members", "width", "dropout")}
"""Of each network that gives a logit of a patch, what a model may set: the channels of a patch are given."""


@dataclass(frozen=True, kw_only=True)
class CandidateNetworkDescription:
    """A network that sees the patch around each candidate. Its logit is a feature of the block `candidates`."""

    network: str
    """Name in the registry of networks."""
    arguments: dict[str, Any]
    """Arguments of that network."""
    weights: str
    """File name of the weights inside the model, ending in .safetensors."""
    sha256: str
    """SHA-256 of that file, 64 hexadecimal digits."""

    def __post_init__(self) -> None:
        problem = weights_problem(self.weights, self.sha256)
        if self.network not in ARGUMENTS:
            problem = f"its network must be {' or '.join(map(repr, ARGUMENTS))}, got {shown(self.network)}"
        elif not set(self.arguments) <= set(ARGUMENTS[self.network]):
            problem = (
                f"its network takes {', '.join(ARGUMENTS[self.network])}, got {shown(sorted(self.arguments))}"
            )
        if problem:
            raise ModelError(f"model.json: candidate_network: {problem}: correct it there")

    @property
    def file(self) -> WeightsFile:
        """Its file of weights."""
        return WeightsFile(weights=self.weights, sha256=self.sha256)
