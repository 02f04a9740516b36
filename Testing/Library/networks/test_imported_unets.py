"""The U-Nets of nnU-Net against their equations, written out with torch's functions; what their plans may not say."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.networks import build_network

PLAIN: dict[str, Any] = {
    "in_channels": 2,
    "classes": 3,
    "features": [2, 4, 5],
    "kernels": [[1, 3, 3], [3, 3, 3], [3, 3, 3]],
    "strides": [[1, 1, 1], [1, 2, 2], [2, 2, 2]],
    "convolutions": [1, 2, 1],
    "decoder_convolutions": [2, 1],
}
RESIDUAL: dict[str, Any] = {
    **{key: value for key, value in PLAIN.items() if key != "convolutions"},
    "blocks": [1, 2, 1],
}
NETWORKS = {"plain_conv_unet": PLAIN, "residual_encoder_unet": RESIDUAL}
Weights = dict[str, torch.Tensor]


def sliced(arguments: dict[str, Any]) -> dict[str, Any]:
    """The same network for slices."""
    return {
        key: [size[1:] for size in value] if key in ("kernels", "strides") else value
        for key, value in arguments.items()
    }


def drawn(name: str, arguments: dict[str, Any]) -> tuple[torch.nn.Module, Weights]:
    network = build_network(name, generator=torch.Generator().manual_seed(3), **arguments).eval()
    return network, dict(network.state_dict())


def convolved(
    x: torch.Tensor, w: Weights, name: str, stride: tuple[int, ...] | None = None, *, linear: bool = False
) -> torch.Tensor:
    """LReLU(IN(conv(x))), with the convolution's own padding so that sizes stay."""
    kernel = w[f"{name}.convolution.weight"]
    convolve = functional.conv2d if x.ndim == 4 else functional.conv3d
    padding = tuple(side // 2 for side in kernel.shape[2:])
    x = convolve(x, kernel, w.get(f"{name}.convolution.bias"), stride or 1, padding)
    if f"{name}.normalization.running_mean" in w:
        of = {
            key: w[f"{name}.normalization.{key}"] for key in ("running_mean", "running_var", "weight", "bias")
        }
        at = (1, -1, *[1] * (x.ndim - 2))
        spread = (of["running_var"] + 1e-5).sqrt()
        scaled = of["weight"] / spread
        x = (x - of["running_mean"].reshape(at)) * scaled.reshape(at) + of["bias"].reshape(at)
        return x if linear else functional.leaky_relu(x, 0.01)
    x = functional.instance_norm(
        x, weight=w[f"{name}.normalization.weight"], bias=w[f"{name}.normalization.bias"], eps=1e-5
    )
    return x if linear else functional.leaky_relu(x, 0.01)


def decoded(
    maps: list[torch.Tensor], w: Weights, strides: list[list[int]], counts: list[int]
) -> torch.Tensor:
    x = maps[-1]
    raise_ = functional.conv_transpose2d if x.ndim == 4 else functional.conv_transpose3d
    convolve = functional.conv2d if x.ndim == 4 else functional.conv3d
    for step, (stride, count) in enumerate(zip(strides[:0:-1], counts, strict=True)):
        up = raise_(x, w[f"decoder.up.{step}.weight"], w[f"decoder.up.{step}.bias"], tuple(stride))
        x = torch.cat((up, maps[-2 - step]), dim=1)
        for number in range(count):
            x = convolved(x, w, f"decoder.levels.{step}.{number}")
    return convolve(x, w["decoder.output.weight"], w["decoder.output.bias"])


def image(size: tuple[int, ...]) -> torch.Tensor:
    return torch.randn((1, 2, *size), generator=torch.Generator().manual_seed(8))


def with_running_means(network: torch.nn.Module) -> Weights:
    """Give a network's batch normalizations means and variances as training leaves them, and return its weights."""
    draw = torch.Generator().manual_seed(5)
    for name, values in network.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            values.copy_(torch.rand(values.shape, generator=draw) + 0.5)
    return dict(network.state_dict())


@pytest.mark.parametrize("normalization", ["instance", "batch"])
@pytest.mark.parametrize("size", [(4, 16, 8), (16, 8)])
def test_plain_unet_is_its_equation(size: tuple[int, ...], normalization: str) -> None:
    arguments = {**(PLAIN if len(size) == 3 else sliced(PLAIN)), "normalization": normalization}
    network, _ = drawn("plain_conv_unet", arguments)
    w = with_running_means(network)
    assert ("encoder.0.0.normalization.running_mean" in w) == (normalization == "batch")
    x, maps = image(size), []
    for level, (stride, count) in enumerate(zip(arguments["strides"], [1, 2, 1], strict=True)):
        for number in range(count):
            x = convolved(x, w, f"encoder.{level}.{number}", tuple(stride) if number == 0 else None)
        maps.append(x)
    expected = decoded(maps, w, arguments["strides"], [2, 1])
    assert expected.shape == (1, 3, *size)
    torch.testing.assert_close(network(image(size)), expected)


@pytest.mark.parametrize("normalization", ["instance", "batch"])
@pytest.mark.parametrize("size", [(4, 16, 8), (16, 8)])
def test_residual_encoder_unet_is_its_equation(size: tuple[int, ...], normalization: str) -> None:
    arguments = {**(RESIDUAL if len(size) == 3 else sliced(RESIDUAL)), "normalization": normalization}
    network, _ = drawn("residual_encoder_unet", arguments)
    w = with_running_means(network)
    pool = functional.avg_pool3d if len(size) == 3 else functional.avg_pool2d
    x, maps = convolved(image(size), w, "stem"), []
    for level, (stride, count) in enumerate(zip(arguments["strides"], [1, 2, 1], strict=True)):
        for number in range(count):
            name, step = f"encoder.{level}.{number}", tuple(stride) if number == 0 else None
            shortcut = pool(x, step) if step else x
            if f"{name}.projection.convolution.weight" in w:
                shortcut = convolved(shortcut, w, f"{name}.projection", linear=True)
            within = convolved(convolved(x, w, f"{name}.first", step), w, f"{name}.second", linear=True)
            x = functional.leaky_relu(within + shortcut, 0.01)
        maps.append(x)
    torch.testing.assert_close(network(image(size)), decoded(maps, w, arguments["strides"], [2, 1]))


def test_plain_unet_has_the_parameters_of_its_plan() -> None:
    """Each convolution: inputs x outputs x kernel, a bias, a scale and a shift; counted by hand."""
    encoder = (2 * 2 * 9 + 6) + (2 * 4 * 27 + 12) + (4 * 4 * 27 + 12) + (4 * 5 * 27 + 15)
    up = (5 * 4 * 8 + 4) + (4 * 2 * 4 + 2)
    decoder = (8 * 4 * 27 + 12) + (4 * 4 * 27 + 12) + (4 * 2 * 9 + 6)
    network, _ = drawn("plain_conv_unet", PLAIN)
    assert sum(p.numel() for p in network.parameters()) == encoder + up + decoder + (2 * 3 + 3)


def test_decoder_may_have_kernels_and_biases_of_its_own() -> None:
    kernels = [[3, 3, 3], [3, 1, 1]]
    arguments = {**PLAIN, "decoder_kernels": kernels, "transposed_bias": False, "output_bias": False}
    _, w = drawn("plain_conv_unet", arguments)
    found = [tuple(w[f"decoder.levels.{i}.0.convolution.weight"].shape[2:]) for i in (0, 1)]
    assert found == [(3, 3, 3), (3, 1, 1)]
    assert "decoder.up.0.bias" not in w
    assert "decoder.output.bias" not in w


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": [4]}, "features must be those of 2 to 12 levels; got 1"),
        ({"features": [4] * 13}, "features must be those of 2 to 12 levels; got 13"),
        ({"features": 4}, "features must be a list; got 4"),
        ({"features": [2, 4, 0]}, "features must be a whole number, at least 1; got 0"),
        ({"kernels": [[3, 3, 3]] * 2}, "kernels must be 3 times 2 or 3 odd numbers from 1 to 15"),
        ({"kernels": [[2, 3, 3]] * 3}, "kernels must be 3 times 2 or 3 odd numbers from 1 to 15"),
        ({"kernels": [[3, 3]] * 3}, "strides must be 3 times 2 or 3 numbers from 1 to 8"),
        ({"strides": [[1, 1, 99]] * 3}, "strides must be 3 times 2 or 3 numbers from 1 to 8"),
        ({"convolutions": [2, 2]}, "convolutions or blocks must be 3 numbers from 1 to 40"),
        ({"decoder_convolutions": [2, 2, 2]}, "decoder_convolutions must be 2 numbers from 1 to 40"),
        ({"normalization": "group"}, "normalization must be 'instance' or 'batch'; got 'group'"),
        ({"bias": 1}, "bias must be True or False; got 1"),
        ({"features": [2**20, 2**20, 2**20]}, "would take 110,592 GiB"),
    ],
)
def test_plans_that_are_no_network_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        build_network("plain_conv_unet", **{**PLAIN, **changes})


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("shape", [(1, 1, 4, 16, 8), (1, 2, 3, 16, 8), (1, 2, 16, 8)])
def test_patches_that_do_not_fit_are_refused(name: str, shape: tuple[int, ...]) -> None:
    network, _ = drawn(name, NETWORKS[name])
    with pytest.raises(ModelError, match=r"needs \(batch, 2, 3 sides that are multiples of \(2, 4, 4\)\)"):
        network(torch.zeros(shape))
