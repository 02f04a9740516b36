"""R2U-Net, UNet++ and Attention U-Net, which the context paper compares with, against plain numpy."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.networks import AttentionMap, build_network
from LiverTumorAttentionLib.networks.comparators.attention_unet import AttentionUNet, GridAttentionGate
from LiverTumorAttentionLib.networks.comparators.nested_unet import NestedNode, NestedUNet, averaged
from LiverTumorAttentionLib.networks.comparators.r2unet import R2UNet, RecurrentConv, RecurrentResidualBlock
from Testing.Library.networks.plain import (
    arrays,
    batch_normalised,
    bilinear,
    convolve,
    doubled,
    max_pool,
    sigmoid,
    with_biases,
)

Weights = dict[str, np.ndarray]


def maps(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def conv(x: np.ndarray, weights: Weights, name: str) -> np.ndarray:
    return convolve(x, weights[f"{name}.weight"], weights.get(f"{name}.bias", np.float64(0)))


def up(x: np.ndarray, weights: Weights, name: str) -> np.ndarray:
    return doubled(x, weights[f"{name}.weight"], weights[f"{name}.bias"])


def compare(got: torch.Tensor, expected: list[np.ndarray]) -> None:
    for one, by_hand in zip(got.detach().numpy(), expected, strict=True):
        assert by_hand.std() > 0.01
        np.testing.assert_allclose(one, by_hand, rtol=1e-3, atol=1e-4 * np.abs(by_hand).max())


# R2U-Net


def recurrent_by_loops(x: np.ndarray, weights: Weights, name: str, steps: int) -> np.ndarray:
    driven = conv(x, weights, f"{name}forward_conv")
    state = np.zeros(driven.shape)
    for t in range(steps + 1):
        back = conv(state, weights, f"{name}recurrent_conv")
        state = np.maximum(batch_normalised(driven + back, weights, f"{name}norms.{t}"), 0)
    return state


def unit_by_loops(x: np.ndarray, weights: Weights, name: str, steps: int) -> np.ndarray:
    x = conv(x, weights, f"{name}entry")
    out = recurrent_by_loops(x, weights, f"{name}layers.0.", steps)
    return x + recurrent_by_loops(out, weights, f"{name}layers.1.", steps)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_recurrent_layer_sees_its_input_and_its_own_output(steps: int):
    torch.manual_seed(0)
    layer = with_biases(RecurrentConv(4, steps))
    x, weights = maps(2, 4, 5, 7, seed=1), arrays(layer)
    compare(layer(x), [recurrent_by_loops(image, weights, "", steps) for image in x.double().numpy()])


def test_a_unit_adds_its_two_layers_to_what_enters_them():
    torch.manual_seed(1)
    unit = with_biases(RecurrentResidualBlock(3, 4, steps=2))
    x, weights = maps(2, 3, 5, 7, seed=2), arrays(unit)
    compare(unit(x), [unit_by_loops(image, weights, "", 2) for image in x.double().numpy()])


def test_r2unet_is_a_unet_of_units():
    torch.manual_seed(2)
    network = with_biases(R2UNet(in_channels=2, classes=3, width=3, levels=3))
    x, weights = maps(2, 2, 8, 12, seed=3), arrays(network)
    expected = []
    for image in x.double().numpy():
        features = [unit_by_loops(image, weights, "encoder.0.", 2)]
        for level in (1, 2):
            features.append(unit_by_loops(max_pool(features[-1]), weights, f"encoder.{level}.", 2))
        y = features[2]
        for level in (1, 0):
            y = np.concatenate([features[level], up(y, weights, f"ups.{level}")])
            y = unit_by_loops(y, weights, f"decoder.{level}.", 2)
        expected.append(conv(y, weights, "head"))
    with torch.no_grad():
        compare(network(x), expected)


# UNet++


def block_by_loops(x: np.ndarray, weights: Weights, name: str) -> np.ndarray:
    for k in (0, 1):
        x = np.maximum(conv(x, weights, f"{name}.{k}.conv"), 0)
    return x


def test_a_node_takes_all_before_it_and_what_lies_below():
    torch.manual_seed(3)
    node = with_biases(NestedNode(3, 5, before=2))
    before, coarse = [maps(2, 3, 6, 8, seed=4), maps(2, 3, 6, 8, seed=5)], maps(2, 5, 3, 4, seed=6)
    weights = arrays(node)
    expected = [
        block_by_loops(
            np.concatenate(
                [*(x[k].double().numpy() for x in before), up(coarse[k].double().numpy(), weights, "up")]
            ),
            weights,
            "block",
        )
        for k in range(2)
    ]
    compare(node(before, coarse), expected)


def nested_by_loops(image: np.ndarray, weights: Weights, levels: int) -> list[np.ndarray]:
    """Figure 1: the logits of x_{0,1}, x_{0,2}, ..."""
    x: dict[tuple[int, int], np.ndarray] = {}
    for i in range(levels):
        x[i, 0] = block_by_loops(max_pool(x[i - 1, 0]) if i else image, weights, f"encoder.blocks.{i}")
    for j in range(1, levels):
        for i in range(levels - j):
            parts = [x[i, k] for k in range(j)] + [up(x[i + 1, j - 1], weights, f"nodes.x_{i}_{j}.up")]
            x[i, j] = block_by_loops(np.concatenate(parts), weights, f"nodes.x_{i}_{j}.block")
    return [conv(x[0, j], weights, f"heads.x_0_{j}") for j in range(1, levels)]


def test_nested_unet_is_figure_1():
    torch.manual_seed(4)
    network = with_biases(NestedUNet(in_channels=2, classes=3, width=3, levels=4))
    x, weights = maps(2, 2, 8, 16, seed=7), arrays(network)
    with torch.no_grad():
        outputs, got = network.train()(x), network.eval()(x)
    by_hand = [nested_by_loops(image, weights, 4) for image in x.double().numpy()]
    assert list(outputs) == ["x_0_1", "x_0_2", "x_0_3"]
    for depth, group in enumerate(outputs.values()):
        assert list(group) == [0]
        compare(group[0], [heads[depth] for heads in by_hand])
    for one, heads in zip(got.numpy(), by_hand, strict=True):
        exponentials = [np.exp(logits - logits.max(axis=0)) for logits in heads]
        mean = np.mean([e / e.sum(axis=0) for e in exponentials], axis=0)
        np.testing.assert_allclose(np.exp(one) / np.exp(one).sum(axis=0), mean, atol=1e-5)
        np.testing.assert_allclose(one.mean(axis=0), 0, atol=1e-5)


def test_without_deep_supervision_the_last_node_alone_has_an_output():
    network = NestedUNet(in_channels=2, width=3, levels=3, deep_supervision=False)
    assert list(network.heads) == ["x_0_2"]
    image = maps(2, 2, 8, 12, seed=12)
    assert network.train()(image).shape == network.eval()(image).shape == (2, 2, 8, 12)


def test_the_average_neither_overflows_nor_loses_what_is_certain():
    certain = torch.tensor([1e4, -1e4]).reshape(1, 2, 1, 1)
    assert averaged([certain, certain]).isfinite().all()
    torch.testing.assert_close(averaged([certain, certain]), certain)
    torch.testing.assert_close(averaged([certain, -certain]), torch.zeros(1, 2, 1, 1))


# Attention U-Net


def gate_by_loops(x: np.ndarray, gating: np.ndarray, weights: Weights, name: str) -> np.ndarray:
    """Eq. 1 and 2 for one image."""
    kernel = weights[f"{name}of_places.weight"]
    rows, columns = gating.shape[1:]
    q = np.zeros((1, rows, columns))
    for y in range(rows):
        for c in range(columns):
            places = np.einsum("oikl,ikl->o", kernel, x[:, 2 * y : 2 * y + 2, 2 * c : 2 * c + 2])
            asked = weights[f"{name}of_gating.weight"][:, :, 0, 0] @ gating[:, y, c]
            inner = np.maximum(places + asked + weights[f"{name}of_gating.bias"], 0)
            q[0, y, c] = weights[f"{name}psi.weight"][0, :, 0, 0] @ inner + weights[f"{name}psi.bias"][0]
    return bilinear(sigmoid(q), (x.shape[1], x.shape[2])) * x


def test_a_gate_is_equations_1_and_2():
    torch.manual_seed(5)
    gate = with_biases(GridAttentionGate(3, 5))
    x, gating = maps(2, 3, 8, 12, seed=8), maps(2, 5, 4, 6, seed=9)
    weights = arrays(gate)
    pairs = zip(x.double().numpy(), gating.double().numpy(), strict=True)
    compare(gate(x, gating), [gate_by_loops(one, g, weights, "") for one, g in pairs])


def normalised_block(x: np.ndarray, weights: Weights, name: str) -> np.ndarray:
    for k in (0, 1):
        x = conv(x, weights, f"{name}.{k}.conv")
        x = np.maximum(batch_normalised(x, weights, f"{name}.{k}.norm"), 0)
    return x


def test_attention_unet_gates_every_skip_but_the_finest_by_the_level_below():
    torch.manual_seed(6)
    network = with_biases(AttentionUNet(in_channels=2, classes=3, width=3, levels=4))
    x, weights = maps(2, 2, 16, 8, seed=10), arrays(network)
    expected = []
    for image in x.double().numpy():
        features: list[np.ndarray] = []
        for level in range(4):
            entering = max_pool(features[-1]) if features else image
            features.append(normalised_block(entering, weights, f"encoder.blocks.{level}"))
        y = features[3]
        for level in (2, 1, 0):
            skip = features[level]
            if level > 0:
                skip = gate_by_loops(skip, y, weights, f"gates.{level - 1}.")
            y = np.concatenate([skip, up(y, weights, f"decoder.ups.{level}")])
            y = normalised_block(y, weights, f"decoder.blocks.{level}")
        expected.append(conv(y, weights, "heads.0"))
    with torch.no_grad():
        compare(network(x), expected)


def test_attention_unet_supervises_every_level_of_the_decoder():
    torch.manual_seed(7)
    network = AttentionUNet(in_channels=1, width=2, levels=4).train()
    outputs = network(maps(2, 1, 19, 30, seed=11))["attention_unet"]
    assert {level: tuple(x.shape[2:]) for level, x in outputs.items()} == {
        0: (19, 30),
        1: (10, 15),
        2: (5, 8),
    }


def test_gates_are_seen_and_are_neither_flat_nor_saturated_at_the_start():
    network = build_network("attention_unet", width=16, generator=torch.Generator().manual_seed(0)).train()
    seen: list[torch.Tensor] = []
    for module in network.modules():
        if isinstance(module, AttentionMap):
            module.register_forward_hook(lambda _, __, weights: seen.append(weights.detach()))
    with torch.no_grad():
        network(torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(1)))
    assert [tuple(w.shape) for w in seen] == [(2, 1, 8, 12), (2, 1, 16, 24), (2, 1, 32, 48)]
    for weights in seen:
        assert weights.std() > 0.02
        assert 0.05 < weights.mean() < 0.95


# Counts and refusals


def double(a: int, b: int, each: int) -> int:
    """Two 3x3 convolutions; `each`: further parameters of each of their channels."""
    return 9 * a * b + 9 * b * b + 2 * each * b


def test_counts():
    with torch.device("meta"):
        r2unet, nested, one_class, gated = (
            sum(p.numel() for p in network.parameters())
            for network in (R2UNet(), NestedUNet(), NestedUNet(in_channels=1), AttentionUNet())
        )
    wide = [64, 128, 256, 512, 1024]
    ups = sum(4 * b * a + a for a, b in pairwise(wide))
    units = [*pairwise([3, *wide]), *((2 * a, a) for a in wide[:-1])]
    assert r2unet == 67_033_730
    assert r2unet == sum(a * b + b + 4 * 9 * b * b + 2 * 3 * 2 * b for a, b in units) + ups + 64 * 2 + 2

    narrow = [32, 64, 128, 256, 512]
    triangle = sum(double(a, b, 1) for a, b in pairwise([1, *narrow]))
    for j in range(1, 5):
        for i in range(5 - j):
            triangle += 4 * narrow[i + 1] * narrow[i] + narrow[i] + double((j + 1) * narrow[i], narrow[i], 1)
    assert triangle + 4 * (32 + 1) == 9_041_700  # one class: the paper's 9.04 M
    assert one_class == triangle + 4 * (2 * 32 + 2)
    assert nested == one_class + 2 * 9 * 32 == 9_042_408

    blocks = [*pairwise([3, *wide]), *((2 * a, a) for a in wide[:-1])]
    gates = sum(4 * a * a + b * a + a + a + 1 for a, b in pairwise(wide[1:]))
    heads = sum(2 * a + 2 for a in wide[:-1])
    assert gated == 33_105_675 == sum(double(a, b, 2) for a, b in blocks) + ups + gates + heads


@pytest.mark.parametrize("name", ["r2unet", "nested_unet", "attention_unet"])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"in_channels": 0}, r"in_channels must be .* at least 1; got 0"),
        ({"classes": 1}, r"classes must be .* at least 2; got 1"),
        ({"width": 0}, r"width must be .* at least 1; got 0"),
        ({"levels": 1}, r"levels must be .* at least [23]; got 1"),
    ],
)
def test_arguments_out_of_range_are_refused(name: str, arguments: dict, message: str):
    with pytest.raises(ModelError, match=message):
        build_network(name, **arguments)


def test_steps_are_checked():
    with pytest.raises(ModelError, match=r"steps must be .* at least 1; got 0"):
        build_network("r2unet", steps=0)
