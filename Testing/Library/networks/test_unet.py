"""U-Net: against the paper in plain numpy, its counts, any size, and what is refused."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.networks import build_network
from LiverTumorAttentionLib.networks.comparators.unet import UNet, UNetDecoder, UNetEncoder
from Testing.Library.networks.plain import arrays, convolve, with_biases


def unet_by_loops(image: np.ndarray, weights: dict[str, np.ndarray], levels: int) -> np.ndarray:
    """Figure 1 of the U-Net paper with padded convolutions, for one image (C, Y, X)."""

    def block(x: np.ndarray, name: str) -> np.ndarray:
        for k in (0, 1):
            x = convolve(x, weights[f"{name}.{k}.conv.weight"], weights[f"{name}.{k}.conv.bias"])
            x = np.maximum(x, 0)
        return x

    maps = [block(image, "encoder.blocks.0")]
    for level in range(1, levels):
        channels, rows, columns = maps[-1].shape
        pooled = maps[-1].reshape(channels, rows // 2, 2, columns // 2, 2).max(axis=(2, 4))
        maps.append(block(pooled, f"encoder.blocks.{level}"))
    x = maps[-1]
    for level in reversed(range(levels - 1)):
        weight = weights[f"decoder.ups.{level}.weight"]  # (from, to, 2, 2)
        up = np.zeros((weight.shape[1], 2 * x.shape[1], 2 * x.shape[2]))
        for i in (0, 1):
            for j in (0, 1):
                up[:, i::2, j::2] = np.einsum("ct,cyx->tyx", weight[..., i, j], x)
        up += weights[f"decoder.ups.{level}.bias"][:, None, None]
        x = block(np.concatenate([maps[level], up]), f"decoder.blocks.{level}")
    return convolve(x, weights["head.weight"], weights["head.bias"])


def test_the_network_is_figure_1():
    torch.manual_seed(0)
    network = with_biases(UNet(in_channels=2, classes=3, width=3, levels=3))
    weights = arrays(network)
    images = torch.randn(2, 2, 8, 12)
    with torch.no_grad():
        got = network(images).numpy()
    for image, result in zip(images.double().numpy(), got, strict=True):
        np.testing.assert_allclose(result, unet_by_loops(image, weights, levels=3), rtol=1e-4, atol=1e-5)


def count_by_arithmetic(in_channels: int, classes: int, width: int, levels: int) -> int:
    """Weights and biases of Figure 1, counted by hand."""
    widths = [width * 2**level for level in range(levels)]
    count = width * classes + classes
    for fine, coarse in pairwise([in_channels, *widths]):
        count += 9 * fine * coarse + coarse + 9 * coarse * coarse + coarse
    for fine, coarse in pairwise(widths):
        count += 4 * coarse * fine + fine + 9 * 2 * fine * fine + fine + 9 * fine * fine + fine
    return count


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        ({}, 31_030_658),
        ({"in_channels": 3, "classes": 3}, 31_031_875),
        ({"width": 16, "levels": 4}, None),
    ],
)
def test_counts(arguments: dict, count: int | None):
    with torch.device("meta"):
        got = sum(p.numel() for p in UNet(**arguments).parameters())
    assert got == count_by_arithmetic(
        **{"in_channels": 1, "classes": 2, "width": 64, "levels": 5} | arguments
    )
    assert count in (None, got)


def test_batch_normalisation_replaces_every_bias_of_a_3x3_convolution_by_a_scale_and_a_shift():
    with torch.device("meta"):
        plain, batch = UNet(), UNet(normalisation="batch")
    convolved = 2 * (64 + 128 + 256 + 512) * 2 + 2 * 1024  # channels behind a 3x3 convolution
    counts = [sum(p.numel() for p in network.parameters()) for network in (plain, batch)]
    assert counts[1] - counts[0] == convolved
    assert sum(isinstance(module, torch.nn.BatchNorm2d) for module in batch.modules()) == 18


def test_the_encoder_gives_every_level_and_the_decoder_takes_any_widths():
    encoder = UNetEncoder(in_channels=3, width=4, levels=4)
    maps = encoder(torch.randn(2, 3, 16, 24))
    assert encoder.channels == [4, 8, 16, 32]
    assert [tuple(m.shape) for m in maps] == [(2, 4, 16, 24), (2, 8, 8, 12), (2, 16, 4, 6), (2, 32, 2, 3)]
    decoder = UNetDecoder([5, 3, 7])
    out = decoder([torch.randn(2, 5, 8, 12), torch.randn(2, 3, 4, 6), torch.randn(2, 7, 2, 3)])
    assert out.shape == (2, 5, 8, 12)


def test_a_filled_image_gives_what_the_same_image_with_repeated_borders_gives():
    torch.manual_seed(1)
    network = UNet(width=4, levels=3).eval()
    image = torch.randn(1, 1, 9, 14)
    filled = torch.from_numpy(np.pad(image.numpy(), ((0, 0), (0, 0), (0, 3), (0, 2)), mode="edge"))
    with torch.no_grad():
        assert torch.equal(network(image), network(filled)[..., :9, :14])


@pytest.mark.parametrize("normalisation", ["none", "batch"])
def test_a_signal_stays_alive_through_all_levels_at_the_start(normalisation: str):
    torch.manual_seed(2)
    network = UNet(width=16, normalisation=normalisation)
    with torch.no_grad():
        maps = network.encoder(torch.randn(2, 1, 64, 64))
        logits = network.head(network.decoder(maps))
    assert all(0.2 < m.square().mean() < 10 for m in maps), [m.square().mean() for m in maps]
    assert 0.2 < logits.std() < 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"in_channels": 0}, r"in_channels must be .* at least 1; got 0"),
        ({"classes": 1}, r"classes must be .* at least 2; got 1"),
        ({"width": 2.5}, r"width must be .* got 2\.5"),
        ({"levels": 1}, r"levels must be .* at least 2; got 1"),
        (
            {"normalisation": "bach"},
            r"normalisation must be one of batch, none; got 'bach'; did you mean batch",
        ),
    ],
)
def test_arguments_out_of_range_are_refused(arguments: dict, message: str):
    with pytest.raises(ModelError, match=message):
        build_network("unet", **arguments)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 3, 16, 16), r"1 channels.*got \(2, 3, 16, 16\)"),
        ((1, 16, 16), r"4 dimensions.*got \(1, 16, 16\)"),
    ],
)
def test_images_that_do_not_fit_are_refused(shape: tuple[int, ...], message: str):
    with pytest.raises(ModelError, match=message):
        UNet(width=4, levels=2)(torch.zeros(shape))
