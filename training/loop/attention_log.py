"""What the attention of a network weighs, in figures: for attention.csv beside the scores of a run.

One row a validation, of the same few samples each time:

    MODULE mean, sd, lowest, highest    of the weights that an attention map passes on, over places or channels: the
                                        scales s of PA-ResSeg's Inter-PA, sigmoid(A) of SpaCor and SemCor, ...
    PARAMETER                           the value of a parameter that is a single number: gamma of Intra-PA, alpha and
                                        beta of the context network, the logarithm of a learned sharpness

An attention that weighs all alike has no spread; one that never leaves its start has a gamma that stays 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from LiverTumorAttentionLib.networks import AttentionMap

SAMPLES = 4


@dataclass(kw_only=True)
class _Weights:
    """Sums of the weights that a map has passed on."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0
    lowest: float = math.inf
    highest: float = -math.inf

    def add(self, weights: torch.Tensor) -> None:
        values = weights.detach().double()
        self.count += values.numel()
        self.total += float(values.sum())
        self.squares += float(values.square().sum())
        self.lowest = min(self.lowest, float(values.min()))
        self.highest = max(self.highest, float(values.max()))

    def figures(self) -> dict[str, float]:
        """Mean, standard deviation, lowest and highest."""
        mean = self.total / self.count
        sd = math.sqrt(max(self.squares / self.count - mean**2, 0.0))
        return {"mean": mean, "sd": sd, "lowest": self.lowest, "highest": self.highest}


def has_attention(network: nn.Module) -> bool:
    """Whether there is anything to log of a network."""
    has_map = any(isinstance(module, AttentionMap) for module in network.modules())
    return has_map or any(True for _ in _single_numbers(network))


def attention_figures(
    network: nn.Module, samples: Iterator[Sequence[torch.Tensor]], device: torch.device
) -> dict[str, float]:
    """Return the columns of a row, by name.

    samples: the inputs of each, one (1, channels, *size) a phase. The network is in evaluation meanwhile.
    """
    found: dict[str, _Weights] = {}
    with _seen(network, lambda name, weights: found.setdefault(name, _Weights()).add(weights)):
        for inputs in samples:
            network(*(phase.to(device) for phase in inputs))
    figures = {f"{name} {key}": value for name, w in found.items() for key, value in w.figures().items()}
    return {**figures, **dict(_single_numbers(network))}


def _single_numbers(network: nn.Module) -> Iterator[tuple[str, float]]:
    for name, parameter in network.named_parameters():
        if parameter.numel() == 1 and not name.endswith(("weight", "bias")):
            yield name, float(parameter.detach())


@contextmanager
def _seen(network: nn.Module, see: Callable[[str, torch.Tensor], None]) -> Iterator[None]:
    """Show what every attention map passes on, by the name of the module that it is in, in evaluation."""
    hooks = [
        module.register_forward_hook(
            lambda _module, _inputs, weights, name=name: see(name.removesuffix(".map"), weights)
        )
        for name, module in network.named_modules()
        if isinstance(module, AttentionMap)
    ]
    was_training = network.training
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for hook in hooks:
            hook.remove()
        network.train(was_training)
