"""What both U-Nets of nnU-Net are made of: a convolution block, the decoder, and the checks of a plan's lists.

Source: Isensee et al., nnU-Net, Nature Methods 2021, section Methods: convolution, instance normalization, leaky ReLU;
    strided convolutions go down, transposed ones up; kernels and strides follow the spacing, level by level.
The same classes build 2D and 3D networks: a kernel of two numbers is 2D.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.networks.checks import check_count

Sizes = tuple[int, ...]
"""One number an axis: a kernel or a stride."""

MOST_LEVELS = 12
MOST_BLOCKS = 40
"""Convolutions or residual blocks of one level."""
LARGEST_KERNEL = 15
LARGEST_STRIDE = 8


@dataclass(frozen=True, kw_only=True)
class BlockSettings:
    """What all blocks of a network share."""

    dimensions: int
    """2 or 3."""
    bias: bool
    """Whether convolutions have a bias."""
    epsilon: float
    """Of the instance normalization."""
    slope: float
    """Of the leaky ReLU below zero; 0 makes it a ReLU."""
    batch: bool = False
    """Whether layers are normalized by the running means of training (`BatchNorm`), else each image by itself."""

    def convolution(
        self, in_channels: int, out_channels: int, kernel: Sizes, stride: Sizes, *, bias: bool
    ) -> nn.Module:
        """Return a convolution whose output has the size of its input, divided by the stride."""
        kind: type[nn.Module] = nn.Conv2d if self.dimensions == 2 else nn.Conv3d
        return kind(
            in_channels, out_channels, kernel, stride, tuple((side - 1) // 2 for side in kernel), bias=bias
        )

    def transposed(self, in_channels: int, out_channels: int, stride: Sizes, *, bias: bool) -> nn.Module:
        """Return a transposed convolution that undoes a stride."""
        kind: type[nn.Module] = nn.ConvTranspose2d if self.dimensions == 2 else nn.ConvTranspose3d
        return kind(in_channels, out_channels, stride, stride, bias=bias)

    def normalization(self, channels: int) -> nn.Module:
        """Return a normalization with a scale and a shift a channel."""
        kind: type[nn.Module] = nn.InstanceNorm2d if self.dimensions == 2 else nn.InstanceNorm3d
        if self.batch:
            kind = nn.BatchNorm2d if self.dimensions == 2 else nn.BatchNorm3d
        return kind(channels, eps=self.epsilon, affine=True)

    def average(self, stride: Sizes) -> nn.Module:
        """Return the average pooling by a stride."""
        kind: type[nn.Module] = nn.AvgPool2d if self.dimensions == 2 else nn.AvgPool3d
        return kind(stride, stride)


class ConvolutionBlock(nn.Module):
    """Convolution, normalization and, unless `linear`, leaky ReLU.

    Source: Isensee et al., nnU-Net, Nature Methods 2021, Methods, "Network architecture": LReLU(IN(conv(x))).
    Shape: (B, in_channels, *spatial) -> (B, out_channels, *spatial / stride).
    """

    def __init__(
        self,
        settings: BlockSettings,
        in_channels: int,
        out_channels: int,
        kernel: Sizes,
        stride: Sizes | None = None,
        *,
        linear: bool = False,
        bias: bool | None = None,
    ) -> None:
        super().__init__()
        bias = settings.bias if bias is None else bias
        stride = stride or (1,) * settings.dimensions
        self.convolution = settings.convolution(in_channels, out_channels, kernel, stride, bias=bias)
        self.normalization = settings.normalization(out_channels)
        self.activation = nn.Identity() if linear else nn.LeakyReLU(settings.slope, inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.activation(self.normalization(self.convolution(x)))
        return result


def stacked(
    settings: BlockSettings,
    in_channels: int,
    out_channels: int,
    kernel: Sizes,
    stride: Sizes | None,
    count: int,
) -> nn.Sequential:
    """Return convolution blocks one after another; the first has the stride."""
    first = ConvolutionBlock(settings, in_channels, out_channels, kernel, stride)
    rest = (ConvolutionBlock(settings, out_channels, out_channels, kernel) for _ in range(count - 1))
    return nn.Sequential(first, *rest)


class Decoder(nn.Module):
    """From the deepest level up: transposed convolution, concatenation with the encoder's level, convolution blocks.

    Source: as `ConvolutionBlock`; the last convolution is 1x1x1.
    Shape: one map a level, the finest first -> (B, classes, *spatial of the finest), logits.
    """

    def __init__(
        self,
        settings: BlockSettings,
        features: Sequence[int],
        kernels: Sequence[Sizes],
        strides: Sequence[Sizes],
        convolutions: Sequence[int],
        classes: int,
        *,
        transposed_bias: bool,
        output_bias: bool,
    ) -> None:
        """kernels, convolutions: of each level of the decoder, the deepest first."""
        super().__init__()
        self.up = nn.ModuleList()
        self.levels = nn.ModuleList()
        for step, (kernel, count) in enumerate(zip(kernels, convolutions, strict=True)):
            level = len(features) - 2 - step
            below, here = features[level + 1], features[level]
            self.up.append(settings.transposed(below, here, strides[level + 1], bias=transposed_bias))
            self.levels.append(stacked(settings, 2 * here, here, kernel, None, count))
        one = (1,) * settings.dimensions
        self.output = settings.convolution(features[0], classes, one, one, bias=output_bias)

    def forward(self, maps: Sequence[torch.Tensor]) -> torch.Tensor:
        x = maps[-1]
        for up, level, skip in zip(self.up, self.levels, reversed(maps[:-1]), strict=True):
            x = level(torch.cat((up(x), skip), dim=1))
        logits: torch.Tensor = self.output(x)
        return logits


NORMALIZATIONS = ("instance", "batch")


def check_normalization(name: object) -> bool:
    """Return whether a normalization is that by batches. Raises `ModelError` for an unknown name."""
    if name not in NORMALIZATIONS:
        raise ModelError(
            f"normalization must be 'instance' or 'batch'; got {str(name)[:80]!r}: give one of these"
        )
    return name == "batch"


@dataclass(frozen=True, kw_only=True)
class Levels:
    """The lists of a plan, checked: one entry a level of the encoder, the finest first."""

    features: tuple[int, ...]
    """Channels."""
    kernels: tuple[Sizes, ...]
    """Kernel of the convolutions."""
    strides: tuple[Sizes, ...]
    """How much coarser the level is than the one before it."""
    counts: tuple[int, ...]
    """Convolutions, or residual blocks."""
    decoder_counts: tuple[int, ...]
    """Convolutions of each level of the decoder, the deepest first."""
    decoder_kernels: tuple[Sizes, ...]
    """Their kernels."""

    @property
    def dimensions(self) -> int:
        """2 or 3."""
        return len(self.kernels[0])


def checked_levels(
    features: Sequence[int],
    kernels: Sequence[Sequence[int]],
    strides: Sequence[Sequence[int]],
    counts: Sequence[int],
    decoder_counts: Sequence[int],
    decoder_kernels: Sequence[Sequence[int]] | None,
) -> Levels:
    """Return the lists of a plan as `Levels`. Raises `ModelError` where they are no network."""
    widths = tuple(check_count("features", value, minimum=1) for value in _listed("features", features))
    depth = len(widths)
    if not 2 <= depth <= MOST_LEVELS:
        raise ModelError(f"features must be those of 2 to {MOST_LEVELS} levels; got {depth}: give so many")
    sides = _sizes("kernels", kernels, depth, largest=LARGEST_KERNEL, odd=True)
    if decoder_kernels is None:
        decoder_kernels = sides[-2::-1]
    return Levels(
        features=widths,
        kernels=sides,
        strides=_sizes("strides", strides, depth, largest=LARGEST_STRIDE, axes=len(sides[0])),
        counts=_counts("convolutions or blocks", counts, depth),
        decoder_counts=_counts("decoder_convolutions", decoder_counts, depth - 1),
        decoder_kernels=_sizes(
            "decoder_kernels",
            decoder_kernels,
            depth - 1,
            largest=LARGEST_KERNEL,
            odd=True,
            axes=len(sides[0]),
        ),
    )


def _listed(name: str, values: object) -> Sequence[object]:
    if not isinstance(values, list | tuple):
        raise ModelError(f"{name} must be a list; got {str(values)[:80]}: give one value a level")
    return values


def _counts(name: str, values: object, length: int) -> tuple[int, ...]:
    counts = tuple(check_count(name, value, minimum=1) for value in _listed(name, values))
    if len(counts) != length or max(counts) > MOST_BLOCKS:
        raise ModelError(
            f"{name} must be {length} numbers from 1 to {MOST_BLOCKS}; got {str(counts)[:80]}: give one a level"
        )
    return counts


def _sizes(
    name: str, values: object, length: int, *, largest: int, odd: bool = False, axes: int | None = None
) -> tuple[Sizes, ...]:
    sizes = tuple(
        tuple(check_count(name, side, minimum=1) for side in _listed(name, size))
        for size in _listed(name, values)
    )
    wanted = axes or (len(sizes[0]) if sizes else 3)
    fits = len(sizes) == length and all(len(size) == wanted for size in sizes) and wanted in (2, 3)
    if not fits or any(side > largest or (odd and side % 2 == 0) for size in sizes for side in size):
        kind = "odd numbers" if odd else "numbers"
        raise ModelError(
            f"{name} must be {length} times 2 or 3 {kind} from 1 to {largest}; got {str(sizes)[:80]}: give one a level"
        )
    return sizes


def check_input(image: torch.Tensor, channels: int, dimensions: int, strides: Sequence[Sizes]) -> None:
    """Raise `ModelError` unless `image` is (B, channels, *spatial) with sides that all strides divide."""
    whole = [1] * dimensions
    for stride in strides:
        whole = [side * step for side, step in zip(whole, stride, strict=True)]
    fits = image.ndim == dimensions + 2 and image.shape[1] == channels
    if not fits or any(side % step for side, step in zip(image.shape[2:], whole, strict=True)):
        raise ModelError(
            f"this network needs (batch, {channels}, {dimensions} sides that are multiples of {tuple(whole)}); got "
            f"{tuple(image.shape)}: give it patches of such a size"
        )
