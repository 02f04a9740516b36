"""MC-FCN: a fully convolutional network for each phase, fused in a high-level layer."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from LiverTumorAttentionLib.networks.checks import check_count, check_phases
from LiverTumorAttentionLib.networks.comparators.unet import UNetEncoder
from LiverTumorAttentionLib.networks.layers import ConvNormReLU, crop_to, initialize, pad_to_multiple


class MCFCN(nn.Module):
    """Multi-channel fully convolutional network.

    Source: Sun et al., Automatic segmentation of liver tumors from multiphase contrast-enhanced CT images based on
        FCNs, Artificial Intelligence in Medicine 2017, as PA-ResSeg, section 2.B, describes it and Table 7 compares
        with it: "independent FCN channels [...]; features extracted from three channels are fused in the
        high-level layer". Long et al., Fully convolutional networks, CVPR 2015: scores of the three deepest levels,
        each added to the up-sampled score of the one below.
    Departs: two phases instead of three. Each channel is U-Net's contracting path with batch normalization; the
        phases are concatenated and fused by a 3x3 convolution in the deepest layer, and stand side by side where
        the two finer scores are taken. Scores are up-sampled bilinearly. Both channels are trained together, by one
        loss; section 2.B says of Sun et al.'s that each "is trained independently". Returns logits, without the
        softmax.
    Shape: portal (B, in_channels, Y, X), arterial (B, in_channels, Y, X) -> logits (B, classes, Y, X).

    Raises ModelError when an argument is out of range or the phases do not fit.
    """

    phases = ("portal", "arterial")

    def __init__(self, in_channels: int = 3, classes: int = 2, width: int = 64, levels: int = 5) -> None:
        super().__init__()
        self.in_channels = check_count("in_channels", in_channels, minimum=1)
        self.classes = check_count("classes", classes, minimum=2)
        check_count("width", width, minimum=1)
        self.stride = 2 ** (check_count("levels", levels, minimum=3) - 1)
        self.portal = UNetEncoder(in_channels, width, levels, "batch")
        self.arterial = UNetEncoder(in_channels, width, levels, "batch")
        third, second, deep = self.portal.channels[-3:]
        self.fusion = ConvNormReLU(2 * deep, deep)
        self.scores = nn.ModuleList(nn.Conv2d(count, classes, 1) for count in (2 * third, 2 * second, deep))
        initialize(self)

    def forward(self, portal: torch.Tensor, arterial: torch.Tensor | None = None) -> torch.Tensor:
        arterial = check_phases(portal, arterial, channels=self.in_channels)
        filled = pad_to_multiple(portal, self.stride)
        both = zip(self.portal(filled), self.arterial(pad_to_multiple(arterial, self.stride)), strict=True)
        third, second, deep = [torch.cat(maps, dim=1) for maps in list(both)[-3:]]
        score = self.scores[2](self.fusion(deep))
        score = raised(score, second.shape[2:]) + self.scores[1](second)
        score = raised(score, third.shape[2:]) + self.scores[0](third)
        return crop_to(raised(score, filled.shape[2:]), portal.shape[2:])


def raised(x: torch.Tensor, size: torch.Size) -> torch.Tensor:
    """Interpolate bilinearly to a size."""
    return functional.interpolate(x, size=list(size), mode="bilinear", align_corners=False)
