"""nnU-Net's network: against plain numpy, its counts, its outputs in training, and without MONAI."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.networks import build_network
from LiverTumorAttentionLib.networks.comparators.monai_networks import NNUNet
from Testing.Library.networks.plain import arrays, convolve, doubled, with_biases
from Testing.Library.networks.plain3d import convolve3d, leaky
from Testing.Library.networks.plain3d import doubled as doubled3d

Weights = dict[str, np.ndarray]


def normalised(x: np.ndarray, weights: Weights, name: str) -> np.ndarray:
    """Instance normalization: every channel of one image by itself."""
    axes = tuple(range(1, x.ndim))
    shape = (-1, *[1] * len(axes))
    out = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5)
    return out * weights[f"{name}.weight"].reshape(shape) + weights[f"{name}.bias"].reshape(shape)


def level(x: np.ndarray, weights: Weights, name: str, stride: int) -> np.ndarray:
    """Twice convolution, instance normalization, LeakyReLU; the first convolution may have a stride."""
    conv = convolve if x.ndim == 3 else convolve3d
    for number, step in ((1, stride), (2, 1)):
        x = conv(x, weights[f"{name}.conv{number}.conv.weight"], stride=step)
        x = leaky(normalised(x, weights, f"{name}.norm{number}"))
    return x


def by_hand(image: np.ndarray, weights: Weights, levels: int) -> dict[int, np.ndarray]:
    """Logits of one image (C, [Z,] Y, X) on every supervised level."""
    conv, up = (convolve, doubled) if image.ndim == 3 else (convolve3d, doubled3d)
    maps = [level(image, weights, "network.input_block", 1)]
    for number in range(1, levels):
        name = "bottleneck" if number == levels - 1 else f"downsamples.{number - 1}"
        maps.append(level(maps[-1], weights, f"network.{name}", 2))
    x, outputs = maps[-1], {}
    for step, number in enumerate(reversed(range(levels - 1))):
        name = f"network.upsamples.{step}"
        x = np.concatenate([up(x, weights[f"{name}.transp_conv.conv.weight"], 0.0), maps[number]])
        x = level(x, weights, f"{name}.conv_block", 1)
        if number < levels - 2:
            head = f"deep_supervision_heads.{number - 1}" if number else "output_block"
            weight, bias = (weights[f"network.{head}.conv.conv.{kind}"] for kind in ("weight", "bias"))
            outputs[number] = conv(x, weight, bias)
    return outputs


@pytest.mark.parametrize(("size", "dimensions"), [((16, 24), 2), ((16, 8, 16), 3)])
def test_the_network_is_what_nnunet_configures(size: tuple[int, ...], dimensions: int):
    torch.manual_seed(0)
    network = NNUNet(in_channels=2, classes=3, width=3, levels=4, dimensions=dimensions)
    with_biases(network)
    weights = arrays(network)
    images = torch.randn(2, 2, *size)
    with torch.no_grad():
        outputs, got = network.train()(images)["nnunet"], network.eval()(images)
    assert sorted(outputs) == [0, 1]
    assert torch.equal(outputs[0], got)
    for k, image in enumerate(images.double().numpy()):
        expected = by_hand(image, weights, levels=4)
        assert expected.keys() == outputs.keys()
        for number, logits in expected.items():
            np.testing.assert_allclose(outputs[number][k], logits, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "channels", "count"),
    [
        ({}, [32, 64, 128, 256, 320, 320], 31_190_796),
        ({"dimensions": 2}, [32, 64, 128, 256, 512, 512], 20_612_556),
        ({"dimensions": 2, "in_channels": 3, "levels": 4}, [32, 64, 128, 256], None),
        ({"width": 8, "levels": 5}, [8, 16, 32, 64, 80], None),
    ],
)
def test_counts(arguments: dict, channels: list[int], count: int | None):
    """3^d convolutions without bias, affine normalizations, 2^d transposed convolutions, outputs with bias."""
    with torch.device("meta"):
        got = sum(p.numel() for p in NNUNet(**arguments).parameters())
    dimensions, inputs = arguments.get("dimensions", 3), [arguments.get("in_channels", 1), *channels]

    def block(a: int, b: int) -> int:
        return 3**dimensions * (a * b + b * b) + 4 * b

    expected = sum(block(a, b) for a, b in zip(inputs[:-1], channels, strict=True))
    expected += sum(2**dimensions * b * a + block(2 * a, a) for a, b in pairwise(channels))
    expected += sum(3 * c + 3 for c in channels[:-2])
    assert got == expected
    assert count in (None, got)


def test_all_but_the_two_coarsest_levels_are_supervised():
    heads = {}
    with torch.device("meta"):
        for levels in (4, 6):
            heads[levels] = 1 + len(NNUNet(width=4, levels=levels).network.deep_supervision_heads)
    assert heads == {4: 2, 6: 4}


def test_every_weight_has_one_name():
    network = NNUNet(width=4, levels=4)
    assert len(network.state_dict()) == len(list(network.parameters()))


def test_an_odd_size_comes_back_on_every_level():
    network = NNUNet(width=2, levels=4, dimensions=2).train()
    with torch.no_grad():
        outputs = network(torch.randn(1, 1, 19, 30))["nnunet"]
    assert {number: tuple(x.shape[2:]) for number, x in outputs.items()} == {0: (19, 30), 1: (10, 15)}


def test_an_image_that_is_one_value_in_the_deepest_level_is_refused():
    network = NNUNet(width=2, levels=4)
    with pytest.raises(
        ModelError, match=r"more than 8 voxels along one side at least; got \(1, 1, 8, 5, 3\)"
    ):
        network(torch.zeros(1, 1, 8, 5, 3))
    with torch.no_grad():
        assert network.eval()(torch.zeros(1, 1, 9, 5, 3)).shape == (1, 3, 9, 5, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dimensions": 4}, r"dimensions must be 2 or 3; got 4"),
        ({"levels": 2}, r"levels must be .* at least 4; got 2"),
        ({"width": 0}, r"width must be .* at least 1; got 0"),
        ({"classes": 1}, r"classes must be .* at least 2; got 1"),
        ({"in_channels": 0}, r"in_channels must be .* at least 1; got 0"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments: dict, message: str):
    with pytest.raises(ModelError, match=message):
        build_network("nnunet", **arguments)


@pytest.mark.parametrize(
    ("shape", "dimensions", "message"),
    [
        ((1, 1, 16, 16), 3, r"5 dimensions.*got \(1, 1, 16, 16\)"),
        ((1, 1, 16, 16, 16), 2, r"4 dimensions.*got \(1, 1, 16, 16, 16\)"),
        ((1, 2, 16, 16, 16), 3, r"1 channels.*got \(1, 2, 16, 16, 16\)"),
    ],
)
def test_images_that_do_not_fit_are_refused(shape: tuple[int, ...], dimensions: int, message: str):
    with pytest.raises(ModelError, match=message):
        NNUNet(width=2, levels=4, dimensions=dimensions)(torch.zeros(shape))
