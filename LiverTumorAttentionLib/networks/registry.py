"""Networks by name."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import nn

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.networks.checks import check_choice, nearest
from LiverTumorAttentionLib.networks.layers import initialise
from LiverTumorAttentionLib.networks.paresseg import PAResSeg
from LiverTumorAttentionLib.networks.resseg import ResSeg

NETWORKS: dict[str, type[nn.Module]] = {
    "resseg": ResSeg,
    "paresseg": PAResSeg,
}


def network_names() -> list[str]:
    """The names that `build_network` knows, in alphabetical order."""
    return sorted(NETWORKS)


def build_network(name: str, *, generator: torch.Generator | None = None, **arguments: Any) -> nn.Module:
    """Build a network by its name, with freshly drawn weights.

    `arguments` are those of the network's class, for example `build_network("resseg", width=16)`. With a
    `generator` (on the CPU) the weights depend on its seed alone, not on torch's global generator.

    Raises ModelError for an unknown name, an unknown argument, or a value out of range.
    """
    network_class = NETWORKS[check_choice("the network", name, NETWORKS)]
    known = list(inspect.signature(network_class).parameters)
    for argument in arguments:
        if argument not in known:
            raise ModelError(
                f"{name} has no argument {argument!r}; it takes {', '.join(known)}{nearest(argument, known)}"
            )
    network = network_class(**arguments)
    if generator is not None:
        initialise(network, generator)
    return network
