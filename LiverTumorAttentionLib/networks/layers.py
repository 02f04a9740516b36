"""Layers, padding and attention outputs that the networks share, and the initialization of their weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import nn
from torch.nn import functional


class ConvNormReLU(nn.Module):
    """3x3 convolution, batch normalization, ReLU.

    Source: Table 3 of PA-ResSeg ("conv, 3x3"); Ioffe & Szegedy, Batch normalization, ICML 2015.
    Departs: the convolution has no bias, for the normalization would take it away.
    Shape: (B, in_channels, Y, X) -> (B, out_channels, Y, X).
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu_(self.norm(self.conv(x)))


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut.

    Source: Table 3 of PA-ResSeg, conv2_x to conv6_x; He et al., Deep residual learning, CVPR 2016:
        out = ReLU(BN(conv(ReLU(BN(conv(x))))) + shortcut(x))
    Departs: the paper gives the two convolutions alone. Normalization and ReLU stand where ResNet has them;
        where the channels change, the shortcut is a 1x1 convolution with normalization (ResNet's option B).
    Shape: (B, in_channels, Y, X) -> (B, out_channels, Y, X).
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.first = ConvNormReLU(in_channels, out_channels)
        self.second = nn.Conv2d(out_channels, out_channels, kernel_size=3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(out_channels)
        self.shortcut: nn.Module = nn.Identity()
        if in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, kernel_size=1, bias=False), nn.BatchNorm2d(out_channels)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.second_norm(self.second(self.first(x))) + self.shortcut(x))


class UpNormReLU(nn.Module):
    """One step up: 4x4 transposed convolution of stride 2, batch normalization, ReLU.

    Source: Table 3 of PA-ResSeg ("deconv, 4x4, stride 2") and section 3.B ("each up-sampling operation is
        followed by a batch normalization and a ReLU").
    Departs: padding 1 gives exactly twice the size; where pooling had rounded an odd size up, the surplus
        last row or column is cut off, so that any input size comes back at its own size.
    Shape: (B, in_channels, y, x) -> (B, out_channels, Y, X), where Y is 2y or 2y - 1 and X is 2x or 2x - 1.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(
            in_channels, out_channels, kernel_size=4, stride=2, padding=1, bias=False
        )
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        return torch.relu_(self.norm(self.conv(x)[:, :, : size[0], : size[1]]))


def initialize(network: nn.Module, generator: torch.Generator | None = None) -> None:
    """Draw the weights of all convolutions anew (He et al., Delving deep into rectifiers, ICCV 2015).

    The variance is 2 / (number of values that one output pixel sums). A transposed convolution of stride 2
    sums a quarter of its kernel at each output pixel, which torch's own fan computation does not know. A
    convolution with a bias ends the network and has no ReLU behind it: variance 1 / fan, bias 0.
    """
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            fan = module.in_channels * math.prod(module.kernel_size)
            if isinstance(module, nn.ConvTranspose2d):
                fan //= math.prod(module.stride)
            gain = 1.0 if module.bias is not None else 2.0
            nn.init.normal_(module.weight, std=math.sqrt(gain / fan), generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def pad_to_multiple(image: torch.Tensor, multiple: int) -> torch.Tensor:
    """Fill an image up at its far borders until every side is a multiple of `multiple` (and not 0).

    image: (B, C, *spatial), two or three spatial axes. The border's values are repeated: zeros would draw an
    edge there. Returns the image itself when nothing is missing.
    """
    missing = [-side % multiple for side in image.shape[2:]]
    if not any(missing):
        return image
    widths = [width for side in reversed(missing) for width in (0, side)]
    return functional.pad(image, widths, mode="replicate")


def crop_to(image: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Cut (B, C, *spatial) at its far borders to the spatial `size`."""
    for axis, side in enumerate(size, start=2):
        if image.shape[axis] != side:
            image = image.narrow(axis, 0, side)
    return image


KINDS = ("map", "vector")


class AttentionMap(nn.Module):
    """Pass attention weights on unchanged, so that a forward hook can see them.

    kind: "map" for weights of places, (B, 1, *spatial); "vector" for weights of channels, (B, C).
    about: what the weights say, in a few words for a person, with the symbol and equation of the paper.
    It has no parameters and changes nothing; a network without an onlooker computes the same.
    Source: none; the papers show such maps in their figures and do not say how they were taken.
    Shape: any -> same.
    """

    def __init__(self, kind: str, about: str) -> None:
        super().__init__()
        if kind not in KINDS:
            raise ValueError(f"an attention map is one of {KINDS}, got {kind!r}")
        self.kind = kind
        self.about = about

    def forward(self, weights: torch.Tensor) -> torch.Tensor:
        return weights


@runtime_checkable
class PointAttention(Protocol):
    """A module that relates every place to every other: its attention is looked at from one place."""

    about: str
    """What the weights say, as in `AttentionMap`."""

    def attention_of(self, x: torch.Tensor, row: int, column: int) -> torch.Tensor:
        """Return how much one place of the module's input attends to each place: (B, C, Y, X) -> (B, 1, Y, X).

        The weights are positive and sum to 1, float32.
        """
        ...
