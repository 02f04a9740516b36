"""The network of the second look: one logit a patch, of the sizes and widths that it says."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from LiverTumorAttentionLib import networks
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.networks import build_network, network_names
from LiverTumorAttentionLib.networks.candidate_net import CHANNELS
from LiverTumorAttentionLib.postprocessing import candidate_patches


def test_it_gives_one_logit_a_patch() -> None:
    network = build_network("candidate_net", generator=torch.Generator().manual_seed(0), width=4).eval()
    with torch.inference_mode():
        for samples in (32, 21):
            assert network(torch.zeros(3, CHANNELS, samples, samples, samples)).shape == (3,)
    assert "candidate_net" not in network_names()  # it segments nothing


def test_its_parameters_are_those_of_the_convolutions_that_are_told() -> None:
    width = 16
    steps = [(7, 16), (16, 32), (32, 48), (48, 48), (48, 64), (64, 64)]
    counted = sum(27 * a * b + 2 * b for a, b in steps) + 8 * width + 1
    network = build_network("candidate_net")
    assert sum(parameter.numel() for parameter in network.parameters()) == counted
    readme = (Path(networks.__file__).parent / "README.md").read_text(encoding="utf-8")
    assert f"with {counted:,} parameters" in readme


def test_an_ensemble_gives_the_mean_of_its_members() -> None:
    network = build_network(
        "candidate_ensemble", generator=torch.Generator().manual_seed(0), members=3, width=4
    )
    network.eval()
    patch = torch.randn(2, CHANNELS, 16, 16, 16, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        each = [member(patch) for member in network.members]
        assert not torch.equal(each[0], each[1])
        torch.testing.assert_close(network(patch), (each[0] + each[1] + each[2]) / 3)
    with pytest.raises(ModelError, match="members must be a whole number"):
        build_network("candidate_ensemble", members=0)


def test_patches_have_the_channels_that_it_takes() -> None:
    assert candidate_patches.CHANNELS == CHANNELS
    network = build_network("candidate_net", width=4)
    with pytest.raises(ModelError, match="the patch"):
        network(torch.zeros(1, CHANNELS - 1, 32, 32, 32))
    with pytest.raises(ModelError, match="width must be a whole number"):
        build_network("candidate_net", width=0)
