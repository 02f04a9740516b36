"""MC-FCN, MW-UNet, and nnU-Net from MONAI: what each is made of, step by step."""

from __future__ import annotations

import sys

import pytest
import torch
from torch import nn
from torch.nn import functional

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.networks import build_network
from LiverTumorAttentionLib.networks.comparators.mcfcn import MCFCN
from LiverTumorAttentionLib.networks.comparators.monai_networks import NNUNet
from LiverTumorAttentionLib.networks.comparators.mwunet import MWUNet


def maps(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_mcfcn_fuses_the_phases_in_the_deepest_layer():
    torch.manual_seed(3)
    network = MCFCN(in_channels=1, width=2, levels=3).eval()
    portal, arterial = maps(1, 1, 8, 12, seed=4), maps(1, 1, 8, 12, seed=5)

    def larger(x: torch.Tensor) -> torch.Tensor:
        return functional.interpolate(x, scale_factor=2.0, mode="bilinear")

    with torch.no_grad():
        p, a = network.portal(portal), network.arterial(arterial)
        both = [torch.cat(pair, 1) for pair in zip(p, a, strict=True)]
        score = network.scores[2](network.fusion(both[2]))
        score = network.scores[0](both[0]) + larger(network.scores[1](both[1]) + larger(score))
        torch.testing.assert_close(network(portal, arterial), score)


def test_mwunet_weighs_the_phases_and_starts_with_halves():
    torch.manual_seed(4)
    network = MWUNet(in_channels=1, width=2, levels=3).eval()
    portal, arterial = maps(2, 1, 8, 12, seed=6), maps(2, 1, 8, 12, seed=7)
    seen: list[torch.Tensor] = []
    network.map.register_forward_hook(lambda _, __, out: seen.append(out.detach()))
    with torch.no_grad():
        network(portal, arterial)
        torch.testing.assert_close(seen[0], torch.full((2, 2), 0.5))
        network.importance.copy_(torch.tensor([0.0, 0.628]).log_softmax(0) * 2)
        got = network(portal, arterial)
        beta, gamma = seen[1][0]
        assert beta + gamma == pytest.approx(1)
        assert gamma > beta
        p, a = network.portal(portal), network.arterial(arterial)
        fused = [beta * second + gamma * first for first, second in zip(p, a, strict=True)]
        torch.testing.assert_close(got, network.head(network.decoder(fused)))


def test_nnunet_is_set_up_as_nnunet_sets_it_up():
    with torch.device("meta"):
        network = NNUNet()
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv3d)]
    assert not any(isinstance(m, (nn.MaxPool3d, nn.BatchNorm3d, nn.Dropout)) for m in network.modules())
    assert {m.kernel_size for m in convolutions} == {(3, 3, 3), (1, 1, 1)}
    assert max(m.out_channels for m in convolutions) == 320
    assert [m.stride for m in convolutions].count((2, 2, 2)) == 5
    assert all(m.negative_slope == 0.01 for m in network.modules() if isinstance(m, nn.LeakyReLU))
    outputs = NNUNet(width=4, levels=5)(maps(1, 1, 32, 48, 32, seed=8))["nnunet"]
    assert {k: tuple(v.shape[2:]) for k, v in outputs.items()} == {
        0: (32, 48, 32),
        1: (16, 24, 16),
        2: (8, 12, 8),
    }
    flat = NNUNet(width=4, levels=4, dimensions=2, in_channels=3).eval()
    assert flat(maps(1, 3, 20, 30, seed=9)).shape == (1, 3, 20, 30)
    with pytest.raises(ModelError, match="dimensions must be 2 or 3; got 4"):
        NNUNet(dimensions=4)


def test_our_way_through_monais_nnunet_gives_monais_numbers():
    from monai.networks.nets import DynUNet

    network = NNUNet(width=4, levels=4).eval()
    settings = {
        "spatial_dims": 3,
        "in_channels": 1,
        "out_channels": 3,
        "kernel_size": [3] * 4,
        "strides": [1, 2, 2, 2],
        "upsample_kernel_size": [2] * 3,
        "filters": [4, 8, 16, 32],
    }
    theirs = DynUNet(**settings, deep_supervision=True, deep_supr_num=1).eval()
    theirs.load_state_dict(network.network.state_dict(), strict=False)
    image = maps(1, 1, 16, 24, 16, seed=10)
    with torch.no_grad():
        torch.testing.assert_close(network(image), theirs(image))
        theirs.train()
        network.train()
        torch.testing.assert_close(
            functional.interpolate(network(image)["nnunet"][1], size=image.shape[2:]), theirs(image)[:, 1]
        )


@pytest.mark.parametrize("name", ["nnunet"])
def test_without_monai_the_error_says_what_to_install(name: str, monkeypatch: pytest.MonkeyPatch):
    for module in ("monai", "monai.networks", "monai.networks.nets"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(
        ModelError, match=r"MONAI is not installed: pip install 'liver-tumor-attention\[comparators\]'"
    ):
        build_network(name)
