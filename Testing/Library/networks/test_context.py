"""The context network: its equations in plain numpy, its counts, and that no great map is ever held."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.networks import PointAttention, build_network
from LiverTumorAttentionLib.networks.comparators.cenet import DAC, RMP, CENet, DecoderBlock
from LiverTumorAttentionLib.networks.context import (
    ChannelExtractor,
    ContextBlock,
    ContextNet,
    SpatialExtractor,
)
from LiverTumorAttentionLib.networks.resnet import BasicBlock, Bottleneck, ResNet
from Testing.Library.networks.plain import arrays, bilinear, convolve, with_biases

Weights = dict[str, np.ndarray]


def maps(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def softmax(x: np.ndarray, axis: int) -> np.ndarray:
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def spatial_by_loops(x: np.ndarray, w: Weights, relu: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Eq. 1-3 for one image (C, Y, X): X^s and M."""
    q, k, v = (convolve(x, w[f"{n}.weight"], w[f"{n}.bias"]) for n in ("query", "key", "value"))
    q, k = (np.maximum(q, 0), np.maximum(k, 0)) if relu else (q, k)
    q, k, v = (m.reshape(m.shape[0], -1).T for m in (q, k, v))
    count = len(q)
    m = np.array([[q[i] @ k[j] for j in range(count)] for i in range(count)])
    m = softmax(m, axis=1)
    gathered = np.array([sum(m[i, j] * v[j] for j in range(count)) for i in range(count)])
    return w["alpha"] * gathered.T.reshape(x.shape) + x, m


def channel_by_loops(x: np.ndarray, beta: float) -> np.ndarray:
    """Eq. 4-6 for one image (C, Y, X)."""
    columns = x.reshape(len(x), -1)  # x_i: all places of channel i
    m = np.array([[a @ b for b in columns] for a in columns])
    m = softmax(m, axis=1)
    gathered = np.array([sum(columns[i] * m[i, j] for i in range(len(x))) for j in range(len(x))])
    return beta * gathered.reshape(x.shape) + x


@pytest.mark.parametrize("activation", ["none", "relu"])
def test_the_spatial_extractor_is_equations_1_to_3(activation: str):
    torch.manual_seed(0)
    module = with_biases(SpatialExtractor(16, activation))
    nn.init.constant_(module.alpha, 0.7)
    x = maps(2, 16, 3, 5, seed=1)
    got = module(x).detach().numpy()
    for k in range(2):
        expected, m = spatial_by_loops(x[k].double().numpy(), arrays(module), activation == "relu")
        np.testing.assert_allclose(got[k], expected, rtol=1e-4, atol=1e-5)
        seen = module.attention_of(x, 1, 4).detach()[k, 0].numpy()
        np.testing.assert_allclose(seen.ravel(), m[1 * 5 + 4], rtol=1e-4, atol=1e-6)
        assert seen.sum() == pytest.approx(1, abs=1e-5)
    assert isinstance(module, PointAttention)


def test_the_channel_extractor_is_equations_4_to_6():
    module = ChannelExtractor()
    nn.init.constant_(module.beta, -0.6)
    x = 0.4 * maps(2, 4, 3, 5, seed=2)
    got = module(x).detach().numpy()
    for k in range(2):
        np.testing.assert_allclose(
            got[k], channel_by_loops(x[k].double().numpy(), -0.6), rtol=1e-4, atol=1e-5
        )


def test_the_block_is_equation_7_and_starts_as_twice_the_identity():
    torch.manual_seed(1)
    module = ContextBlock(16)
    x = maps(2, 16, 4, 6, seed=3)
    torch.testing.assert_close(module.spatial(x), x)
    torch.testing.assert_close(module.channel(x), x)
    torch.testing.assert_close(module(x), 2 * x)
    nn.init.constant_(module.spatial.alpha, 0.3)
    nn.init.constant_(module.channel.beta, 0.2)
    torch.testing.assert_close(module(x), module.spatial(x) + module.channel(x))


@pytest.mark.parametrize("scale", [1.0, 1e3])
def test_products_over_a_real_map_stay_finite_in_half_precision(scale: float):
    """12,544 places: a bare product of float16 maps would overflow."""
    module = ContextBlock(16).eval()
    nn.init.constant_(module.spatial.alpha, 1.0)
    nn.init.constant_(module.channel.beta, 1.0)
    x = scale * maps(1, 16, 112, 112, seed=4).abs()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert module(x).isfinite().all()
        assert module(x.to(torch.bfloat16)).isfinite().all()


class Largest(TorchDispatchMode):
    """Remembers the number of values of the largest tensor that any operation makes."""

    def __init__(self) -> None:
        super().__init__()
        self.values = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        for tensor in torch.utils._pytree.tree_leaves(out):
            if isinstance(tensor, torch.Tensor):
                self.values = max(self.values, tensor.numel())
        return out


def test_the_map_of_12544_places_is_never_held():
    """On the CPU too: neither in what comes out nor, by the kernel that is chosen, in between."""
    module = SpatialExtractor(64)
    x = maps(1, 64, 112, 112, seed=5).requires_grad_()
    with Largest() as largest:
        module(x).sum().backward()
    assert largest.values < 12_544**2 / 100
    with Largest() as naive:
        q, k = module.query(x).flatten(2), module.key(x).flatten(2)
        torch.bmm(q[:, :, :1000].transpose(1, 2), k)
    assert naive.values == 1000 * 12_544  # the measure sees such a map


def test_dac_is_four_cascades():
    torch.manual_seed(2)
    module = with_biases(DAC(3))
    w, x = arrays(module), maps(2, 3, 9, 13, seed=6)
    got = module(x).detach().numpy()

    def dilated(image: np.ndarray, d: int) -> np.ndarray:
        return convolve(image, w[f"dilation{d}.weight"], w[f"dilation{d}.bias"], dilation=d)

    def point(image: np.ndarray) -> np.ndarray:
        return convolve(image, w["point.weight"], w["point.bias"])

    for k in range(2):
        image = x[k].double().numpy()
        branches = [
            dilated(image, 1),
            point(dilated(image, 3)),
            point(dilated(dilated(image, 1), 3)),
            point(dilated(dilated(dilated(image, 1), 3), 5)),
        ]
        expected = image + sum(np.maximum(branch, 0) for branch in branches)
        np.testing.assert_allclose(got[k], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [(12, 13), (4, 5)])
def test_rmp_pools_at_four_sizes(size: tuple[int, int]):
    torch.manual_seed(3)
    module = with_biases(RMP(3))
    w, x = arrays(module), maps(1, 3, *size, seed=7)
    got = module(x)[0].detach().numpy()
    image = x[0].double().numpy()
    assert got.shape == (7, *size)
    np.testing.assert_allclose(got[4:], image, rtol=1e-6)
    for k, side in enumerate((2, 3, 5, 6)):
        rows, columns = (min(side, n) for n in size)
        pooled = np.array(
            [
                [
                    [
                        c[y * rows : (y + 1) * rows, x * columns : (x + 1) * columns].max()
                        for x in range(size[1] // columns)
                    ]
                    for y in range(size[0] // rows)
                ]
                for c in image
            ]
        )
        expected = bilinear(convolve(pooled, w["conv.weight"], w["conv.bias"]), size)[0]
        np.testing.assert_allclose(got[k], expected, rtol=1e-4, atol=1e-5)


def test_a_decoder_block_doubles_the_size():
    module = DecoderBlock(16, 6).eval()
    assert module(maps(2, 16, 5, 7, seed=8)).shape == (2, 6, 10, 14)


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_counts_are_the_papers():
    with torch.device("meta"):
        backbone, network = CENet(), ContextNet()
        trunk, deep = ResNet(), ResNet(block=Bottleneck, blocks=(3, 4, 23, 3))
    assert count(backbone) == 29_003_093 + 289  # "29.00 M" with one class; a second adds 32 * 9 + 1
    assert count(network) - count(backbone) == 108_086
    assert round(100 * 108_086 / 29_003_093, 2) == 0.37
    by_hand = [2 * (c * c // 8 + c // 8) + c * c + c + 2 for c in (64, 128, 256)]
    assert [count(block) for block in network.skips] == by_hand
    assert sum(by_hand) == 108_086
    assert (count(trunk), count(deep)) == (21_284_672, 42_500_160)


def test_what_the_count_of_the_backbone_and_of_the_blocks_decides():
    """Nothing on the convolution of the four pools, one or one each; on the one to V that it is 1x1, not 3x3."""
    shared = count(RMP(512))
    assert shared == 512 + 1
    apart = 29_003_093 + 3 * shared
    assert apart == 29_004_632
    assert [round(total / 1e6, 2) for total in (29_003_093, apart)] == [29.00, 29.00]
    assert [round(100 * 108_086 / total, 2) for total in (29_003_093, apart)] == [0.37, 0.37]
    wider = 108_086 + sum(8 * c * c for c in (64, 128, 256))
    assert round(100 * wider / 29_003_093, 2) == 2.75


def imagenet_names() -> list[str]:
    """The names in torchvision's ResNet-34, by its rule: a shortcut on the first block of levels 2 to 4."""

    def normalisation(name: str) -> list[str]:
        ends = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
        return [f"{name}.{end}" for end in ends]

    names = ["conv1.weight", *normalisation("bn1")]
    for level, blocks in enumerate((3, 4, 6, 3), start=1):
        for block in range(blocks):
            place = f"layer{level}.{block}"
            for k in (1, 2):
                names += [f"{place}.conv{k}.weight", *normalisation(f"{place}.bn{k}")]
            if level > 1 and block == 0:
                names += [f"{place}.downsample.0.weight", *normalisation(f"{place}.downsample.1")]
    return names


def test_the_imagenet_weights_of_torchvision_load_unchanged():
    with torch.device("meta"):
        assert sorted(ResNet().state_dict()) == sorted(imagenet_names())
    network = ContextNet(width=8)
    state = {k: torch.randn_like(v.float()) for k, v in network.encoder.state_dict().items()}
    network.load_imagenet({**state, "fc.weight": torch.zeros(1000, 64), "fc.bias": torch.zeros(1000)})
    torch.testing.assert_close(
        network.encoder.layer3[0].downsample[0].weight.data, state["layer3.0.downsample.0.weight"]
    )
    with pytest.raises(ModelError, match="not those of this ResNet"):
        ContextNet(in_channels=5, width=8).load_imagenet(state)


@pytest.mark.parametrize(("block", "expansion"), [(BasicBlock, 1), (Bottleneck, 4)])
@pytest.mark.parametrize(
    ("output_stride", "sizes"), [(32, (16, 8, 4, 2)), (16, (16, 8, 4, 4)), (8, (16, 8, 8, 8))]
)
def test_output_stride_replaces_strides_by_dilation(
    block: type, expansion: int, output_stride: int, sizes: tuple
):
    network = ResNet(3, 8, (1, 2, 2, 2), block, output_stride).eval()
    with torch.no_grad():
        features = network(maps(1, 3, 64, 64, seed=9))
    assert [f.shape[1:] for f in features] == [
        (8 * 2**k * expansion, side, side) for k, side in enumerate(sizes)
    ]
    last = network.layer4[-1].conv2.dilation[0]
    assert last == {32: 1, 16: 2, 8: 4}[output_stride]


def test_the_context_stands_on_the_three_skips():
    torch.manual_seed(4)
    network = ContextNet(width=16).eval()
    image = maps(1, 3, 64, 96, seed=10)
    with torch.no_grad():
        fine, second, third, deep = network.encoder(image)
        x = network.decoder4(network.rmp(network.dac(deep))) + 2 * third
        x = network.decoder2(network.decoder3(x) + 2 * second) + 2 * fine
        torch.testing.assert_close(network(image), network.final(network.decoder1(x)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"width": 12}, "width must be .* multiple of 8.* got 12"),
        ({"blocks": (3, 4, 6)}, r"blocks must be four whole numbers above 0, one a level; got \(3, 4, 6\)"),
        ({"classes": 1}, "classes must be .* at least 2; got 1"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments: dict, message: str):
    with pytest.raises(ModelError, match=message):
        ContextNet(**arguments)


def test_f_of_equation_1_is_chosen_for_all_three_skips_and_changes_no_weight():
    small = {"width": 8, "blocks": (1, 1, 1, 1)}
    plain, relu = (build_network("context", **small, activation=name) for name in ("none", "relu"))
    assert [type(block.spatial.activation) for block in relu.skips] == [nn.ReLU] * 3
    assert [type(block.spatial.activation) for block in plain.skips] == [nn.Identity] * 3
    assert plain.state_dict().keys() == relu.state_dict().keys()
