"""DPC-Net, DARN and the 3D U-Net: their equations in plain numpy, their counts, what can be removed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.networks import AttentionMap, build_network
from LiverTumorAttentionLib.networks.darn import DARN, Aggregation, SemRef, SpaRef
from LiverTumorAttentionLib.networks.dpcnet import DPCNet, SemCor, SpaCor
from LiverTumorAttentionLib.networks.unet3d import ConvNormLeaky, UNet3D
from Testing.Library.networks.plain import arrays, with_biases
from Testing.Library.networks.plain3d import convolve3d, doubled, leaky, sigmoid

Weights = dict[str, np.ndarray]


def maps(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def three_convolutions(t: np.ndarray, w: Weights, name: str) -> np.ndarray:
    for k in (0, 2, 4):
        t = convolve3d(t, w[f"{name}.{k}.weight"], w[f"{name}.{k}.bias"])
        t = leaky(t) if k < 4 else t
    return t


def three_layers(t: np.ndarray, w: Weights, name: str) -> np.ndarray:
    for k in (0, 2, 4):
        t = w[f"{name}.{k}.weight"] @ t + w[f"{name}.{k}.bias"]
        t = leaky(t) if k < 4 else t
    return t


def spatial_squeeze(x: np.ndarray, pooling: str) -> np.ndarray:
    parts = {"mean": [x.mean(0)], "max": [x.max(0)], "both": [x.mean(0), x.max(0)]}[pooling]
    return np.sum(parts, axis=0)[None]


def semantic_squeeze(levels: list[np.ndarray], pooling: str) -> np.ndarray:
    means = [np.array([c.mean() for c in level]) for level in levels]
    highest = [np.array([c.max() for c in level]) for level in levels]
    return np.concatenate({"mean": means, "max": highest, "both": means + highest}[pooling])


def check(module: nn.Module, first: torch.Tensor, second: torch.Tensor, expected) -> None:
    """Compare a module with `expected(first, second)` image by image."""
    got = module(first, second).detach().numpy()
    for k in range(len(first)):
        want = expected(first[k].double().numpy(), second[k].double().numpy())
        np.testing.assert_allclose(got[k], want, rtol=1e-4, atol=1e-5)


def halved(x: np.ndarray) -> np.ndarray:
    """The mean of each 2 x 2 x 2 voxels, (C, Z, Y, X)."""
    c, z, y, x_ = x.shape
    return x.reshape(c, z // 2, 2, y // 2, 2, x_ // 2, 2).mean(axis=(2, 4, 6))


def interpolated(x: np.ndarray) -> np.ndarray:
    """Twice the size: each voxel is 3/4 of its own and 1/4 of the neighbor's on its side, along every axis."""
    for axis in (1, 2, 3):
        before = np.concatenate([x.take([0], axis), x.take(range(x.shape[axis] - 1), axis)], axis)
        after = np.concatenate([x.take(range(1, x.shape[axis]), axis), x.take([-1], axis)], axis)
        parts = np.stack([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after], axis + 1)
        x = parts.reshape(*x.shape[:axis], 2 * x.shape[axis], *x.shape[axis + 1 :])
    return x


@pytest.mark.parametrize(
    ("pooling", "width", "resampling"),
    [
        ("mean", 1, "learned"),
        ("max", 1, "learned"),
        ("both", 1, "learned"),
        ("both", "level", "transposed"),
        ("mean", "level", "interpolated"),
        ("max", 5, "learned"),
    ],
)
def test_spacor_is_equations_4_to_6(pooling: str, width: int | str, resampling: str):
    torch.manual_seed(0)
    module = with_biases(SpaCor(3, pooling, width, resampling))
    w = arrays(module)
    inside = 3 if width == "level" else width
    assert w["correlation.0.weight"].shape[:2] == (inside, 1)
    assert w["correlation.2.weight"].shape[:2] == (inside, inside)
    assert w["correlation.4.weight"].shape[:2] == (1, inside)

    def expected(feature: np.ndarray, finer: np.ndarray) -> np.ndarray:
        if resampling == "interpolated":
            raised = interpolated(feature)
        else:
            raised = doubled(feature, w["up.weight"], w["up.bias"])
        t = spatial_squeeze(np.concatenate([raised, finer]), pooling)
        a = three_convolutions(t, w, "correlation")
        g = convolve3d(raised, w["recalibration.weight"], w["recalibration.bias"])
        if resampling == "learned":
            return convolve3d(sigmoid(a) * g, w["down.weight"], w["down.bias"], stride=2)
        return halved(sigmoid(a) * g)

    check(module, maps(2, 3, 2, 3, 4, seed=1), maps(2, 3, 4, 6, 8, seed=2), expected)


@pytest.mark.parametrize("pooling", ["mean", "max", "both"])
def test_semcor_is_equations_7_to_9(pooling: str):
    torch.manual_seed(1)
    module = with_biases(SemCor(3, pooling))
    w = arrays(module)

    def expected(feature: np.ndarray, coarser: np.ndarray) -> np.ndarray:
        a = three_layers(semantic_squeeze([feature, coarser], pooling), w, "correlation")
        g = convolve3d(feature, w["recalibration.weight"], w["recalibration.bias"])
        return sigmoid(a)[:, None, None, None] * g

    check(module, maps(2, 3, 4, 6, 8, seed=3), maps(2, 3, 2, 3, 4, seed=4), expected)


def test_sparef_is_spacor_with_the_finer_neighbour_alone_as_guide():
    torch.manual_seed(2)
    module = with_biases(SpaRef(3, attention_width=2, resampling="learned"))
    w = arrays(module)

    def expected(feature: np.ndarray, finer: np.ndarray) -> np.ndarray:
        a = three_convolutions(spatial_squeeze(finer, "both"), w, "correlation")
        raised = doubled(feature, w["up.weight"], w["up.bias"])
        g = convolve3d(raised, w["recalibration.weight"], w["recalibration.bias"])
        return convolve3d(sigmoid(a) * g, w["down.weight"], w["down.bias"], stride=2)

    check(module, maps(2, 3, 2, 3, 4, seed=5), maps(2, 3, 4, 6, 8, seed=6), expected)


def test_semref_is_semcor_with_the_coarser_neighbour_alone_as_guide():
    torch.manual_seed(3)
    module = with_biases(SemRef(3))
    w = arrays(module)

    def expected(feature: np.ndarray, coarser: np.ndarray) -> np.ndarray:
        a = three_layers(semantic_squeeze([coarser], "both"), w, "correlation")
        g = convolve3d(feature, w["recalibration.weight"], w["recalibration.bias"])
        return sigmoid(a)[:, None, None, None] * g

    check(module, maps(2, 3, 4, 6, 8, seed=7), maps(2, 3, 2, 3, 4, seed=8), expected)


def test_aggregation_is_one_convolution_of_the_concatenation():
    torch.manual_seed(4)
    module = with_biases(Aggregation(2, 3))
    pyramid = [maps(2, 2, 8 >> k, 12 >> k, 4 >> k, seed=9 + k) for k in range(3)]
    raised = [
        nn.functional.interpolate(x, size=(8, 12, 4), mode="trilinear", align_corners=False) for x in pyramid
    ]
    weight = torch.cat([conv.weight for conv in module.convs], dim=1).detach().double().numpy()
    bias = module.convs[0].bias.detach().double().numpy()
    got = module(pyramid).detach().numpy()
    for k in range(2):
        together = np.concatenate([x[k].double().numpy() for x in raised])
        np.testing.assert_allclose(got[k], leaky(convolve3d(together, weight, bias)), rtol=1e-4, atol=1e-5)


def test_a_block_is_convolution_instance_normalisation_leaky_relu():
    torch.manual_seed(5)
    module = with_biases(ConvNormLeaky(2, 3))
    w = arrays(module)
    volume = maps(2, 2, 4, 5, 6, seed=12)
    got = module(volume).detach().numpy()
    for k in range(2):
        x = convolve3d(volume[k].double().numpy(), w["conv.weight"], w["conv.bias"])
        mean, variance = x.mean(axis=(1, 2, 3), keepdims=True), x.var(axis=(1, 2, 3), keepdims=True)
        x = (x - mean) / np.sqrt(variance + 1e-5)
        x = x * w["norm.weight"].reshape(-1, 1, 1, 1) + w["norm.bias"].reshape(-1, 1, 1, 1)
        np.testing.assert_allclose(got[k], leaky(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("order", ["spa_first", "sem_first"])
def test_dpcnet_corrects_each_level_by_the_right_neighbour(order: str):
    torch.manual_seed(6)
    network = with_biases(DPCNet(width=2, levels=4, pyramid_width=3, order=order, classes=2))
    image = maps(1, 1, 16, 8, 24, seed=13)
    with torch.no_grad():
        decoded = network.features(image)
        f = [conv(x) for conv, x in zip(network.lateral, decoded, strict=True)]
        spa, sem = network.spacor, network.semcor
        if order == "spa_first":
            s = [f[0], spa[0](f[1], f[0]), spa[1](f[2], f[1])]
            c = [sem[0](s[0], s[1]), sem[1](s[1], s[2])]
            last = c[0]
        else:
            c = [sem[0](f[0], f[1]), sem[1](f[1], f[2]), f[2]]
            s = [c[0], spa[0](c[1], c[0]), spa[1](c[2], c[1])]
            last = s[0]
        torch.testing.assert_close(network(image), network.sem_heads[0](last))
        outputs = network.train()(image)
        assert {k: sorted(v) for k, v in outputs.items()} == {"pfe": [0, 1, 2], "spa": [1, 2], "sem": [0, 1]}
        torch.testing.assert_close(outputs["spa"][2], network.spa_heads[1](s[2]))
        torch.testing.assert_close(outputs["sem"][1], network.sem_heads[1](c[1]))
        torch.testing.assert_close(outputs["pfe"][2], network.features.heads[2](decoded[2]))


@pytest.mark.parametrize(
    ("spacor", "semcor", "groups"),
    [
        (True, False, {"pfe": 3, "spa": 2, "sem": 1}),
        (False, True, {"pfe": 3, "sem": 2}),
        (False, False, {"pfe": 3}),
    ],
)
@pytest.mark.parametrize("backbone", ["pfe", "unet3d"])
def test_each_module_can_be_removed(backbone: str, spacor: bool, semcor: bool, groups: dict[str, int]):
    """Table 2: baseline, + SpaCor, + SemCor, + both, on the U-Net and on the PFE."""
    torch.manual_seed(7)
    network = DPCNet(width=2, levels=4, pyramid_width=3, backbone=backbone, spacor=spacor, semcor=semcor)
    outputs = network(maps(1, 1, 16, 16, 16, seed=14))
    assert {k: len(v) for k, v in outputs.items()} == groups
    sum(x.square().mean() for group in outputs.values() for x in group.values()).backward()
    assert all(p.grad is not None for p in network.parameters())
    assert (len(network.spacor) > 0, len(network.semcor) > 0) == (spacor, semcor)
    pools = [m for m in network.modules() if isinstance(m, nn.MaxPool3d)]
    assert len(pools) == (3 if backbone == "unet3d" else 0)


@pytest.mark.parametrize(
    ("arguments", "depends"),
    [({"order": "spa_first"}, True), ({"order": "sem_first"}, False), ({"semcor": False}, False)],
)
def test_what_spacor_finds_reaches_the_output_through_semcor_alone(arguments: dict, depends: bool):
    torch.manual_seed(9)
    network = DPCNet(width=2, levels=4, pyramid_width=3, **arguments).eval()
    image = maps(1, 1, 16, 8, 24, seed=17)
    with torch.no_grad():
        before = network(image)
        for parameter in network.spacor.parameters():
            parameter.mul_(2)
        assert torch.equal(network(image), before) != depends


@pytest.mark.parametrize(
    ("order", "reaching"),
    [("spa_first", ["spacor.0", "semcor.0"]), ("sem_first", ["semcor.0"])],
)
def test_the_output_depends_on_the_modules_beside_the_finest_level_alone(order: str, reaching: list[str]):
    """Not recursive: each of the six sees its neighbor as the step before left it, not as its own step does."""
    network = build_network("dpcnet", width=4, order=order, generator=torch.Generator().manual_seed(1)).eval()
    image = maps(1, 1, 32, 32, 32, seed=18)
    modules = {
        f"{name}.{k}": m for name in ("spacor", "semcor") for k, m in enumerate(getattr(network, name))
    }
    assert len(modules) == 6
    changes = []
    with torch.no_grad():
        before = network(image)
        for name, module in modules.items():
            weights = {key: value.clone() for key, value in module.state_dict().items()}
            for parameter in module.parameters():
                parameter.mul_(2)
            if not torch.equal(network(image), before):
                changes.append(name)
            module.load_state_dict(weights)
    assert changes == reaching
    outputs = network.train()(image)
    sum(x.square().mean() for group in outputs.values() for x in group.values()).backward()
    for module in modules.values():  # the others act through their supervision
        assert sum(float(p.grad.abs().sum()) for p in module.parameters() if p.grad is not None) > 0


@pytest.mark.parametrize("order", ["spa_first", "sem_first"])
def test_darn_refines_and_aggregates(order: str):
    torch.manual_seed(8)
    network = with_biases(DARN(width=2, levels=4, pyramid_width=3, order=order))
    image = maps(1, 1, 8, 16, 8, seed=15)
    with torch.no_grad():
        f = [conv(x) for conv, x in zip(network.lateral, network.features(image), strict=True)]
        steps = ["spa", "sem"] if order == "spa_first" else ["sem", "spa"]
        for step in steps:
            if step == "spa":
                f = [f[0], network.sparef[0](f[1], f[0]), network.sparef[1](f[2], f[1])]
            else:
                f = [network.semref[0](f[0], f[1]), network.semref[1](f[1], f[2]), f[2]]
        torch.testing.assert_close(network(image), network.head(network.aggregation(f)))
        outputs = network.train()(image)
    assert {k: sorted(v) for k, v in outputs.items()} == {"pfe": [0, 1, 2], "fused": [0]}


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_counts_are_the_papers():
    with torch.device("meta"):
        baseline, pfe, dpcnet, darn = UNet3D(), UNet3D(down="stride"), DPCNet(), DARN()
    assert count(baseline) == 22_582_636  # Table 4: 22.58 M
    assert count(pfe) == 17_244_876
    assert count(dpcnet.spacor) == 453_507  # section IV: 0.43 M
    assert count(dpcnet.semcor) == 86_784  # 0.09 M
    assert count(dpcnet) == 17_817_313 == count(pfe) + 540_291 + 30_976 + 1_170  # Table 4: + 0.52 M
    assert count(darn) == 18_234_194


@pytest.mark.parametrize(
    ("width", "resampling", "with_g", "without_g"),
    [
        ("level", "transposed", 453_507, 441_027),
        ("level", "interpolated", 355_011, 342_531),
        ("level", "learned", 785_475, 772_995),
        (1, "transposed", 111_228, 98_748),
        (1, "interpolated", 12_732, 252),
        (1, "learned", 443_196, 430_716),
    ],
)
def test_counts_of_all_readings_of_spacor(width: int | str, resampling: str, with_g: int, without_g: int):
    """Three modules of C = 64. By hand, each: the map 27 C + C + 27 C^2 + C + 27 C + 1 or 3 * 28, up 8 C^2 + C,
    g C^2 + C, down 27 C^2 + C. The paper prints 0.43 M."""
    c = 64
    attention = 27 * c + c + 27 * c * c + c + 27 * c + 1 if width == "level" else 3 * 28
    up = 0 if resampling == "interpolated" else 8 * c * c + c
    down = 27 * c * c + c if resampling == "learned" else 0
    with torch.device("meta"):
        network = DPCNet(attention_width=width, resampling=resampling)
    assert count(network.spacor) == with_g == 3 * (attention + up + c * c + c + down)
    assert with_g - sum(count(module.recalibration) for module in network.spacor) == without_g
    with torch.device("meta"):
        darn = DARN(attention_width=width, resampling=resampling)
    assert count(darn.sparef) == with_g


def test_attention_is_seen_on_every_level():
    network = build_network("dpcnet", width=4, generator=torch.Generator().manual_seed(0)).eval()
    seen: dict[str, torch.Tensor] = {}
    for name, module in network.named_modules():
        if isinstance(module, AttentionMap):
            module.register_forward_hook(lambda _, __, out, name=name: seen.update({name: out.detach()}))
    with torch.no_grad():
        network(maps(2, 1, 32, 32, 32, seed=16))
    assert {k: tuple(v.shape) for k, v in seen.items()} == {
        "spacor.0.map": (2, 1, 32, 32, 32),
        "spacor.1.map": (2, 1, 16, 16, 16),
        "spacor.2.map": (2, 1, 8, 8, 8),
        **{f"semcor.{k}.map": (2, 8) for k in range(3)},
    }
    assert all(0 < v.min() < v.max() < 1 for v in seen.values())
    assert all(v.std() > 1e-3 for v in seen.values())


@pytest.mark.parametrize("name", ["dpcnet", "darn", "unet3d"])
@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 2, 16, 16, 16), r"1 channels.*got \(1, 2, 16, 16, 16\)"),
        ((1, 1, 16, 16), r"5 dimensions, \(batch, 1, slices, rows, columns\); got \(1, 1, 16, 16\)"),
    ],
)
def test_volumes_that_do_not_fit_are_refused(name: str, shape: tuple[int, ...], message: str):
    with pytest.raises(ModelError, match=message):
        build_network(name, width=2, levels=3)(torch.zeros(shape))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"order": "spa-first"},
            "order must be one of sem_first, spa_first; got 'spa-first'; did you mean spa_first",
        ),
        ({"spatial_pooling": "avg"}, "spatial_pooling must be one of both, max, mean; got 'avg'"),
        (
            {"semantic_pooling": "avg", "semcor": False},
            "semantic_pooling must be one of both, max, mean; got 'avg'",
        ),
        ({"backbone": "vgg"}, "backbone must be one of pfe, unet3d"),
        ({"levels": 2}, "levels must be .* at least 3; got 2"),
        ({"semcor": 1}, "semcor must be True or False; got 1"),
        ({"attention_width": 0}, "attention_width must be .* at least 1; got 0"),
        (
            {"attention_width": "levels"},
            "attention_width must be one of level; got .levels.; did you mean level",
        ),
        ({"resampling": "pooled", "spacor": False}, "resampling must be one of .*; got .pooled."),
    ],
)
def test_arguments_out_of_range_are_refused(arguments: dict, message: str):
    with pytest.raises(ModelError, match=message):
        build_network("dpcnet", **arguments)
