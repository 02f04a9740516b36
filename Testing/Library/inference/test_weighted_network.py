from __future__ import annotations

import pytest
import torch

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.inference.weighted_network import weighted_network
from LiverTumorAttentionLib.networks import build_network

ARGUMENTS = {"in_channels": 3, "classes": 2, "width": 8}


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return build_network("resseg", **ARGUMENTS).state_dict()


def size_of(weights: dict[str, torch.Tensor]) -> int:
    return sum(tensor.numel() * 2 for tensor in weights.values())


def test_the_network_has_the_weights(weights):
    network = weighted_network(
        "resseg", ARGUMENTS, weights, weights_bytes=size_of(weights), misfit="another network"
    )
    assert all(torch.equal(tensor, weights[name]) for name, tensor in network.state_dict().items())


def test_weights_of_another_network_are_refused(weights):
    with pytest.raises(ModelError, match=r"^another network$"):
        weighted_network(
            "resseg",
            {**ARGUMENTS, "classes": 3},
            weights,
            weights_bytes=size_of(weights),
            misfit="another network",
        )


def test_a_network_with_more_parameters_than_bytes_is_not_built(weights):
    with pytest.raises(ModelError, match="parameters"):
        weighted_network(
            "resseg",
            {**ARGUMENTS, "width": 64},
            weights,
            weights_bytes=size_of(weights),
            misfit="another network",
        )
