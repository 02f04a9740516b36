"""Attention U-Net for slices: attention gates on the skip connections, driven by the level below."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from LiverTumorAttentionLib.networks.checks import check_count, check_slices
from LiverTumorAttentionLib.networks.comparators.unet import UNetDecoder, UNetEncoder, initialize_gaussian
from LiverTumorAttentionLib.networks.layers import AttentionMap, crop_to, pad_to_multiple


class GridAttentionGate(nn.Module):
    """Let those places of a map pass that a gating signal, on the next coarser grid, asks for.

    Source: Schlemper et al., Attention gated networks, Medical Image Analysis 2019, section 2.2, after Oktay et
        al., Attention U-Net, MIDL 2018, Eq. 1 and 2, Figure 2:
        q = psi(ReLU(W_x x + W_g g + b_g)) + b_psi;  alpha = sigmoid(q), interpolated to x's grid;  out = alpha x
    Departs: W_x is a 2x2 convolution of stride 2, and as many channels lie between as x has, as in the
        authors' code; the papers say only that x is brought to the grid of g.
    Shape: x (B, C, Y, X), g (B, gating_channels, Y / 2, X / 2) -> (B, C, Y, X).
    """

    def __init__(self, channels: int, gating_channels: int) -> None:
        super().__init__()
        self.of_places = nn.Conv2d(channels, channels, kernel_size=2, stride=2, bias=False)
        self.of_gating = nn.Conv2d(gating_channels, channels, kernel_size=1)
        self.psi = nn.Conv2d(channels, 1, kernel_size=1)
        self.map = AttentionMap("map", "places of one skip connection, alpha (Attention U-Net, Eq. 2)")

    def forward(self, x: torch.Tensor, gating: torch.Tensor) -> torch.Tensor:
        alpha = torch.sigmoid(self.psi(torch.relu(self.of_places(x) + self.of_gating(gating))))
        alpha = functional.interpolate(alpha, size=x.shape[2:], mode="bilinear", align_corners=False)
        return self.map(alpha) * x


class AttentionUNet(nn.Module):
    """U-Net whose skip connections, but the finest, pass an attention gate.

    Source: Schlemper et al., Attention gated networks, Medical Image Analysis 2019, and Oktay et al., Attention
        U-Net, MIDL 2018, Figure 1: each gate gets its signal from the level below in the decoder, the finest
        skip connection has none, every level of the decoder is supervised, blocks have batch normalization.
        Compared in Table 1 of the context paper.
        33,105,675 parameters for 3 channels; the context paper prints none.
    Departs: the papers' networks are 3D; this is the same for slices, with depth and width of U-Net. MONAI's
        AttentionUnet gates each level by its own up-sampled map and normalizes alpha before the sigmoid. Any
        size is taken: it is filled up to a multiple of 2^(levels - 1) and cut back. Returns logits, without
        the softmax.
    Shape: (B, in_channels, Y, X) -> logits (B, classes, Y, X); in training those of every level of the decoder,
        {"attention_unet": {level: (B, classes, ceil(Y / 2^level), ceil(X / 2^level))}}.

    Raises ModelError when an argument is out of range or the image does not fit.
    """

    phases = ("portal",)

    def __init__(self, in_channels: int = 3, classes: int = 2, width: int = 64, levels: int = 5) -> None:
        super().__init__()
        self.in_channels = check_count("in_channels", in_channels, minimum=1)
        self.classes = check_count("classes", classes, minimum=2)
        check_count("width", width, minimum=1)
        self.stride = 2 ** (check_count("levels", levels, minimum=3) - 1)
        self.encoder = UNetEncoder(in_channels, width, levels, "batch")
        channels = self.encoder.channels
        self.gates = nn.ModuleList(GridAttentionGate(fine, coarse) for fine, coarse in pairwise(channels[1:]))
        self.decoder = UNetDecoder(channels, "batch")
        self.heads = nn.ModuleList(nn.Conv2d(count, classes, kernel_size=1) for count in channels[:-1])
        initialize_gaussian(self)

    def forward(self, image: torch.Tensor) -> torch.Tensor | dict[str, dict[int, torch.Tensor]]:
        check_slices("the image", image, channels=self.in_channels)
        size = image.shape[2:]
        *skips, x = self.encoder(pad_to_multiple(image, self.stride))
        outputs: dict[int, torch.Tensor] = {}
        for level in reversed(range(len(skips))):
            skip = skips[level] if level == 0 else self.gates[level - 1](skips[level], x)
            x = self.decoder.blocks[level](torch.cat([skip, self.decoder.ups[level](x)], dim=1))
            if self.training:
                outputs[level] = crop_to(self.heads[level](x), [-(-side // 2**level) for side in size])
        if self.training:
            return {"attention_unet": dict(sorted(outputs.items()))}
        return crop_to(self.heads[0](x), size)
