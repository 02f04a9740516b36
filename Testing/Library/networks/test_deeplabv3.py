"""DeepLabv3: ASPP and bottleneck in plain numpy, rates, counts, where its output lies, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.networks import build_network
from LiverTumorAttentionLib.networks.comparators.deeplabv3 import ASPP, AtrousConvNormReLU, DeepLabv3
from LiverTumorAttentionLib.networks.resnet import Bottleneck
from Testing.Library.networks.plain import arrays, convolve, with_biases

Weights = dict[str, np.ndarray]
SMALL = {"width": 4, "blocks": (1, 1, 2, 3), "aspp_width": 6}


def normalise(x: np.ndarray, weights: Weights, prefix: str) -> np.ndarray:
    """Batch normalization by the running statistics."""
    mean, variance, scale, shift = (
        weights[f"{prefix}.{name}"][:, None, None]
        for name in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / np.sqrt(variance + 1e-5) * scale + shift


def conv_norm_relu(image: np.ndarray, weights: Weights, prefix: str, rate: int = 1) -> np.ndarray:
    """Convolution, normalization, ReLU, for one image (C, Y, X)."""
    x = convolve(image, weights[f"{prefix}conv.weight"], dilation=rate)
    return np.maximum(normalise(x, weights, f"{prefix}norm"), 0)


@pytest.mark.parametrize("rate", [1, 2, 3])
def test_the_atrous_convolution_is_equation_1(rate: int):
    """y[i] = sum_k x[i + r k] w[k], here pixel by pixel."""
    torch.manual_seed(0)
    module = with_biases(AtrousConvNormReLU(2, 3, 3, rate))
    x = torch.randn(2, 2, 5, 7)
    weight = arrays(module)["conv.weight"]
    with torch.no_grad():
        got = module.conv(x).numpy()
    for image, result in zip(x.double().numpy(), got, strict=True):
        for y in range(5):
            for column in range(7):
                total = np.zeros(3)
                for i in (-1, 0, 1):
                    for j in (-1, 0, 1):
                        if 0 <= y + rate * i < 5 and 0 <= column + rate * j < 7:
                            total += weight[:, :, i + 1, j + 1] @ image[:, y + rate * i, column + rate * j]
                np.testing.assert_allclose(result[:, y, column], total, rtol=1e-4, atol=1e-5)


def test_aspp_is_section_3_3():
    torch.manual_seed(1)
    module = with_biases(ASPP(5, 4, rates=(2, 3, 4)))
    weights, x = arrays(module), torch.randn(2, 5, 6, 9)
    with torch.no_grad():
        got = module(x).numpy()
    for image, result in zip(x.double().numpy(), got, strict=True):
        maps = [conv_norm_relu(image, weights, f"branches.{k}.", rate) for k, rate in enumerate((1, 2, 3, 4))]
        mean = image.mean(axis=(1, 2), keepdims=True)
        maps.append(np.tile(conv_norm_relu(mean, weights, "image_level."), (1, 6, 9)))
        expected = conv_norm_relu(np.concatenate(maps), weights, "project.")
        np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("in_channels", "stride", "dilation"), [(12, 1, 1), (12, 1, 2), (5, 2, 1), (5, 1, 1)]
)
def test_the_bottleneck_is_the_right_of_figure_5(in_channels: int, stride: int, dilation: int):
    """He et al., CVPR 2016: ReLU(BN(c(ReLU(BN(b(ReLU(BN(a(x)))))))) + shortcut(x)), the stride in b."""
    torch.manual_seed(3)
    module = with_biases(Bottleneck(in_channels, 3, stride, dilation))
    weights, x = arrays(module), torch.randn(2, in_channels, 6, 8)
    with torch.no_grad():
        got = module(x).numpy()
    for image, result in zip(x.double().numpy(), got, strict=True):
        y = np.maximum(normalise(convolve(image, weights["conv1.weight"]), weights, "bn1"), 0)
        y = convolve(y, weights["conv2.weight"], stride=stride, dilation=dilation)
        y = np.maximum(normalise(y, weights, "bn2"), 0)
        y = normalise(convolve(y, weights["conv3.weight"]), weights, "bn3")
        short = image
        if in_channels != 12:
            short = convolve(image, weights["downsample.0.weight"], stride=stride)
            short = normalise(short, weights, "downsample.1")
        np.testing.assert_allclose(result, np.maximum(y + short, 0), rtol=1e-4, atol=1e-5)


def test_rates_and_counts_of_the_paper():
    with torch.device("meta"):
        network = DeepLabv3(in_channels=3)
        one_slice = DeepLabv3()
    assert (
        sum(p.numel() for p in network.encoder.parameters()) == 42_500_160
    )  # ResNet-101 without its classifier
    branches = 2048 * 256 * (1 + 3 * 9 + 1) + 5 * 2 * 256
    project = 5 * 256 * 256 + 2 * 256
    assert sum(p.numel() for p in network.aspp.parameters()) == branches + project == 15_535_104
    assert sum(p.numel() for p in one_slice.parameters()) == 58_029_506
    three_by_three = [branch.conv for branch in network.aspp.branches][1:]
    assert [conv.dilation for conv in three_by_three] == [(6, 6), (12, 12), (18, 18)]
    assert all(conv.kernel_size == (3, 3) for conv in three_by_three)


def test_the_backbone_keeps_a_sixteenth_and_opens_its_last_kernels():
    """Block 4 has stride 1 and rates 2 * (1, 2, 4), the multi-grid, at output stride 16."""
    with torch.device("meta"):
        layer4 = DeepLabv3().encoder.layer4
    convolutions = [m for m in layer4.modules() if isinstance(m, torch.nn.Conv2d)]
    assert all(conv.stride == (1, 1) for conv in convolutions)
    assert [c.dilation[0] for c in convolutions if c.kernel_size == (3, 3)] == [2, 4, 8]
    network = DeepLabv3(**SMALL).eval()
    deepest: list[torch.Tensor] = []
    network.aspp.register_forward_pre_hook(lambda _, inputs: deepest.append(inputs[0]))
    network(torch.zeros(1, 1, 33, 49))
    assert deepest[0].shape == (1, 128, 3, 4)


def test_what_is_seen_at_a_pixel_is_answered_at_that_pixel():
    """Position k of the deepest grid looks at pixel 16 k, and its value must come back there."""
    network = DeepLabv3(**SMALL).eval()
    seen = torch.arange(5 * 4, dtype=torch.float32).reshape(1, 1, 5, 4)
    network.head.register_forward_hook(lambda *_: seen.expand(1, 2, 5, 4))
    logits = network(torch.zeros(1, 1, 60, 49))
    assert logits.shape == (1, 2, 60, 49)
    torch.testing.assert_close(logits[0, 0, ::16, ::16], seen[0, 0, :4])
    assert logits[0, 0, 8, 0] == pytest.approx(2)  # half way between 0 and 4


def test_a_filled_image_gives_what_the_same_image_with_repeated_borders_gives():
    torch.manual_seed(2)
    network = DeepLabv3(**SMALL).eval()
    image = torch.randn(1, 1, 30, 41)
    filled = torch.from_numpy(np.pad(image.numpy(), ((0, 0), (0, 0), (0, 3), (0, 8)), mode="edge"))
    with torch.no_grad():
        assert torch.equal(network(image), network(filled)[..., :30, :41])


def test_a_batch_of_one_is_refused_in_training_alone():
    network = DeepLabv3(**SMALL).train()
    with pytest.raises(ModelError, match=r"at least 2 images a batch in training.*got 1"):
        network(torch.zeros(1, 1, 32, 32))
    assert network.eval()(torch.zeros(1, 1, 32, 32)).shape == (1, 2, 32, 32)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"in_channels": 0}, r"in_channels must be .* at least 1; got 0"),
        ({"classes": 1}, r"classes must be .* at least 2; got 1"),
        ({"width": 0}, r"width must be .* at least 1; got 0"),
        ({"blocks": (3, 4, 23)}, r"blocks must be four whole numbers above 0.*got \(3, 4, 23\)"),
        ({"blocks": (3, 4, 23, 4)}, r"blocks must end with 3.*got \(3, 4, 23, 4\)"),
        ({"aspp_width": 0}, r"aspp_width must be .* at least 1; got 0"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments: dict, message: str):
    with pytest.raises(ModelError, match=message):
        build_network("deeplabv3", **arguments)


def test_images_that_do_not_fit_are_refused():
    network = DeepLabv3(**SMALL)
    with pytest.raises(ModelError, match=r"1 channels.*got \(2, 3, 16, 16\)"):
        network(torch.zeros(2, 3, 16, 16))
    with pytest.raises(ModelError, match=r"4 dimensions.*got \(1, 16, 16\)"):
        network(torch.zeros(1, 16, 16))
