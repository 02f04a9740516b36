"""The 3D U-Net and the PFE: in plain numpy, level by level, and what keeps a signal alive in them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.networks import build_network
from LiverTumorAttentionLib.networks.unet3d import ConvNormLeaky, UNet3D, initialize, level_widths
from Testing.Library.networks.plain import arrays, with_biases
from Testing.Library.networks.plain3d import convolve3d, doubled, group_normalised, leaky

Weights = dict[str, np.ndarray]


def block_by_loops(x: np.ndarray, w: Weights, name: str) -> np.ndarray:
    """Two convolution blocks, each normalized channel by channel."""
    for k in (0, 1):
        x = convolve3d(x, w[f"{name}.{k}.conv.weight"], w[f"{name}.{k}.conv.bias"])
        x = leaky(group_normalised(x, len(x), w[f"{name}.{k}.norm.weight"], w[f"{name}.{k}.norm.bias"]))
    return x


def pyramid_by_loops(volume: np.ndarray, w: Weights, levels: int, down: str) -> list[np.ndarray]:
    """The maps of the decoder, finest first, for one volume."""
    maps = [block_by_loops(volume, w, "features.encoder.blocks.0")]
    for level in range(1, levels):
        x = maps[-1]
        if down == "pool":
            channels, *sides = x.shape
            halves = [n for side in sides for n in (side // 2, 2)]
            x = x.reshape(channels, *halves).max(axis=(2, 4, 6))
        else:
            name = f"features.encoder.downs.{level - 1}"
            x = convolve3d(x, w[f"{name}.weight"], w[f"{name}.bias"], stride=2)
        maps.append(block_by_loops(x, w, f"features.encoder.blocks.{level}"))
    x, pyramid = maps[-1], []
    for level in reversed(range(levels - 1)):
        name = f"features.decoder.ups.{level}"
        up = doubled(x, w[f"{name}.weight"], w[f"{name}.bias"])
        x = block_by_loops(np.concatenate([maps[level], up]), w, f"features.decoder.blocks.{level}")
        pyramid.insert(0, x)
    return pyramid


@pytest.mark.parametrize("down", ["pool", "stride"])
def test_the_network_is_section_iii_c(down: str):
    torch.manual_seed(0)
    network = with_biases(UNet3D(in_channels=2, classes=3, width=2, levels=3, down=down))
    w, volumes = arrays(network), torch.randn(2, 2, 8, 4, 12)
    with torch.no_grad():
        got, outputs = network(volumes).numpy(), network.train()(volumes)["unet"]
    for k, volume in enumerate(volumes.double().numpy()):
        pyramid = pyramid_by_loops(volume, w, levels=3, down=down)
        heads = [
            convolve3d(x, w[f"features.heads.{i}.weight"], w[f"features.heads.{i}.bias"])
            for i, x in enumerate(pyramid)
        ]
        np.testing.assert_allclose(got[k], heads[0], rtol=1e-3, atol=1e-3)
        for level, expected in enumerate(heads):
            np.testing.assert_allclose(outputs[level][k], expected, rtol=1e-3, atol=1e-3)


def count_by_arithmetic(widths: list[int], *, learned: bool) -> int:
    """Weights, biases and normalizations for one channel and three classes, counted by hand."""

    def block(before: int, after: int) -> int:
        return 27 * before * after + after + 27 * after * after + after + 2 * 2 * after

    count = sum(block(a, b) for a, b in pairwise([1, *widths]))
    count += sum(8 * a * a + a for a in widths[:-1]) if learned else 0
    count += sum(8 * b * a + a + block(2 * a, a) for a, b in pairwise(widths))
    return count + sum(3 * a + 3 for a in widths[:-1])


def test_counts():
    """Table 4 of DPC-Net: 22.58 M; the text caps the PFE at 320 channels."""
    with torch.device("meta"):
        counts = [sum(p.numel() for p in UNet3D(down=down).parameters()) for down in ("pool", "stride")]
    assert counts[0] == 22_582_636 == count_by_arithmetic([32, 64, 128, 256, 512], learned=False)
    assert counts[1] == 17_244_876 == count_by_arithmetic([32, 64, 128, 256, 320], learned=True)


@pytest.mark.parametrize(
    ("biases", "affine", "count", "fits"),
    [
        (True, True, 22_582_636, True),
        (False, True, 22_579_692, True),
        (True, False, 22_576_748, True),
        (False, False, 22_573_804, False),
    ],
)
def test_the_count_of_table_4_needs_biases_or_affine_normalizations(
    biases: bool, affine: bool, count: int, fits: bool
):
    with torch.device("meta"):
        network = UNet3D()
    blocks = [module for module in network.modules() if isinstance(module, ConvNormLeaky)]
    total = sum(p.numel() for p in network.parameters())
    if not biases:
        total -= sum(block.conv.bias.numel() for block in blocks)
    if not affine:
        total -= sum(p.numel() for block in blocks for p in block.norm.parameters())
    assert total == count
    assert (round(total / 1e6, 2) == 22.58) == fits


@pytest.mark.parametrize(
    ("width", "widest", "widths"),
    [
        (32, 512, [32, 64, 128, 256, 512, 512]),
        (32, 320, [32, 64, 128, 256, 320, 320]),
        (8, 320, [8, 16, 32, 64, 80, 80]),
        (1, 320, [1, 2, 4, 8, 10, 10]),
    ],
)
def test_widths_double_up_to_a_cap_that_scales_with_them(width: int, widest: int, widths: list[int]):
    assert level_widths(width, 6, widest) == widths


@pytest.mark.parametrize("down", ["pool", "stride"])
def test_a_signal_keeps_its_size_at_the_start(down: str):
    """Without the help of the normalizations, which hide what goes wrong."""
    torch.manual_seed(1)
    network = UNet3D(width=8, levels=4, down=down)
    for module in network.modules():
        if isinstance(module, torch.nn.InstanceNorm3d):
            module.forward = lambda x: x  # type: ignore[method-assign]
    x = torch.randn(1, 1, 24, 32, 40)
    with torch.no_grad():
        maps = network.features(x)
        logits = network.features.heads[0](maps[0])
    assert all(0.1 < m.square().mean() < 10 for m in maps), [m.square().mean() for m in maps]
    assert 0.1 < logits.std() < 5


def test_one_tap_of_a_transposed_convolution_reaches_a_voxel():
    torch.manual_seed(2)
    up = torch.nn.ConvTranspose3d(64, 64, kernel_size=2, stride=2)
    initialize(up)
    with torch.no_grad():
        assert 0.9 < up(torch.randn(1, 64, 6, 6, 6)).square().mean() < 1.1


@pytest.mark.parametrize("name", ["unet3d", "dpcnet", "darn", "ag", "daf"])
def test_a_volume_that_fits_into_one_deepest_voxel_is_refused(name: str):
    network = build_network(name, width=2, levels=4).eval()
    with pytest.raises(ModelError, match=r"got \(1, 1, 8, 3, 8\)"):
        network(torch.zeros(1, 1, 8, 3, 8))
    assert network(torch.zeros(1, 1, 9, 1, 1)).shape == (1, 3, 9, 1, 1)


def test_a_filled_volume_gives_what_the_same_volume_with_repeated_borders_gives():
    torch.manual_seed(3)
    network = UNet3D(width=4, levels=3).eval()
    volume = torch.randn(1, 1, 9, 14, 8)
    filled = torch.from_numpy(np.pad(volume.numpy(), ((0, 0), (0, 0), (0, 3), (0, 2), (0, 0)), mode="edge"))
    with torch.no_grad():
        assert torch.equal(network(volume), network(filled)[..., :9, :14, :])
