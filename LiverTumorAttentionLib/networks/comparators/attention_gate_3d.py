"""AG: a 3D U-Net with attention gates on its skip connections, driven by the deepest level."""

from __future__ import annotations

import torch
from torch import nn

from LiverTumorAttentionLib.networks.checks import check_count
from LiverTumorAttentionLib.networks.layers import AttentionMap, crop_to
from LiverTumorAttentionLib.networks.layers3d import raised
from LiverTumorAttentionLib.networks.unet3d import (
    PFE,
    WIDEST,
    Outputs,
    cropped,
    filled,
    initialize,
    level_widths,
)


class AttentionGate(nn.Module):
    """Let the places of a map pass that a gating signal asks for.

    Source: Oktay et al., Attention U-Net, MIDL 2018, Eq. 1 and 2; Schlemper et al., Attention gated networks,
        Medical Image Analysis 2019:
        q = psi(ReLU(W_x x + W_g g + b_g)) + b_psi;  alpha = sigmoid(q), raised to x's grid;  out = W(alpha x)
        As in the authors' code W_x is a 2x2x2 convolution of stride 2, W_g, psi and W are 1x1x1 convolutions,
        as many channels lie between as x has, and a normalization follows W.
    Departs: instance normalization instead of batch normalization, as everywhere in DPC-Net's baseline.
    Shape: x (B, C, Z, Y, X), g (B, gating_channels, any coarser grid) -> (B, C, Z, Y, X).
    """

    def __init__(self, channels: int, gating_channels: int) -> None:
        super().__init__()
        self.of_places = nn.Conv3d(channels, channels, kernel_size=2, stride=2, bias=False)
        self.of_gating = nn.Conv3d(gating_channels, channels, kernel_size=1)
        self.psi = nn.Conv3d(channels, 1, kernel_size=1)
        self.map = AttentionMap("map", "places of one skip connection, alpha (Attention U-Net, Eq. 2)")
        self.output = nn.Sequential(
            nn.Conv3d(channels, channels, kernel_size=1), nn.InstanceNorm3d(channels, affine=True)
        )

    def forward(self, x: torch.Tensor, gating: torch.Tensor) -> torch.Tensor:
        places = self.of_places(x)
        asked = torch.relu(places + raised(self.of_gating(gating), places.shape[2:]))
        weights = self.map(raised(torch.sigmoid(self.psi(asked)), x.shape[2:]))
        return self.output(weights * x)


class AttentionGateUNet3D(nn.Module):
    """DPC-Net's baseline with an attention gate on every skip connection but the finest ("AG").

    Source: Zhang et al., DPC-Net, Table 4: + 1.02 M parameters on the baseline; these are 1,022,915 more,
        23,605,551 in all. Schlemper et al., Attention gated networks, Medical Image Analysis 2019, after whose
        3D code one gating signal serves all gates: the deepest level's map, with the channels of the level
        above it, normalization and ReLU; the finest skip connection has no gate.
    Departs: Attention U-Net's figure has each skip connection gated from the level below it in the decoder.
        That adds 0.95 M to 1.30 M, as one counts its parts; the reading with the count of the table is taken.
        Normalization and deep supervision are the baseline's. Any size of volume is taken: it is filled up and
        cut back. Returns logits, without the softmax.
    Shape: (B, in_channels, Z, Y, X) -> logits (B, classes, Z, Y, X); in training the logits of every level,
        {"ag": {level: (B, classes, ceil(Z / 2^level), ...)}}.

    Raises ModelError when an argument is out of range or the volume does not fit.
    """

    phases = ("portal",)

    def __init__(self, in_channels: int = 1, classes: int = 3, width: int = 32, levels: int = 5) -> None:
        super().__init__()
        self.in_channels = check_count("in_channels", in_channels, minimum=1)
        self.classes = check_count("classes", classes, minimum=2)
        check_count("width", width, minimum=1)
        self.stride = 2 ** (check_count("levels", levels, minimum=3) - 1)
        self.features = PFE(in_channels, classes, width, levels, "pool")
        _, *gated, deepest = level_widths(width, levels, WIDEST["pool"])
        self.gating = nn.Sequential(
            nn.Conv3d(deepest, gated[-1], kernel_size=1),
            nn.InstanceNorm3d(gated[-1], affine=True),
            nn.ReLU(inplace=True),
        )
        self.gates = nn.ModuleList(AttentionGate(count, gated[-1]) for count in gated)
        initialize(self)

    def forward(self, image: torch.Tensor) -> torch.Tensor | Outputs:
        finest, *skips, deepest = self.features.encoder(filled(image, self.in_channels, self.stride))
        gating = self.gating(deepest)
        gated = [gate(skip, gating) for gate, skip in zip(self.gates, skips, strict=True)]
        pyramid = self.features.decoder([finest, *gated, deepest])
        if self.training:
            return {"ag": cropped(self.features.supervised(pyramid), image.shape[2:])}
        return crop_to(self.features.heads[0](pyramid[0]), image.shape[2:])
