"""A network by name with the weights of a model in it, whatever kind of model they come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.networks import MOST_PARAMETERS, build_network


def weighted_network(
    network: str,
    arguments: Mapping[str, Any],
    weights: Mapping[str, torch.Tensor],
    *,
    weights_bytes: int,
    misfit: str,
    most_parameters: int = MOST_PARAMETERS,
) -> nn.Module:
    """Build a network and give it its weights.

    network, arguments: as `build_network` takes them. weights: by parameter name. weights_bytes: size of their file; a
    parameter takes a byte at least, so that a network with more parameters is another one and is not built.
    misfit: what is said where the weights are of another network. Raises `ModelError`.
    """
    built = build_network(network, most_parameters=min(most_parameters, weights_bytes), **arguments)
    try:
        built.load_state_dict(weights, strict=True)
    except RuntimeError as error:
        raise ModelError(misfit) from error
    return built
