"""Attention gates and deep attentive features: in plain numpy, and their counts beside the paper's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.networks import build_network
from LiverTumorAttentionLib.networks.comparators.attention_gate_3d import AttentionGate, AttentionGateUNet3D
from LiverTumorAttentionLib.networks.comparators.daf import ASPP3D, DAF3D, LayerAttention, ThreeConvs
from LiverTumorAttentionLib.networks.layers3d import JointConv
from Testing.Library.networks.plain import arrays, with_biases
from Testing.Library.networks.plain3d import convolve3d, group_normalised, interpolated, leaky, sigmoid

Weights = dict[str, np.ndarray]


def maps(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def part(weights: Weights, name: str) -> Weights:
    """The weights of one module of a network."""
    return {key.removeprefix(name): value for key, value in weights.items() if key.startswith(name)}


def gate_by_loops(x: np.ndarray, gating: np.ndarray, w: Weights) -> np.ndarray:
    """Eq. 1 and 2 of Attention U-Net for one image, the way down to the gate's grid and back up, and W."""
    places = convolve3d(x, w["of_places.weight"], stride=2)
    asked = convolve3d(gating, w["of_gating.weight"], w["of_gating.bias"])
    together = np.maximum(places + interpolated(asked, places.shape[1:]), 0)
    alpha = sigmoid(convolve3d(together, w["psi.weight"], w["psi.bias"]))
    passed = interpolated(alpha, x.shape[1:]) * x
    out = convolve3d(passed, w["output.0.weight"], w["output.0.bias"])
    return group_normalised(out, len(out), w["output.1.weight"], w["output.1.bias"])


@pytest.mark.parametrize("coarser", [2, 4])
def test_a_gate_is_equations_1_and_2(coarser: int):
    torch.manual_seed(0)
    module = with_biases(AttentionGate(3, 5))
    x, g = maps(2, 3, 4, 12, 8, seed=1), maps(2, 5, 4 // coarser, 12 // coarser, 8 // coarser, seed=2)
    got = module(x, g).detach().numpy()
    for k in range(2):
        expected = gate_by_loops(x[k].double().numpy(), g[k].double().numpy(), arrays(module))
        np.testing.assert_allclose(got[k], expected, rtol=1e-3, atol=1e-4)


def test_one_gating_signal_of_the_deepest_level_serves_every_skip_but_the_finest():
    torch.manual_seed(1)
    network = with_biases(AttentionGateUNet3D(width=2, levels=4, in_channels=2))
    w, image = arrays(network), maps(1, 2, 16, 8, 24, seed=3)
    with torch.no_grad():
        encoded = [x[0].double().numpy() for x in network.features.encoder(image)]
        gating = convolve3d(encoded[3], w["gating.0.weight"], w["gating.0.bias"])
        gating = group_normalised(gating, len(gating), w["gating.1.weight"], w["gating.1.bias"])
        gating = np.maximum(gating, 0)
        gated = [gate_by_loops(encoded[k], gating, part(w, f"gates.{k - 1}.")) for k in (1, 2)]
        skips = [torch.from_numpy(x).float()[None] for x in (encoded[0], *gated, encoded[3])]
        expected = network.features.heads[0](network.features.decoder(skips)[0])
        torch.testing.assert_close(network(image), expected, rtol=1e-3, atol=1e-3)


def test_maps_convolved_apart_are_their_concatenation_convolved():
    torch.manual_seed(2)
    module = with_biases(JointConv([2, 3, 1], 4))
    given = [maps(2, 2, 8, 4, 12, seed=4), maps(2, 3, 4, 2, 6, seed=5), maps(2, 1, 2, 1, 3, seed=6)]
    got = module(given, (8, 4, 12)).detach().numpy()
    weight = np.concatenate([arrays(module)[f"convs.{k}.weight"] for k in range(3)], axis=1)
    for k in range(2):
        together = np.concatenate([interpolated(x[k].double().numpy(), (8, 4, 12)) for x in given])
        expected = convolve3d(together, weight, arrays(module)["convs.0.bias"])
        np.testing.assert_allclose(got[k], expected, rtol=1e-4, atol=1e-5)


def norm_prelu(x: np.ndarray, w: Weights) -> np.ndarray:
    return leaky(
        group_normalised(x, int(np.gcd(32, len(x))), w["0.weight"], w["0.bias"]), float(w["1.weight"][0])
    )


def three_convolutions(
    given: list[np.ndarray], size: tuple[int, ...], w: Weights, *, last: bool
) -> np.ndarray:
    """1x1x1 on maps side by side, 3x3x3, 3x3x3; normalization and PReLU between them, and behind if `last`."""
    weight = np.concatenate([w[f"joint.convs.{k}.weight"] for k in range(len(given))], axis=1)
    together = np.concatenate([interpolated(x, size) for x in given])
    x = norm_prelu(convolve3d(together, weight, w["joint.convs.0.bias"]), part(w, "layers.0."))
    x = convolve3d(x, w["layers.1.weight"], w["layers.1.bias"])
    x = norm_prelu(x, part(w, "layers.2."))
    x = convolve3d(x, w["layers.3.weight"], w["layers.3.bias"])
    return norm_prelu(x, part(w, "layers.4.")) if last else x


@pytest.mark.parametrize("last", [True, False])
def test_three_convolutions(last: bool):
    torch.manual_seed(3)
    module = with_biases(ThreeConvs([2, 3], 4, last=last))
    given = [maps(2, 2, 2, 3, 4, seed=7), maps(2, 3, 4, 6, 8, seed=8)]
    got = module(given, (4, 6, 8)).detach().numpy()
    for k in range(2):
        alone = [x[k].double().numpy() for x in given]
        expected = three_convolutions(alone, (4, 6, 8), arrays(module), last=last)
        np.testing.assert_allclose(got[k], expected, rtol=1e-3, atol=1e-4)


def layer_attention_by_loops(layer: np.ndarray, multi: np.ndarray, w: Weights) -> np.ndarray:
    size = multi.shape[1:]
    a = sigmoid(three_convolutions([layer, multi], size, part(w, "attention."), last=False))
    return three_convolutions([layer, a * multi], size, part(w, "refinement."), last=True)


def test_a_level_takes_of_the_multi_layer_features_what_it_attends_to():
    torch.manual_seed(4)
    module = with_biases(LayerAttention(6, 4))
    layer, multi = maps(2, 6, 2, 3, 4, seed=9), maps(2, 4, 4, 6, 8, seed=10)
    seen: list[torch.Tensor] = []
    module.map.register_forward_hook(lambda _, __, weights: seen.append(weights.detach()))
    got = module(layer, multi).detach().numpy()
    for k in range(2):
        f, m = layer[k].double().numpy(), multi[k].double().numpy()
        expected = layer_attention_by_loops(f, m, arrays(module))
        np.testing.assert_allclose(got[k], expected, rtol=1e-3, atol=1e-4)
        a = sigmoid(three_convolutions([f, m], (4, 6, 8), part(arrays(module), "attention."), last=False))
        np.testing.assert_allclose(seen[0][k, 0], a.mean(axis=0), rtol=1e-4)


def aspp_by_loops(x: np.ndarray, w: Weights) -> np.ndarray:
    groups, seen = int(np.gcd(32, len(x))), []
    for k, rate in enumerate((1, 6, 12, 18)):
        name = f"branches.{k}."
        branch = convolve3d(x, w[f"{name}0.weight"], w[f"{name}0.bias"], dilation=(1, rate, rate))
        seen.append(group_normalised(branch, groups, w[f"{name}1.weight"], w[f"{name}1.bias"]))
    weight = np.concatenate([w[f"joint.convs.{k}.weight"] for k in range(4)], axis=1)
    out = convolve3d(np.concatenate(seen), weight, w["joint.convs.0.bias"])
    return group_normalised(out, groups, w["norm.weight"], w["norm.bias"])


def test_aspp_sees_four_neighbourhoods():
    torch.manual_seed(5)
    module = with_biases(ASPP3D(3))
    x = maps(2, 3, 3, 20, 40, seed=11)
    got = module(x).detach().numpy()
    for k in range(2):
        expected = aspp_by_loops(x[k].double().numpy(), arrays(module))
        np.testing.assert_allclose(got[k], expected, rtol=1e-3, atol=1e-4)


def test_daf_refines_every_level_on_the_finest_grid_and_fuses_them():
    torch.manual_seed(6)
    network = with_biases(DAF3D(width=2, levels=3, pyramid_width=4, classes=2))
    w, image, size = arrays(network), maps(1, 1, 8, 12, 4, seed=12), (8, 12, 4)
    with torch.no_grad():
        decoded = [x[0].double().numpy() for x in network.decoder(network.encoder(image))]
        got = network(image)[0].numpy()
        outputs = network.train()(image)
    layers = []
    for k, x in enumerate(decoded):
        x = convolve3d(x, w[f"single.{k}.0.weight"], w[f"single.{k}.0.bias"])
        layers.append(norm_prelu(x, part(w, f"single.{k}.1.")))
    multi = three_convolutions(layers, size, part(w, "multi."), last=True)
    refined = [layer_attention_by_loops(x, multi, part(w, f"attentive.{k}.")) for k, x in enumerate(layers)]
    weight = np.concatenate([w[f"fusion.convs.{k}.weight"] for k in range(2)], axis=1)
    fused = convolve3d(np.concatenate(refined), weight, w["fusion.convs.0.bias"])
    fused = aspp_by_loops(norm_prelu(fused, part(w, "fusion_norm.")), part(w, "aspp."))
    expected = convolve3d(fused, w["head.weight"], w["head.bias"])
    np.testing.assert_allclose(got, expected, rtol=1e-2, atol=1e-3)
    shapes = {group: {k: tuple(x.shape) for k, x in levels.items()} for group, levels in outputs.items()}
    assert shapes == {
        "slf": {0: (1, 2, 8, 12, 4), 1: (1, 2, 4, 6, 2)},
        "attentive_0": {0: (1, 2, 8, 12, 4)},
        "attentive_1": {0: (1, 2, 8, 12, 4)},
        "fused": {0: (1, 2, 8, 12, 4)},
    }
    slf = convolve3d(layers[1], w["single_heads.1.weight"], w["single_heads.1.bias"])
    np.testing.assert_allclose(outputs["slf"][1][0], slf, rtol=1e-3, atol=1e-4)
    second = convolve3d(refined[1], w["attentive_heads.1.weight"], w["attentive_heads.1.bias"])
    np.testing.assert_allclose(outputs["attentive_1"][0][0], second, rtol=1e-3, atol=1e-3)


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_counts_are_the_papers():
    """Table 4: AG + 1.02 M, DAF + 0.68 M, on 22.58 M."""
    with torch.device("meta"):
        baseline, ag, daf = (count(build_network(name)) for name in ("unet3d", "ag", "daf"))
    gating = 512 * 256 + 256 + 2 * 256
    gates = [8 * c * c + 256 * c + c + c + 1 + c * c + c + 2 * c for c in (64, 128, 256)]
    assert ag - baseline == gating + sum(gates) == 1_022_915
    w, wide = 32, 64

    def three(inputs: int, *, last: bool = True) -> int:
        return inputs * w + w + 2 * (27 * w * w + w) + (3 if last else 2) * (2 * w + 1)

    single = sum(c * wide + wide + 2 * wide + 1 for c in (32, 64, 128, 256))
    layers = three(4 * wide) + 4 * (three(wide + w, last=False) + three(wide + w))
    fusion = 4 * w * w + w + 2 * w + 1
    aspp = 4 * (27 * w * w + w + 2 * w) + 4 * w * w + w + 2 * w
    heads = 4 * 3 * (wide + 1) + 4 * 3 * (w + 1) + 3 * (w + 1)
    taken_away = sum(3 * c + 3 for c in (32, 64, 128, 256))
    assert daf - baseline == single + layers + fusion + aspp + heads - taken_away == 683_467
    assert baseline == 22_582_636


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("ag", {"levels": 2}, r"levels must be .* at least 3; got 2"),
        ("ag", {"width": 0}, r"width must be .* at least 1; got 0"),
        ("daf", {"pyramid_width": 5}, r"pyramid_width must be .*a multiple of 2, at least 2; got 5"),
        ("daf", {"classes": 1}, r"classes must be .* at least 2; got 1"),
    ],
)
def test_arguments_out_of_range_are_refused(name: str, arguments: dict, message: str):
    with pytest.raises(ModelError, match=message):
        build_network(name, **arguments)


@pytest.mark.parametrize("name", ["ag", "daf"])
def test_attention_is_seen_and_is_neither_flat_nor_saturated(name: str):
    network = build_network(name, width=4, generator=torch.Generator().manual_seed(0)).eval()
    seen: list[torch.Tensor] = []
    for module in network.modules():
        if type(module).__name__ == "AttentionMap":
            module.register_forward_hook(lambda _, __, weights: seen.append(weights))
    with torch.no_grad():
        network(maps(1, 1, 32, 32, 48, seed=13))
    sides = {"ag": [(16, 16, 24), (8, 8, 12), (4, 4, 6)], "daf": [(32, 32, 48)] * 4}[name]
    assert [tuple(x.shape[1:]) for x in seen] == [(1, *side) for side in sides]
    for weights in seen:
        assert 0 < weights.min() < weights.max() < 1
        assert weights.std() > 0.005
