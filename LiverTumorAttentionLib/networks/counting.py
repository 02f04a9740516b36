"""Parameter count and multiply-adds of a network, without running it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from LiverTumorAttentionLib.networks.registry import build_network, network_entry


@dataclass(frozen=True, kw_only=True)
class NetworkCost:
    """The size of a network, and of one pass through it."""

    parameters: int
    """Numbers that training changes."""
    multiply_adds: int
    """Multiplications, each with its addition, for one sample in evaluation."""


def network_cost(name: str, *, input_shape: Sequence[int] | None = None, **arguments: Any) -> NetworkCost:
    """Return the cost of a network by its name: as its paper builds it, for its paper's input.

    input_shape: another input, see `cost_of`. arguments: others than the paper's, see `build_network`.

    Raises ModelError as `build_network` does, and when the network does not take that input.
    """
    shape = network_entry(name).input_shape if input_shape is None else input_shape
    return cost_of(lambda: build_network(name, **arguments), shape)


def cost_of(build: Callable[[], nn.Module], input_shape: Sequence[int]) -> NetworkCost:
    """Return the cost of the network that `build` makes; torch's global generator is left as it was.

    input_shape: one sample of one phase, (channels, rows, columns) or (channels, slices, rows, columns).

    Convolutions, matrix products and the two products of attention are counted, those with the zeros of a
    padded border too. What costs a few operations a value is not: normalization, activation, pooling,
    interpolation. Tensors have a shape and a device but no values, so no memory is taken and no random number
    drawn. They are said to lie on the CPU, for torch's meta device knows no autocast, which some attention
    switches off. The plain form of attention is chosen because the counter knows matrix products, but not
    every fused kernel.
    """
    with FakeTensorMode(), torch.no_grad():
        network = build().eval()
        images = [torch.zeros(1, *input_shape) for _ in network.phases]  # type: ignore[union-attr]
        with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            network(*images)
    return NetworkCost(
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        multiply_adds=counter.get_total_flops() // 2,
    )
