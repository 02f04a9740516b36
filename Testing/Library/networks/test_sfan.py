"""SFAN: its equations in plain numpy, its counts, the attention it shows, and what is refused."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.networks import AttentionMap, build_network
from LiverTumorAttentionLib.networks.sfan import GCA, SAT, SFAN, AlignmentBlock, AttentionVector
from Testing.Library.networks.plain import arrays, bilinear, convolve, sigmoid, with_biases

Weights = dict[str, np.ndarray]


def random_maps(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def vector_by_loops(image: np.ndarray, weights: Weights, prefix: str) -> np.ndarray:
    """The right-hand side of Eq. 1 and 3 for one image (C, Y, X)."""
    pooled = np.array([channel.sum() / channel.size for channel in image])
    for name in ("first", "second"):
        pooled = weights[f"{prefix}{name}.weight"][:, :, 0, 0] @ pooled + weights[f"{prefix}{name}.bias"]
    return sigmoid(pooled)


def gca_by_loops(maps: list[np.ndarray], weights: Weights, prefix: str) -> np.ndarray:
    """Eq. 2 and 3 for one image: G P."""
    size = maps[0].shape[1:]
    aligned = [
        bilinear(convolve(m, weights[f"{prefix}alignment.{k}.conv.weight"]), size)
        + weights[f"{prefix}alignment.{k}.conv.bias"][:, None, None]
        for k, m in enumerate(maps)
    ]
    g = vector_by_loops(maps[-1], weights, f"{prefix}vector.")
    return np.stack([g[k] * p for k, p in enumerate(np.concatenate(aligned))])


def test_the_vector_is_the_right_hand_side_of_equations_1_and_3():
    torch.manual_seed(0)
    module = with_biases(AttentionVector(5, 3, "test"))
    x = random_maps(2, 5, 4, 7, seed=1)
    expected = [vector_by_loops(image, arrays(module), "") for image in x.double().numpy()]
    np.testing.assert_allclose(module(x).detach(), expected, rtol=1e-5)


def test_sat_is_equation_1():
    torch.manual_seed(1)
    module = with_biases(SAT(3, 6))
    fine, coarse = random_maps(2, 3, 6, 10, seed=2), random_maps(2, 6, 3, 5, seed=3)
    got = module(fine, coarse).detach().numpy()
    for h, above, result in zip(fine.numpy(), coarse.double().numpy(), got, strict=True):
        v = vector_by_loops(above, arrays(module), "vector.")
        expected = np.stack([v[c] * h[c] for c in range(3)])
        np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)


def test_alignment_is_equation_2():
    torch.manual_seed(2)
    module = with_biases(AlignmentBlock(5, 3))
    x = random_maps(2, 5, 3, 4, seed=4)
    got = module(x, (12, 16)).detach().numpy()
    weights = arrays(module)
    for image, result in zip(x.double().numpy(), got, strict=True):
        expected = bilinear(convolve(image, weights["conv.weight"], weights["conv.bias"]), (12, 16))
        np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-5)


def test_gca_is_equations_2_and_3():
    torch.manual_seed(3)
    module = with_biases(GCA([4, 5, 7], aligned_width=3))
    maps = [random_maps(2, c, 12 // 2**k, 8 // 2**k, seed=10 + k) for k, c in enumerate([4, 5, 7])]
    got = module(maps).detach().numpy()
    assert got.shape == (2, 9, 12, 8)
    for k in range(2):
        expected = gca_by_loops([m[k].double().numpy() for m in maps], arrays(module), "")
        np.testing.assert_allclose(got[k], expected, rtol=1e-4, atol=1e-5)


def test_the_network_is_figure_1():
    """Behind the encoder, which test_unet.py checks: every level but the last is weighted by the next one."""
    torch.manual_seed(4)
    network = with_biases(SFAN(in_channels=2, classes=3, width=3, levels=3, aligned_width=4))
    weights, images = arrays(network), random_maps(2, 2, 8, 12, seed=5)
    with torch.no_grad():
        maps, got = network.encoder(images), network(images).numpy()
    for k in range(2):
        h = [m[k].double().numpy() for m in maps]
        s = [
            vector_by_loops(h[t + 1], weights, f"transmission.{t}.vector.")[:, None, None] * h[t]
            for t in (0, 1)
        ]
        o = gca_by_loops([*s, h[2]], weights, "context.")
        fused = np.maximum(convolve(o, weights["fusion.conv.weight"], weights["fusion.conv.bias"]), 0)
        expected = convolve(fused, weights["head.weight"], weights["head.bias"])
        np.testing.assert_allclose(got[k], expected, rtol=1e-4, atol=1e-5)


def count_by_arithmetic(in_channels: int, classes: int, width: int, levels: int, aligned: int) -> int:
    widths = [width * 2**level for level in range(levels)]
    total = levels * aligned
    count = sum(9 * a * b + b + 9 * b * b + b for a, b in pairwise([in_channels, *widths]))  # encoder
    count += sum(b * a + a + a * a + a for a, b in pairwise(widths))  # SAT
    count += sum(w * aligned + aligned for w in widths)  # alignment
    count += widths[-1] * total + total + total * total + total  # G
    return count + 9 * total * aligned + aligned + aligned * classes + classes  # 3x3, 1x1


def test_counts():
    with torch.device("meta"):
        default, small = SFAN(), SFAN(in_channels=3, classes=3, width=16, levels=4, aligned_width=8)
    counts = [sum(p.numel() for p in network.parameters()) for network in (default, small)]
    assert counts[0] == 20_630_978 == count_by_arithmetic(1, 2, 64, 5, 64)
    assert counts[1] == count_by_arithmetic(3, 3, 16, 4, 8)


def test_its_attention_can_be_seen_and_differs_by_channel_and_by_image():
    """From freshly drawn weights: no vector is flat, and none is saturated."""
    network = build_network(
        "sfan", width=8, aligned_width=8, generator=torch.Generator().manual_seed(0)
    ).eval()
    seen: dict[str, torch.Tensor] = {}
    for name, module in network.named_modules():
        if isinstance(module, AttentionMap):
            assert module.kind == "vector"
            module.register_forward_hook(lambda _, __, out, name=name: seen.update({name: out.detach()}))
    images = torch.rand(2, 1, 64, 48, generator=torch.Generator().manual_seed(6))
    images[1] *= 0.3
    network(images)
    assert [tuple(v.shape) for v in seen.values()] == [(2, 8), (2, 16), (2, 32), (2, 64), (2, 40)]
    for name, vector in seen.items():
        assert vector.std(dim=1).min() > 0.02, name
        assert (vector[0] - vector[1]).abs().max() > 0.01, name
        assert 0.02 < vector.min() <= vector.max() < 0.98, name


def test_the_last_level_passes_unweighted():
    """With all vectors forced to 0, no finer level is left, and G alone weighs the deepest one."""
    torch.manual_seed(5)
    network = SFAN(width=3, levels=3, aligned_width=4).eval()
    for sat in network.transmission:
        torch.nn.init.constant_(sat.vector.second.bias, -1e4)
    received: list[torch.Tensor] = []
    network.context.register_forward_pre_hook(lambda _, inputs: received.extend(inputs[0]))
    image = random_maps(1, 1, 8, 12, seed=7)
    with torch.no_grad():
        network(image)
        deepest = network.encoder(image)[-1]
    assert all(not m.any() for m in received[:-1])
    assert torch.equal(received[-1], deepest)
    assert deepest.any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"in_channels": 0}, r"in_channels must be .* at least 1; got 0"),
        ({"classes": 1}, r"classes must be .* at least 2; got 1"),
        ({"width": 0}, r"width must be .* at least 1; got 0"),
        ({"levels": 1}, r"levels must be .* at least 2; got 1"),
        ({"aligned_width": 0}, r"aligned_width must be .* at least 1; got 0"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments: dict, message: str):
    with pytest.raises(ModelError, match=message):
        build_network("sfan", **arguments)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 3, 16, 16), r"1 channels.*got \(2, 3, 16, 16\)"),
        ((1, 1, 4, 16, 16), r"4 dimensions.*got \(1, 1, 4, 16, 16\)"),
    ],
)
def test_images_that_do_not_fit_are_refused(shape: tuple[int, ...], message: str):
    with pytest.raises(ModelError, match=message):
        SFAN(width=2, levels=2, aligned_width=2)(torch.zeros(shape))
