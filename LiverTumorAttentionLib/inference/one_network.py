"""The network of a model of one network, with its weights."""

from __future__ import annotations

from torch import nn

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.models.one_network_model import Described, OneNetworkPackage
from LiverTumorAttentionLib.networks import MOST_PARAMETERS, build_network


def load_one_network(
    package: OneNetworkPackage[Described], *, most_parameters: int = MOST_PARAMETERS
) -> nn.Module:
    """Return the network of a model. Raises `ModelError` where its weights do not fit it, or it has more parameters."""
    description = package.description
    weights = package.load_weights()  # first: what is damaged is told as such
    # A parameter takes a byte at least: a network that has more of them than the file has bytes is another one.
    most = min(most_parameters, package.weights_bytes(description))
    network = build_network(description.network, most_parameters=most, **description.arguments)
    try:
        network.load_state_dict(weights, strict=True)
    except RuntimeError as error:
        raise ModelError(
            f"the weights of the model {description.id!r} do not fit its network {description.network!r} of this "
            "version: get the model in a version that fits it"
        ) from error
    return network
