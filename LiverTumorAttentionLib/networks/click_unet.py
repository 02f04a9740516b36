"""The 3D U-Net that answers clicks: from a cube around them, with what is known there, to the lesion that is meant."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

from LiverTumorAttentionLib.networks.checks import check_count, check_volume
from LiverTumorAttentionLib.networks.layers import crop_to, pad_to_multiple

CHANNELS = 12
"""Channels of its input; `correction.click_network.channels` says what each is."""
SLOPE = 0.01
"""Slope of LeakyReLU below 0."""
STRIDE = 8
"""Voxels of the input a voxel of the deepest level."""


class ConvNormLeaky3D(nn.Sequential):
    """3x3x3 convolution, batch normalization, LeakyReLU.

    Source: Cicek et al., 3D U-Net, MICCAI 2016, section 2: batch normalization before each ReLU.
    Departs: LeakyReLU. The normalization is over the batch, not over each case, as in other 3D U-Nets here: the input
        is in HU relative to the liver, and a case's own mean would take that away.
    Shape: (B, in_channels, Z, Y, X) -> (B, out_channels, Z, Y, X).
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            nn.Conv3d(in_channels, out_channels, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm3d(out_channels),
            nn.LeakyReLU(SLOPE),
        )


class ClickUNet(nn.Module):
    """U-Net with one convolution at full resolution on the way down and one on the way up.

    Source: Cicek et al., 3D U-Net, MICCAI 2016; prompts as further channels of the input: Xu et al., Deep interactive
        object selection, CVPR 2016; the previous answer among them: Mahadevan et al., Iteratively trained interactive
        segmentation, BMVC 2018.
    Departs: three halvings by strided 2x2x2 convolutions, widths (1, 2, 4, 6) * width, and one convolution in place of
        two on the finest level, where most of the time goes: a click has to be answered by one core.
    Shape: (B, in_channels, Z, Y, X) -> logits (B, classes, Z, Y, X); sides that are no multiples of 8 are padded.
    """

    phases = ("portal",)

    def __init__(self, in_channels: int = CHANNELS, classes: int = 2, width: int = 16) -> None:
        super().__init__()
        check_count("in_channels", in_channels, minimum=1)
        check_count("width", width, minimum=1)
        check_count("classes", classes, minimum=2)
        widths = [width, 2 * width, 4 * width, 6 * width]
        steps = list(pairwise(widths))
        self.in_channels = in_channels
        self.first = ConvNormLeaky3D(in_channels, width)
        self.downs = nn.ModuleList(nn.Conv3d(a, b, kernel_size=2, stride=2) for a, b in steps)
        self.encoder = nn.ModuleList(
            nn.Sequential(ConvNormLeaky3D(b, b), ConvNormLeaky3D(b, b)) for b in widths[1:]
        )
        self.ups = nn.ModuleList(nn.ConvTranspose3d(b, a, kernel_size=2, stride=2) for a, b in steps)
        self.decoder = nn.ModuleList(
            nn.Sequential(ConvNormLeaky3D(2 * a, a), *([ConvNormLeaky3D(a, a)] if level else []))
            for level, a in enumerate(widths[:-1])
        )
        self.head = nn.Conv3d(width, classes, kernel_size=1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        check_volume("the input", image, channels=self.in_channels)
        size = image.shape[2:]
        x = self.first(pad_to_multiple(image, STRIDE))
        skips = []
        for down, block in zip(self.downs, self.encoder, strict=True):
            skips.append(x)
            x = block(down(x))
        for up, block, skip in reversed(list(zip(self.ups, self.decoder, skips, strict=True))):
            x = block(torch.cat([skip, up(x)], dim=1))
        logits: torch.Tensor = crop_to(self.head(x), size)
        return logits
