"""ResSeg, PA-ResSeg, PA-UNet and the fusions outside the network, against the paper in plain numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.networks import build_network
from LiverTumorAttentionLib.networks.fusion import DMP, MPF
from LiverTumorAttentionLib.networks.paresseg import IntraResSeg, PAResSeg, ResSeg
from Testing.Library.networks.plain import (
    arrays,
    batch_normalised,
    convolve,
    doubled,
    max_pool,
    sigmoid,
    with_biases,
)

Weights = dict[str, np.ndarray]
SHARPNESS = 16.0  # of the scaled products, see phase_attention.py


def conv_norm_relu(x: np.ndarray, weights: Weights, name: str) -> np.ndarray:
    return np.maximum(
        batch_normalised(convolve(x, weights[f"{name}.conv.weight"]), weights, f"{name}.norm"), 0
    )


def residual(x: np.ndarray, weights: Weights, name: str) -> np.ndarray:
    out = conv_norm_relu(x, weights, f"{name}.first")
    out = batch_normalised(convolve(out, weights[f"{name}.second.weight"]), weights, f"{name}.second_norm")
    if f"{name}.shortcut.0.weight" in weights:
        x = batch_normalised(convolve(x, weights[f"{name}.shortcut.0.weight"]), weights, f"{name}.shortcut.1")
    return np.maximum(out + x, 0)


def climb(x: np.ndarray, size: tuple[int, int], weights: Weights, name: str) -> np.ndarray:
    """4x4 transposed convolution of stride 2: every value lays its kernel down, one pixel out at each border."""
    kernel = weights[f"{name}.conv.weight"]  # (from, to, 4, 4)
    _, rows, columns = x.shape
    laid = np.zeros((kernel.shape[1], 2 * rows + 2, 2 * columns + 2))
    for y in range(rows):
        for c in range(columns):
            laid[:, 2 * y : 2 * y + 4, 2 * c : 2 * c + 4] += np.einsum("i,iokl->okl", x[:, y, c], kernel)
    up = laid[:, 1:-1, 1:-1][:, : size[0], : size[1]]
    return np.maximum(batch_normalised(up, weights, f"{name}.norm"), 0)


def resseg_encoder(image: np.ndarray, weights: Weights, name: str, levels: int) -> list[np.ndarray]:
    """Table 3, left."""
    x = conv_norm_relu(image, weights, f"{name}.conv1_1")
    maps = [conv_norm_relu(x, weights, f"{name}.conv1_2")]
    for number in range(2, levels + 1):
        x = residual(max_pool(maps[-1]), weights, f"{name}.stages.conv{number}_x.0")
        maps.append(residual(x, weights, f"{name}.stages.conv{number}_x.1"))
    return maps


def resseg_decoder(maps: list[np.ndarray], weights: Weights) -> np.ndarray:
    """Table 3, right, without the softmax."""
    sizes = [(m.shape[1], m.shape[2]) for m in maps]
    ends = [conv_norm_relu(maps[0], weights, "decoder.conv1_3")]
    for k in range(1, len(maps)):
        x = maps[k]
        for step in range(k):
            x = climb(x, sizes[k - 1 - step], weights, f"decoder.chains.upsampling_{k}.{step}")
        ends.append(x)
    x = conv_norm_relu(np.concatenate(ends), weights, "decoder.final")
    return convolve(x, weights["decoder.head.weight"], weights["decoder.head.bias"])


def unet_encoder(image: np.ndarray, weights: Weights, name: str, levels: int) -> list[np.ndarray]:
    """U-Net, Figure 1, left."""
    maps: list[np.ndarray] = []
    for level in range(levels):
        x = max_pool(maps[-1]) if maps else image
        for k in (0, 1):
            conv = f"{name}.blocks.{level}.{k}.conv"
            x = np.maximum(convolve(x, weights[f"{conv}.weight"], weights[f"{conv}.bias"]), 0)
        maps.append(x)
    return maps


def unet_decoder(maps: list[np.ndarray], weights: Weights) -> np.ndarray:
    """U-Net, Figure 1, right."""
    x = maps[-1]
    for level in reversed(range(len(maps) - 1)):
        up = f"decoder.0.ups.{level}"
        x = np.concatenate([maps[level], doubled(x, weights[f"{up}.weight"], weights[f"{up}.bias"])])
        for k in (0, 1):
            conv = f"decoder.0.blocks.{level}.{k}.conv"
            x = np.maximum(convolve(x, weights[f"{conv}.weight"], weights[f"{conv}.bias"]), 0)
    return convolve(x, weights["decoder.1.weight"], weights["decoder.1.bias"])


def softmax(x: np.ndarray, axis: int) -> np.ndarray:
    shares = np.exp(x - x.max())
    return shares / shares.sum(axis=axis, keepdims=True)


def intra(p: np.ndarray, gamma: float) -> np.ndarray:
    """Eq. 1; i runs over what is summed."""
    products = SHARPNESS * np.einsum("iyx,jyx->ij", p, p) / p[0].size
    return gamma * np.einsum("ij,iyx->jyx", softmax(products, 0), p) + p


def inter(a: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Eq. 2 to 4."""
    x = softmax(SHARPNESS * np.einsum("iyx,jyx->ij", a, p) / p[0].size, 0)
    s = sigmoid(x.sum(axis=1))
    return s[:, None, None] * a + a


def fuse(p: np.ndarray, a: np.ndarray, weights: Weights, level: int, fusion: str) -> np.ndarray:
    """Figure 6, and what the ablation leaves of it."""
    name = f"fusions.{level}"
    p, a = conv_norm_relu(p, weights, f"{name}.portal"), conv_norm_relu(a, weights, f"{name}.arterial")
    if fusion == "pa":
        p, a = intra(p, weights[f"{name}.intra.gamma"][0]), inter(a, p)
    elif fusion == "msf_intra":
        p = intra(p, weights[f"{name}.intra.gamma"][0])
        a = intra(a, weights[f"{name}.arterial_intra.gamma"][0])
    if f"{name}.portal_refined.conv.weight" in weights:  # the authors' release
        p = conv_norm_relu(p, weights, f"{name}.portal_refined")
        a = conv_norm_relu(a, weights, f"{name}.arterial_refined")
    return np.concatenate([p, a])


def prepared(network: torch.nn.Module, images: list[torch.Tensor]) -> torch.nn.Module:
    """Every bias and every gamma counts, and normalization knows the images: no softmax is one-hot."""
    with_biases(network)
    for name, parameter in network.named_parameters():
        if name.endswith("gamma"):
            torch.nn.init.constant_(parameter, 0.6)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 0.9
    with torch.no_grad():
        network.train()(*images)
    return network.eval()


def slices(count: int, size: tuple[int, int]) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    return [torch.randn((2, 2, *size), generator=generator) for _ in range(count)]


def compare(network: torch.nn.Module, images: list[torch.Tensor], expected: list[np.ndarray]) -> None:
    with torch.no_grad():
        got = network(*images).numpy()
    assert got.std() > 0.01
    for one, by_hand in zip(got, expected, strict=True):
        np.testing.assert_allclose(one, by_hand, rtol=1e-3, atol=1e-4 * np.abs(by_hand).max())


def test_resseg_is_table_3():
    torch.manual_seed(0)
    (image,) = slices(1, (9, 14))
    network = prepared(ResSeg(in_channels=2, classes=3, width=4, levels=4), [image])
    weights = arrays(network)
    maps = [resseg_encoder(x, weights, "encoder", 4) for x in image.double().numpy()]
    compare(network, [image], [resseg_decoder(m, weights) for m in maps])


def test_resseg_with_intra_pa_is_row_2_of_table_4():
    torch.manual_seed(1)
    (image,) = slices(1, (6, 9))
    network = prepared(IntraResSeg(in_channels=2, classes=3, width=16, levels=3), [image])
    weights, expected = arrays(network), []
    for x in image.double().numpy():
        maps = resseg_encoder(x, weights, "encoder", 3)
        refined = [
            intra(conv_norm_relu(m, weights, f"{name}.portal"), weights[f"{name}.intra.gamma"][0])
            for name, m in ((f"attention.{k}", m) for k, m in enumerate(maps))
        ]
        expected.append(resseg_decoder(refined, weights))
    compare(network, [image], expected)


@pytest.mark.parametrize("refine", [False, True])
@pytest.mark.parametrize("fusion", ["pa", "msf", "msf_intra"])
@pytest.mark.parametrize("backbone", ["resseg", "unet"])
def test_paresseg_is_figure_4(backbone: str, fusion: str, refine: bool):
    torch.manual_seed(2)
    images = slices(2, (8, 12) if backbone == "unet" else (6, 9))
    network = PAResSeg(2, 3, 16, fusion=fusion, backbone=backbone, levels=3, refine=refine)
    weights = arrays(prepared(network, images))
    assert any("refined" in name for name in weights) == refine
    if backbone == "resseg":
        assert weights["decoder.head.weight"].shape[2:] == ((1, 1) if refine else (3, 3))
    encoder, decoder = {
        "resseg": (resseg_encoder, resseg_decoder),
        "unet": (unet_encoder, unet_decoder),
    }[backbone]
    expected = []
    for portal, arterial in zip(*(image.double().numpy() for image in images), strict=True):
        of_portal = encoder(portal, weights, "portal_encoder", 3)
        of_arterial = encoder(arterial, weights, "arterial_encoder", 3)
        pairs = zip(of_portal, of_arterial, strict=True)
        fused = [fuse(p, a, weights, k, fusion) for k, (p, a) in enumerate(pairs)]
        expected.append(decoder(fused, weights))
    compare(network, images, expected)


def test_pa_unet_takes_any_size_as_the_same_image_with_repeated_borders():
    torch.manual_seed(3)
    images = slices(2, (9, 14))
    network = prepared(PAResSeg(2, 3, 8, backbone="unet", levels=3, fusion="msf"), images)
    filled = [
        torch.from_numpy(np.pad(x.numpy(), ((0, 0), (0, 0), (0, 3), (0, 2)), mode="edge")) for x in images
    ]
    with torch.no_grad():
        torch.testing.assert_close(network(*images), network(*filled)[..., :9, :14])


def test_backbones_have_their_own_depth():
    with torch.device("meta"):
        depths = {name: len(PAResSeg(backbone=name).fusions) for name in ("resseg", "unet")}
    assert depths == {"resseg": 6, "unet": 5}


@pytest.mark.parametrize("backbone", ["resseg", "unet"])
def test_dmp_sees_both_phases_as_channels_portal_first(backbone: str):
    torch.manual_seed(4)
    portal, arterial = slices(2, (8, 12))
    network = prepared(DMP(2, 3, 8, backbone=backbone, levels=3), [portal, arterial])
    seen: list[torch.Tensor] = []
    network.network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        got = network(portal, arterial)
    for k in range(2):
        expected = np.concatenate([portal[k].numpy(), arterial[k].numpy()])
        np.testing.assert_array_equal(seen[0][k], expected)
    assert got.shape == (2, 3, 8, 12)


@pytest.mark.parametrize("backbone", ["resseg", "unet"])
def test_mpf_adds_the_logits_of_two_networks(backbone: str):
    torch.manual_seed(5)
    portal, arterial = slices(2, (8, 12))
    network = prepared(MPF(2, 3, 8, backbone=backbone, levels=3), [portal, arterial])
    with torch.no_grad():
        expected = network.portal(portal).numpy() + network.arterial(arterial).numpy()
        np.testing.assert_allclose(network(portal, arterial).numpy(), expected, rtol=1e-6)
        assert not torch.allclose(network.portal(portal), network.arterial(portal))


@pytest.mark.parametrize("name", ["dmp", "mpf", "paresseg"])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"backbone": "unt"}, r"backbone must be one of resseg, unet; got 'unt'; did you mean unet"),
        ({"in_channels": 0}, r"in_channels must be .* at least 1; got 0"),
        ({"classes": 1}, r"classes must be .* at least 2; got 1"),
        ({"width": 0}, r"width must be .* got 0"),
        ({"backbone": "unet", "levels": 1}, r"levels must be .* at least 2; got 1"),
    ],
)
def test_arguments_out_of_range_are_refused(name: str, arguments: dict, message: str):
    with pytest.raises(ModelError, match=message):
        build_network(name, **arguments)


def test_only_resseg_has_a_smallest_size():
    phases = [torch.zeros(1, 3, 7, 9)] * 2
    with pytest.raises(ModelError, match=r"portal phase must be at least 8 x 8 pixels; got \(1, 3, 7, 9\)"):
        PAResSeg(width=4, levels=4)(*phases)
    with torch.no_grad():
        assert PAResSeg(width=4, levels=4, backbone="unet").eval()(*phases).shape == (1, 2, 7, 9)
