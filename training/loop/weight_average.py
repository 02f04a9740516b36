"""A running average of a network's weights, which is steadier than the weights themselves."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn


class RunningAverage:
    """Follows a network; `weights` is its state averaged. decay: share of the average that a step keeps, in the end."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._decay = decay
        self.weights = {name: value.detach().clone() for name, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Move towards the weights after `step` steps; quickly at first, so that the start is soon forgotten."""
        decay = min(self._decay, (1 + step) / (10 + step))
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                self.weights[name].lerp_(value, 1 - decay)
            else:
                self.weights[name].copy_(value)

    def restore(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Go on from stored weights."""
        for name, value in self.weights.items():
            value.copy_(weights[name])
