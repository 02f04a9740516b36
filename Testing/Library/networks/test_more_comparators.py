"""R2U-Net, Nested U-Net, MC-FCN, MW-UNet, and the two that are MONAI's: what each is made of, step by step."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.networks import AttentionMap, build_network
from LiverTumorAttentionLib.networks.comparators.mcfcn import MCFCN
from LiverTumorAttentionLib.networks.comparators.monai_networks import AttentionUNet, NNUNet
from LiverTumorAttentionLib.networks.comparators.mwunet import MWUNet
from LiverTumorAttentionLib.networks.comparators.nested_unet import NestedUNet
from LiverTumorAttentionLib.networks.comparators.r2unet import RecurrentConv, RecurrentResidualBlock
from Testing.Library.networks.plain import arrays, convolve, with_biases


def maps(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def layer(image: np.ndarray, w: dict[str, np.ndarray], name: str) -> np.ndarray:
    """Convolution, batch normalisation in eval mode, ReLU."""
    x = convolve(image, w[f"{name}conv.weight"])
    column = {
        k: w[f"{name}norm.{k}"].reshape(-1, 1, 1) for k in ("weight", "bias", "running_mean", "running_var")
    }
    x = (x - column["running_mean"]) / np.sqrt(column["running_var"] + 1e-5) * column["weight"]
    return np.maximum(x + column["bias"], 0)


def recurrent(image: np.ndarray, w: dict[str, np.ndarray], name: str, steps: int) -> np.ndarray:
    state = layer(image, w, name)
    for _ in range(steps):
        state = layer(image + state, w, name)
    return state


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_recurrent_convolution_is_equations_1_and_2(steps: int):
    torch.manual_seed(0)
    module = with_biases(RecurrentConv(3, steps))
    x = maps(2, 3, 4, 6, seed=1)
    got = module(x).detach().numpy()
    for k in range(2):
        expected = recurrent(x[k].double().numpy(), arrays(module), "conv.", steps)
        np.testing.assert_allclose(got[k], expected, rtol=1e-4, atol=1e-5)


def test_a_recurrent_residual_block_is_equation_3():
    torch.manual_seed(1)
    module = with_biases(RecurrentResidualBlock(2, 3, steps=2))
    w, x = arrays(module), maps(1, 2, 4, 6, seed=2)
    entered = convolve(x[0].double().numpy(), w["enter.weight"], w["enter.bias"])
    twice = recurrent(recurrent(entered, w, "recurrent.0.conv.", 2), w, "recurrent.1.conv.", 2)
    np.testing.assert_allclose(module(x)[0].detach(), entered + twice, rtol=1e-4, atol=1e-5)


def test_the_nested_unet_is_its_equation_1():
    torch.manual_seed(2)
    network = NestedUNet(in_channels=2, width=3, levels=3).eval()
    image = maps(1, 2, 8, 12, seed=3)
    block, up = network.blocks, network.ups
    with torch.no_grad():
        x00 = block["0_0"](image)
        x10 = block["1_0"](functional.max_pool2d(x00, 2))
        x20 = block["2_0"](functional.max_pool2d(x10, 2))
        x01 = block["0_1"](torch.cat([x00, up["0_1"](x10)], 1))
        x11 = block["1_1"](torch.cat([x10, up["1_1"](x20)], 1))
        x02 = block["0_2"](torch.cat([x00, x01, up["0_2"](x11)], 1))
        heads = [network.heads["1"](x01), network.heads["2"](x02)]
        torch.testing.assert_close(network(image), (heads[0] + heads[1]) / 2)
    single = NestedUNet(in_channels=2, width=3, levels=3, deep_supervision=False)
    assert list(single.heads) == ["2"]
    assert isinstance(single(image), torch.Tensor)


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


def test_attention_unets_gates_can_be_seen():
    network = AttentionUNet(width=4, levels=3).eval()
    seen: list[torch.Tensor] = []
    for module in network.modules():
        if isinstance(module, AttentionMap):
            module.register_forward_hook(lambda _, __, out: seen.append(out.detach()))
    network(maps(2, 3, 16, 24, seed=11))
    assert sorted(tuple(s.shape) for s in seen) == [(2, 1, 8, 12), (2, 1, 16, 24)]
    assert all(0 < s.min() < s.max() < 1 for s in seen)


@pytest.mark.parametrize("name", ["attention_unet", "nnunet"])
def test_without_monai_the_error_says_what_to_install(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "monai.networks.nets", None)
    with pytest.raises(
        ModelError, match=r"MONAI is not installed: pip install 'liver-tumor-attention\[comparators\]'"
    ):
        build_network(name)
