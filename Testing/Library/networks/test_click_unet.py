"""The network that answers clicks, in plain numpy."""

from __future__ import annotations

import numpy as np
import torch

from LiverTumorAttentionLib.correction.click_network.channels import CHANNELS
from LiverTumorAttentionLib.networks import build_network
from LiverTumorAttentionLib.networks.click_unet import CHANNELS as WANTED
from LiverTumorAttentionLib.networks.click_unet import ClickUNet
from Testing.Library.networks.plain import arrays, with_biases
from Testing.Library.networks.plain3d import column, convolve3d, doubled, leaky

Weights = dict[str, np.ndarray]
EPSILON = 1e-5


def convolved(x: np.ndarray, w: Weights, name: str) -> np.ndarray:
    """Convolution, batch normalization by what it has seen, LeakyReLU."""
    x = convolve3d(x, w[f"{name}.0.weight"])
    scale = w[f"{name}.1.weight"] / np.sqrt(w[f"{name}.1.running_var"] + EPSILON)
    shift = w[f"{name}.1.bias"] - scale * w[f"{name}.1.running_mean"]
    return leaky(x * column(scale) + column(shift))


def test_the_network_is_a_u_net_of_three_halvings() -> None:
    torch.manual_seed(0)
    network = with_biases(ClickUNet(in_channels=3, width=2))
    w, volume = arrays(network), torch.randn(1, 3, 8, 16, 8)
    x = convolved(volume[0].double().numpy(), w, "first")
    skips = []
    for level in range(3):
        skips.append(x)
        x = convolve3d(x, w[f"downs.{level}.weight"], w[f"downs.{level}.bias"], stride=2)
        for k in (0, 1):
            x = convolved(x, w, f"encoder.{level}.{k}")
    for level in reversed(range(3)):
        up = doubled(x, w[f"ups.{level}.weight"], w[f"ups.{level}.bias"])
        x = convolved(np.concatenate([skips[level], up]), w, f"decoder.{level}.0")
        if level:
            x = convolved(x, w, f"decoder.{level}.1")
    wanted = convolve3d(x, w["head.weight"], w["head.bias"])
    with torch.no_grad():
        np.testing.assert_allclose(network(volume)[0].numpy(), wanted, rtol=1e-4, atol=1e-4)


def test_its_channels_are_those_that_the_input_has() -> None:
    assert len(CHANNELS) == WANTED
    first = next(build_network("click_unet", width=2).parameters())
    assert first.shape[1] == len(CHANNELS)
