"""The network of a model of one network, with its weights."""

from __future__ import annotations

from torch import nn

from LiverTumorAttentionLib.inference.weighted_network import weighted_network
from LiverTumorAttentionLib.models.one_network_model import Described, OneNetworkPackage
from LiverTumorAttentionLib.networks import MOST_PARAMETERS


def load_one_network(
    package: OneNetworkPackage[Described], *, most_parameters: int = MOST_PARAMETERS
) -> nn.Module:
    """Return the network of a model. Raises `ModelError` where its weights do not fit it, or it has more parameters."""
    description = package.description
    weights = package.load_weights()  # first: what is damaged is told as such
    return weighted_network(
        description.network,
        description.arguments,
        weights,
        weights_bytes=package.weights_bytes(description),
        misfit=f"the weights of the model {description.id!r} do not fit its network {description.network!r} of this "
        "version: get the model in a version that fits it",
        most_parameters=most_parameters,
    )
