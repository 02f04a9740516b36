"""What the context network is compared with: each block in plain numpy, and where it stands."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.networks import AttentionMap, build_network
from LiverTumorAttentionLib.networks.comparators.csnet import CSNet, StripAttention
from LiverTumorAttentionLib.networks.comparators.danet import ChannelAttention, DANet
from LiverTumorAttentionLib.networks.comparators.self_attention import SelfAttentionNet
from LiverTumorAttentionLib.networks.comparators.senet import SENet, SqueezeExcitation
from LiverTumorAttentionLib.networks.context import SpatialExtractor
from Testing.Library.networks.plain import arrays, convolve, sigmoid, with_biases


def maps(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def softmax(x: np.ndarray, axis: int) -> np.ndarray:
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def test_squeeze_and_excitation():
    torch.manual_seed(0)
    module = with_biases(SqueezeExcitation(6, reduction=3))
    w, x = arrays(module), maps(2, 6, 3, 5, seed=1)
    got = module(x).detach().numpy()
    for k in range(2):
        z = np.array([channel.mean() for channel in x[k].double().numpy()])
        hidden = np.maximum(w["squeeze.weight"] @ z + w["squeeze.bias"], 0)
        s = sigmoid(w["excite.weight"] @ hidden + w["excite.bias"])
        np.testing.assert_allclose(got[k], s[:, None, None] * x[k].numpy(), rtol=1e-4, atol=1e-6)
    assert SqueezeExcitation(64).squeeze.out_features == 4


def test_channel_attention_is_danets_equations_3_and_4():
    module = ChannelAttention()
    x = 0.4 * maps(2, 4, 3, 5, seed=2)
    torch.testing.assert_close(module(x), x)  # beta starts at 0
    nn.init.constant_(module.beta, 0.8)
    got = module(x).detach().numpy()
    for k in range(2):
        a = x[k].double().numpy().reshape(4, -1)
        weights = softmax(np.array([[a[i] @ a[j] for i in range(4)] for j in range(4)]), axis=1)
        added = np.array([sum(weights[j, i] * a[i] for i in range(4)) for j in range(4)])
        np.testing.assert_allclose(got[k].reshape(4, -1), 0.8 * added + a, rtol=1e-4, atol=1e-5)


def test_strip_attention_is_csnets_equation_1():
    torch.manual_seed(1)
    module = with_biases(StripAttention(8))
    x = maps(2, 8, 4, 5, seed=3)
    nn.init.zeros_(module.gamma)
    torch.testing.assert_close(module(x), x)
    nn.init.constant_(module.gamma, 0.6)
    w, got = arrays(module), module(x).detach().numpy()

    def strip(image: np.ndarray, name: str) -> np.ndarray:
        weight = w[f"{name}.0.weight"]
        square = np.zeros((*weight.shape[:2], 3, 3))
        if weight.shape[3] == 3:
            square[:, :, 1, :] = weight[:, :, 0, :]  # along a row
        else:
            square[:, :, :, 1] = weight[:, :, :, 0]  # along a column
        out = convolve(image, square, w[f"{name}.0.bias"])
        shift = w[f"{name}.1.running_mean"].reshape(-1, 1, 1)
        spread = np.sqrt(w[f"{name}.1.running_var"].reshape(-1, 1, 1) + 1e-5)
        scaled = (out - shift) / spread * w[f"{name}.1.weight"].reshape(-1, 1, 1)
        return np.maximum(scaled + w[f"{name}.1.bias"].reshape(-1, 1, 1), 0)

    for k in range(2):
        image = x[k].double().numpy()
        q, key = (strip(image, name).reshape(1, -1).T for name in ("query", "key"))
        v = convolve(image, w["value.weight"], w["value.bias"]).reshape(8, -1).T
        s = softmax(q @ key.T, axis=1)
        expected = 0.6 * (s @ v).T.reshape(image.shape) + image
        np.testing.assert_allclose(got[k], expected, rtol=1e-4, atol=1e-5)
        seen = module.attention_of(x, 2, 3).detach()[k, 0].numpy()
        np.testing.assert_allclose(seen.ravel(), s[2 * 5 + 3], rtol=1e-4, atol=1e-6)
    assert module.query[0].kernel_size == (1, 3)
    assert module.key[0].kernel_size == (3, 1)


def test_they_stand_where_they_should():
    senet, attention = SENet(width=16), SelfAttentionNet(width=16)
    assert [type(s) for s in senet.skips] == [SqueezeExcitation] * 3
    assert [type(s) for s in attention.skips] == [SpatialExtractor] * 3
    danet = DANet(width=16).eval()
    with torch.no_grad():
        assert danet.encoder(maps(1, 3, 64, 64, seed=4))[-1].shape == (1, 128, 8, 8)  # output stride 8
    assert [type(m) for m in danet.spatial][1] is SpatialExtractor
    assert [type(m) for m in danet.channel][1] is ChannelAttention
    csnet = CSNet(width=4, levels=3)
    assert csnet.spatial.value.in_channels == 16


def test_csnets_code_adds_the_deep_map_once_more():
    """While both gammas are 0 each attention is the identity: 2 F as the text has it, 3 F as the code does."""
    torch.manual_seed(5)
    network, image = CSNet(width=4, levels=2, identity=True).eval(), maps(1, 3, 8, 8, seed=6)
    seen: list[torch.Tensor] = []
    network.ups[0].register_forward_hook(lambda _, given, __: seen.append(given[0]))
    with torch.no_grad():
        deep = network.encoder[1](network.pool(network.encoder[0](image)))
        network(image)
        network.identity = False
        network(image)
    torch.testing.assert_close(seen[0], 3 * deep)
    torch.testing.assert_close(seen[1], 2 * deep)


def test_counts():
    with torch.device("meta"):
        counts = {
            name: sum(p.numel() for p in build_network(name).parameters())
            for name in ("senet", "self_attention", "danet", "csnet")
        }
    backbone = 29_003_382
    se = sum(2 * c * (c // 16) + c // 16 + c for c in (64, 128, 256))
    assert counts["senet"] == backbone + se == 29_014_610
    assert counts["self_attention"] == backbone + 108_086 - 3 == 29_111_465  # without three betas
    assert counts["danet"] == 22_781_156
    assert counts["csnet"] == 8_398_884


def test_senets_weights_can_be_seen():
    network = build_network(
        "senet", width=32, blocks=(1, 1, 1, 1), generator=torch.Generator().manual_seed(0)
    )
    seen: list[torch.Tensor] = []
    for module in network.eval().modules():
        if isinstance(module, AttentionMap):
            module.register_forward_hook(lambda _, __, out: seen.append(out.detach()))
    network(maps(2, 3, 64, 64, seed=5))
    assert [tuple(s.shape) for s in seen] == [(2, 32), (2, 64), (2, 128)]
    assert all(0 < s.min() < s.max() < 1 for s in seen)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("danet", {"width": 6}, "width must be .* multiple of 4.* got 6"),
        ("csnet", {"levels": 1}, "levels must be .* at least 2; got 1"),
        ("senet", {"blocks": (1, 2)}, "blocks must be four whole numbers"),
    ],
)
def test_arguments_out_of_range_are_refused(name: str, arguments: dict, message: str):
    with pytest.raises(ModelError, match=message):
        build_network(name, **arguments)
