"""The plain U-Net that nnU-Net plans."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from LiverTumorAttentionLib.networks.checks import check_count, check_flag
from LiverTumorAttentionLib.networks.imported.nnunet_blocks import (
    BlockSettings,
    Decoder,
    check_input,
    check_normalization,
    checked_levels,
    stacked,
)


class PlainConvUNet(nn.Module):
    """U-Net of stacked convolutions whose kernels and strides are given level by level, in 2D or 3D.

    Source: Isensee et al., nnU-Net, Nature Methods 2021, Methods, "Network architecture"; both of its versions.
        x_l = (LReLU(IN(conv(x))))^n_l, the first convolution with the stride; up: conv^n(concat(convT(x_l+1), x_l))
    Departs: only the output of the finest level is kept; those of deep supervision serve training alone.
    Shape: (B, in_channels, *spatial) -> (B, classes, *spatial), logits; sides are multiples of all strides together.

    features, kernels, strides, convolutions: of each level, the finest first. decoder_convolutions: of each level of
    the decoder, the deepest first. decoder_kernels: theirs; None takes those of the encoder's levels. bias,
    transposed_bias, output_bias: whether the convolutions, those that go up, and the last one have a bias.
    normalization: "instance" or "batch".
    """

    def __init__(
        self,
        *,
        in_channels: int,
        classes: int,
        features: Sequence[int],
        kernels: Sequence[Sequence[int]],
        strides: Sequence[Sequence[int]],
        convolutions: Sequence[int],
        decoder_convolutions: Sequence[int],
        decoder_kernels: Sequence[Sequence[int]] | None = None,
        bias: bool = True,
        transposed_bias: bool = True,
        output_bias: bool = True,
        epsilon: float = 1e-5,
        slope: float = 0.01,
        normalization: str = "instance",
    ) -> None:
        super().__init__()
        self._in_channels = check_count("in_channels", in_channels, minimum=1)
        levels = checked_levels(
            features, kernels, strides, convolutions, decoder_convolutions, decoder_kernels
        )
        settings = BlockSettings(
            dimensions=levels.dimensions,
            bias=check_flag("bias", bias),
            epsilon=epsilon,
            slope=slope,
            batch=check_normalization(normalization),
        )
        self._levels = levels
        self.encoder = nn.ModuleList()
        before = in_channels
        for width, kernel, stride, count in zip(
            levels.features, levels.kernels, levels.strides, levels.counts, strict=True
        ):
            self.encoder.append(stacked(settings, before, width, kernel, stride, count))
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
        maps = []
        for level in self.encoder:
            image = level(image)
            maps.append(image)
        logits: torch.Tensor = self.decoder(maps)
        return logits
