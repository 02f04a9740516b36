"""Layers in plain numpy, and what a comparison with them needs. Images are (C, Y, X), in double precision."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn


def with_biases(network: nn.Module, seed: int = 0) -> nn.Module:
    """Draw the biases too, which start at 0, and what normalization does in eval mode, so that each counts."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in network.state_dict(keep_vars=True).items():
        with torch.no_grad():
            if name.endswith(("bias", "running_mean")):
                value.normal_(std=0.3, generator=generator)
            elif value.ndim == 1 and value.is_floating_point():  # scale of a normalization, running variance
                value.uniform_(0.5, 1.5, generator=generator)
    return network.eval()


def arrays(network: nn.Module) -> dict[str, np.ndarray]:
    """The state of a network by name."""
    return {name: value.detach().double().numpy() for name, value in network.state_dict().items()}


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def convolve(
    image: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | float = 0.0,
    *,
    stride: int = 1,
    dilation: int = 1,
) -> np.ndarray:
    """Cross-correlation, padded with zeros for a map of the same size at stride 1: weight (D, C, k, k)."""
    side, (_, rows, columns) = weight.shape[2], image.shape
    margin = dilation * (side // 2)
    padded = np.pad(image, ((0, 0), (margin, margin), (margin, margin)))
    out = np.zeros((weight.shape[0], rows, columns))
    for y in range(side):
        for x in range(side):
            shifted = padded[:, dilation * y :, dilation * x :][:, :rows, :columns]
            out += np.einsum("dc,cyx->dyx", weight[..., y, x], shifted)
    return out[:, ::stride, ::stride] + np.reshape(bias, (-1, 1, 1))


def bilinear(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Values at the centers of finer pixels, where pixels are areas; outside the outermost centers they stay."""
    for axis, side in enumerate(size, start=1):
        before = image.shape[axis]
        centres = ((np.arange(side) + 0.5) * before / side - 0.5).clip(0, before - 1)
        low = np.floor(centres).astype(int)
        high = np.minimum(low + 1, before - 1)
        share = (centres - low).reshape([-1 if k == axis else 1 for k in range(3)])
        image = (1 - share) * image.take(low, axis) + share * image.take(high, axis)
    return image


def max_pool(image: np.ndarray) -> np.ndarray:
    """The largest of every 2x2 block; a block at the far border may be smaller."""
    _, rows, columns = image.shape
    blocks = [
        [image[:, y : y + 2, x : x + 2].max(axis=(1, 2)) for x in range(0, columns, 2)]
        for y in range(0, rows, 2)
    ]
    return np.array(blocks).transpose(2, 0, 1)


def doubled(image: np.ndarray, weight: np.ndarray, bias: np.ndarray | float) -> np.ndarray:
    """2x2 transposed convolution of stride 2: every pixel becomes a block. weight: (from, to, 2, 2)."""
    blocks = np.einsum("iyx,iokl->oykxl", image, weight)
    up = blocks.reshape(weight.shape[1], 2 * image.shape[1], 2 * image.shape[2])
    return up + np.reshape(bias, (-1, 1, 1))


def batch_normalised(image: np.ndarray, weights: dict[str, np.ndarray], name: str) -> np.ndarray:
    """Batch normalization as in evaluation, by the running statistics of the layer of that name."""
    scale = weights[f"{name}.weight"] / np.sqrt(weights[f"{name}.running_var"] + 1e-5)
    shift = weights[f"{name}.bias"] - scale * weights[f"{name}.running_mean"]
    return scale[:, None, None] * image + shift[:, None, None]
