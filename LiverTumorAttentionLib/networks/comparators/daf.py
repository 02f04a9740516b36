"""DAF: each pyramid level is refined by attention over the features of all levels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import nn

from LiverTumorAttentionLib.networks.checks import check_count, check_scaled_width
from LiverTumorAttentionLib.networks.layers import AttentionMap, crop_to
from LiverTumorAttentionLib.networks.layers3d import JointConv
from LiverTumorAttentionLib.networks.unet3d import (
    WIDEST,
    Decoder3D,
    Encoder3D,
    Outputs,
    cropped,
    filled,
    initialize,
    level_widths,
)

RATES = (1, 6, 12, 18)
"""Dilations of the ASPP within a slice; between slices there is none."""


def group_norm(channels: int) -> nn.GroupNorm:
    """Group normalization with 32 groups, or with as many as divide both 32 and the channels."""
    return nn.GroupNorm(math.gcd(32, channels), channels)


class NormPReLU(nn.Sequential):
    """Group normalization, PReLU.

    Source: Wang et al., DAF (see DAF3D), behind each of its convolutions but the last of an attention module and
        those of the ASPP; 32 groups and one PReLU slope a layer, as in the authors' code.
    Shape: (B, channels, Z, Y, X) -> same.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(group_norm(channels), nn.PReLU())


class ThreeConvs(nn.Module):
    """1x1x1 convolution of maps side by side, then two 3x3x3 convolutions.

    Source: Wang et al., DAF (see DAF3D): it makes the multi-layer features of all single-layer features, the
        attention of a level, and the refined features of a level.
    Departs: the maps come on their own grids, see JointConv. last=False leaves normalization and PReLU behind
        the last convolution away, where the attention has its sigmoid.
    Shape: maps (B, counts[k], ...), size (Z, Y, X) -> (B, channels, Z, Y, X).
    """

    def __init__(self, counts: Sequence[int], channels: int, *, last: bool = True) -> None:
        super().__init__()
        self.joint = JointConv(counts, channels)
        self.layers = nn.Sequential(
            NormPReLU(channels),
            nn.Conv3d(channels, channels, kernel_size=3, padding=1),
            NormPReLU(channels),
            nn.Conv3d(channels, channels, kernel_size=3, padding=1),
        )
        if last:
            self.layers.append(NormPReLU(channels))

    def forward(self, maps: Sequence[torch.Tensor], size: Sequence[int]) -> torch.Tensor:
        return self.layers(self.joint(maps, size))


class LayerAttention(nn.Module):
    """Refine the features of one level by what the multi-layer features add to them.

    Source: Wang et al., DAF (see DAF3D), the attention module:
        A = sigmoid(f_a([F_i, M]));  out = f_r([F_i, A x M])
        F_i: single-layer features, M: multi-layer features; f_a, f_r: three convolutions each.
    Departs: A has a weight for every channel at every place. What can be looked at is its mean over channels.
    Shape: F_i (B, layer_channels, z, y, x), M (B, channels, Z, Y, X) -> (B, channels, Z, Y, X).
    """

    def __init__(self, layer_channels: int, channels: int) -> None:
        super().__init__()
        self.attention = ThreeConvs([layer_channels, channels], channels, last=False)
        self.refinement = ThreeConvs([layer_channels, channels], channels)
        self.map = AttentionMap(
            "map", "places of the multi-layer features that one level takes, mean of A (DAF)"
        )

    def forward(self, layer: torch.Tensor, multi: torch.Tensor) -> torch.Tensor:
        size = multi.shape[2:]
        weights = torch.sigmoid(self.attention([layer, multi], size))
        self.map(weights.mean(dim=1, keepdim=True))
        return self.refinement([layer, weights * multi], size)


class ASPP3D(nn.Module):
    """Atrous spatial pyramid pooling: four dilated 3x3x3 convolutions side by side, a 1x1x1 convolution.

    Source: Wang et al., DAF (see DAF3D); rates 1, 6, 12 and 18 within a slice, group normalization and no
        activation behind each convolution, as in the authors' code.
    Shape: (B, channels, Z, Y, X) -> same.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(
                nn.Conv3d(channels, channels, 3, padding=(1, rate, rate), dilation=(1, rate, rate)),
                group_norm(channels),
            )
            for rate in RATES
        )
        self.joint = JointConv([channels] * len(RATES), channels)
        self.norm = group_norm(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.joint([branch(x) for branch in self.branches], x.shape[2:]))


class DAF3D(nn.Module):
    """Deep attentive features on DPC-Net's baseline.

    Source: Wang et al., Deep attentive features for prostate segmentation in 3D transrectal ultrasound, IEEE
        Transactions on Medical Imaging 2019. DPC-Net's Table 4 compares with it on the baseline and prints
        + 0.68 M parameters; these are 683,467 more than the baseline has, 23,266,103 in all.
    Departs: the four levels of the baseline's decoder stand for the feature pyramid on a ResNeXt: each becomes
        single-layer features by a 1x1x1 convolution, and nothing is added from level to level, for the decoder
        does that. The single-layer features have `pyramid_width` channels (twice `width` unless given: 64) and
        all else has half of them,
        where the authors have 128 and 64: that gives the table's count. As there, the features are refined on
        the finest level's grid, which here is that of the input. The baseline's supervised heads give way to
        those on the single-layer features. Any size of volume is taken: it is filled up and cut back. Returns
        logits, without the softmax.
    Shape: (B, in_channels, Z, Y, X) -> logits (B, classes, Z, Y, X); in training {"slf": {level: (B, classes,
        ceil(Z / 2^level), ...)}, "attentive_0": {0: (B, classes, Z, Y, X)} and so on for every level, whose
        features were refined on the finest grid, "fused": {0: ...}}.

    Raises ModelError when an argument is out of range or the volume does not fit.
    """

    phases = ("portal",)
    scaled_widths: Mapping[str, int] = {"pyramid_width": 2}
    """Arguments that are this multiple of `width` unless given."""

    def __init__(
        self,
        in_channels: int = 1,
        classes: int = 3,
        width: int = 32,
        levels: int = 5,
        pyramid_width: int | None = None,
    ) -> None:
        super().__init__()
        self.in_channels = check_count("in_channels", in_channels, minimum=1)
        self.classes = check_count("classes", classes, minimum=2)
        check_count("width", width, minimum=1)
        pyramid = check_scaled_width(
            "pyramid_width", pyramid_width, width, self.scaled_widths["pyramid_width"]
        )
        attentive = check_count("pyramid_width", pyramid, minimum=2, multiple_of=2) // 2
        self.stride = 2 ** (check_count("levels", levels, minimum=3) - 1)
        channels = level_widths(width, levels, WIDEST["pool"])
        self.encoder = Encoder3D(in_channels, channels, "pool")
        self.decoder = Decoder3D(channels)
        count = levels - 1
        self.single = nn.ModuleList(
            nn.Sequential(nn.Conv3d(c, pyramid, kernel_size=1), NormPReLU(pyramid)) for c in channels[:-1]
        )
        self.multi = ThreeConvs([pyramid] * count, attentive)
        self.attentive = nn.ModuleList(LayerAttention(pyramid, attentive) for _ in range(count))
        self.fusion = JointConv([attentive] * count, attentive)
        self.fusion_norm = NormPReLU(attentive)
        self.aspp = ASPP3D(attentive)
        self.single_heads = nn.ModuleList(nn.Conv3d(pyramid, classes, 1) for _ in range(count))
        self.attentive_heads = nn.ModuleList(nn.Conv3d(attentive, classes, 1) for _ in range(count))
        self.head = nn.Conv3d(attentive, classes, kernel_size=1)
        initialize(self)

    def forward(self, image: torch.Tensor) -> torch.Tensor | Outputs:
        decoded = self.decoder(self.encoder(filled(image, self.in_channels, self.stride)))
        layers = [single(x) for single, x in zip(self.single, decoded, strict=True)]
        del decoded  # large, and no longer needed
        size = layers[0].shape[2:]
        multi = self.multi(layers, size)
        refined = [attend(x, multi) for attend, x in zip(self.attentive, layers, strict=True)]
        logits = self.head(self.aspp(self.fusion_norm(self.fusion(refined, size))))
        if not self.training:
            return crop_to(logits, image.shape[2:])
        outputs: Outputs = {
            "slf": {i: h(x) for i, (h, x) in enumerate(zip(self.single_heads, layers, strict=True))}
        }
        for level, (head, x) in enumerate(zip(self.attentive_heads, refined, strict=True)):
            outputs[f"attentive_{level}"] = {0: head(x)}
        outputs["fused"] = {0: logits}
        return {group: cropped(levels, image.shape[2:]) for group, levels in outputs.items()}
