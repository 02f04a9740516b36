"""MW-UNet: a U-Net that sums the phases' features at every level by learned weights."""

from __future__ import annotations

import torch
from torch import nn

from LiverTumorAttentionLib.networks.checks import check_count, check_phases
from LiverTumorAttentionLib.networks.comparators.unet import UNetDecoder, UNetEncoder
from LiverTumorAttentionLib.networks.layers import AttentionMap, crop_to, initialize, pad_to_multiple


class MWUNet(nn.Module):
    """Modality weighted U-Net.

    Source: Wu et al., Hepatic lesion segmentation by combining plain and contrast-enhanced CT images with modality
        weighted U-Net, ICIP 2019, as PA-ResSeg, sections 2.B and 4.E, describes it and Tables 7 and 8 compare with
        it: "fuse multi-phase features at several specific layers of the U-Net by weighting the
        multiple feature maps"; initial weights (0.5, 0.5), learned to (0.348, 0.652).
            F = beta A + gamma P
    Departs: one pair of weights for all levels, as the paper reports one; it is the softmax of two parameters, so
        that it sums to 1, as the reported one does. All levels are fused. U-Net with batch normalization.
        Returns logits, without the softmax.
    Shape: portal (B, in_channels, Y, X), arterial (B, in_channels, Y, X) -> logits (B, classes, Y, X).

    Raises ModelError when an argument is out of range or the phases do not fit.
    """

    phases = ("portal", "arterial")

    def __init__(self, in_channels: int = 3, classes: int = 2, width: int = 64, levels: int = 5) -> None:
        super().__init__()
        self.in_channels = check_count("in_channels", in_channels, minimum=1)
        self.classes = check_count("classes", classes, minimum=2)
        check_count("width", width, minimum=1)
        self.stride = 2 ** (check_count("levels", levels, minimum=2) - 1)
        self.portal = UNetEncoder(in_channels, width, levels, "batch")
        self.arterial = UNetEncoder(in_channels, width, levels, "batch")
        self.importance = nn.Parameter(torch.zeros(2))
        self.map = AttentionMap("vector", "weights of the arterial and the portal phase (MW-UNet)")
        self.decoder = UNetDecoder(self.portal.channels, "batch")
        self.head = nn.Conv2d(width, classes, kernel_size=1)
        initialize(self)

    def forward(self, portal: torch.Tensor, arterial: torch.Tensor | None = None) -> torch.Tensor:
        arterial = check_phases(portal, arterial, channels=self.in_channels)
        weights = torch.softmax(self.importance, dim=0)
        beta, gamma = self.map(weights.expand(portal.shape[0], 2))[0]
        p = self.portal(pad_to_multiple(portal, self.stride))
        a = self.arterial(pad_to_multiple(arterial, self.stride))
        fused = [beta * second + gamma * first for first, second in zip(p, a, strict=True)]
        return crop_to(self.head(self.decoder(fused)), portal.shape[2:])
