"""The U-Net with a residual encoder that nnU-Net plans."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from LiverTumorAttentionLib.networks.checks import check_count, check_flag
from LiverTumorAttentionLib.networks.imported.nnunet_blocks import (
    BlockSettings,
    ConvolutionBlock,
    Decoder,
    Sizes,
    check_input,
    check_normalization,
    checked_levels,
)


class ResidualBlock(nn.Module):
    """Two convolutions and a shortcut.

    Source: He et al., Bag of tricks for image classification with convolutional neural networks, CVPR 2019, ResNet-D:
        out = LReLU(IN(conv(LReLU(IN(conv(x))))) + shortcut(x)), where the shortcut averages by the stride instead of
        dropping voxels, and convolves with 1x1x1 and normalizes where the number of channels changes.
    Shape: (B, in_channels, *spatial) -> (B, out_channels, *spatial / stride).
    """

    def __init__(
        self, settings: BlockSettings, in_channels: int, out_channels: int, kernel: Sizes, stride: Sizes
    ) -> None:
        super().__init__()
        self.first = ConvolutionBlock(settings, in_channels, out_channels, kernel, stride)
        self.second = ConvolutionBlock(settings, out_channels, out_channels, kernel, linear=True)
        self.average = settings.average(stride) if max(stride) > 1 else nn.Identity()
        one = (1,) * settings.dimensions
        self.projection = (
            ConvolutionBlock(settings, in_channels, out_channels, one, linear=True, bias=False)
            if in_channels != out_channels
            else nn.Identity()
        )
        self.activation = nn.LeakyReLU(settings.slope, inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = self.projection(self.average(x))
        result: torch.Tensor = self.activation(self.second(self.first(x)) + shortcut)
        return result


class ResidualEncoderUNet(nn.Module):
    """U-Net with residual blocks on the way down and stacked convolutions on the way up, in 2D or 3D.

    Source: Isensee et al., nnU-Net Revisited, MICCAI 2024, the "ResEnc" presets: a convolution block as stem, then
        residual blocks (`ResidualBlock`), the first of each level with the stride; the decoder is the plain one.
    Departs: only the output of the finest level is kept; those of deep supervision serve training alone.
    Shape: (B, in_channels, *spatial) -> (B, classes, *spatial), logits; sides are multiples of all strides together.

    Arguments are those of `PlainConvUNet`; blocks: residual blocks of each level, the finest first.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        classes: int,
        features: Sequence[int],
        kernels: Sequence[Sequence[int]],
        strides: Sequence[Sequence[int]],
        blocks: Sequence[int],
        decoder_convolutions: Sequence[int],
        bias: bool = True,
        transposed_bias: bool = True,
        output_bias: bool = True,
        epsilon: float = 1e-5,
        slope: float = 0.01,
        normalization: str = "instance",
    ) -> None:
        super().__init__()
        self._in_channels = check_count("in_channels", in_channels, minimum=1)
        levels = checked_levels(features, kernels, strides, blocks, decoder_convolutions, None)
        settings = BlockSettings(
            dimensions=levels.dimensions,
            bias=check_flag("bias", bias),
            epsilon=epsilon,
            slope=slope,
            batch=check_normalization(normalization),
        )
        self._levels = levels
        self.stem = ConvolutionBlock(settings, in_channels, levels.features[0], levels.kernels[0])
        self.encoder = nn.ModuleList()
        before = levels.features[0]
        one = (1,) * levels.dimensions
        for width, kernel, stride, count in zip(
            levels.features, levels.kernels, levels.strides, levels.counts, strict=True
        ):
            first = ResidualBlock(settings, before, width, kernel, stride)
            rest = (ResidualBlock(settings, width, width, kernel, one) for _ in range(count - 1))
            self.encoder.append(nn.Sequential(first, *rest))
            before = width
        self.decoder = Decoder(
            settings,
            levels.features,
            levels.decoder_kernels,
            levels.strides,
            levels.decoder_counts,
            check_count("classes", classes, minimum=1),
            transposed_bias=check_flag("transposed_bias", transposed_bias),
            output_bias=check_flag("output_bias", output_bias),
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        check_input(image, self._in_channels, self._levels.dimensions, self._levels.strides)
        image = self.stem(image)
        maps = []
        for level in self.encoder:
            image = level(image)
            maps.append(image)
        logits: torch.Tensor = self.decoder(maps)
        return logits
