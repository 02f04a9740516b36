"""ResSeg and PA-ResSeg: the residual network of one phase, and its fusion of two by phase attention."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from LiverTumorAttentionLib.networks.checks import (
    check_choice,
    check_count,
    check_flag,
    check_phases,
    check_slices,
)
from LiverTumorAttentionLib.networks.comparators.unet import UNetDecoder, UNetEncoder, initialize_gaussian
from LiverTumorAttentionLib.networks.layers import (
    ConvNormReLU,
    ResidualBlock,
    UpNormReLU,
    crop_to,
    initialize,
    pad_to_multiple,
)
from LiverTumorAttentionLib.networks.phase_attention import (
    SHARPNESS,
    ConcatenationFusion,
    IntraPhaseBlock,
    IntraPhaseFusion,
    PhaseAttentionBlock,
    check_sharpness,
)

LEVELS = 6


def level_widths(width: int, levels: int = LEVELS) -> list[int]:
    """Channels of the encoder's levels, finest first: 64, 128, 256, 512, 512, 512 for width 64."""
    return [width * min(2**level, 8) for level in range(levels)]


class ResSegEncoder(nn.Module):
    """conv1_1 and conv1_2, then conv2_x to conv6_x: 2x2 max-pooling and two residual blocks each.

    Source: Table 3 of PA-ResSeg, column "Encoder".
    Departs: conv1_1 and conv1_2 have batch normalization and ReLU behind them, which Table 3 does not name. Pooling
        rounds odd sizes up (ceil mode), so that no border pixel is dropped.
    Shape: (B, in_channels, Y, X) -> `levels` maps, (B, channels[i], Y / 2^i, X / 2^i), finest first, where
        channels[i] = w * min(2^i, 8).
    """

    def __init__(self, in_channels: int, width: int, levels: int = LEVELS) -> None:
        super().__init__()
        self.channels = widths = level_widths(width, levels)
        self.pool = nn.MaxPool2d(kernel_size=2, stride=2, ceil_mode=True)
        self.conv1_1 = ConvNormReLU(in_channels, widths[0])
        self.conv1_2 = ConvNormReLU(widths[0], widths[0])
        self.stages = nn.ModuleDict(
            {
                f"conv{level + 1}_x": nn.Sequential(
                    ResidualBlock(widths[level - 1], widths[level]),
                    ResidualBlock(widths[level], widths[level]),
                )
                for level in range(1, levels)
            }
        )

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        features = [self.conv1_2(self.conv1_1(image))]
        for stage in self.stages.values():
            features.append(stage(self.pool(features[-1])))
        return features


class ResSegDecoder(nn.Module):
    """Every level climbs to full resolution by its own chain; the ends are concatenated and classified.

    Source: Table 3 of PA-ResSeg, column "Decoder": conv1_3, upsampling_1 to upsampling_5, final.
        upsampling_k: k transposed convolutions to w/4 * 2^(k-1), ..., w/2, w/4 channels
    Departs: conv1_3 and the first convolution of "final" have batch normalization and ReLU, as the steps up
        have. The softmax of "final" is left to the caller: the result is logits. head_side: 3 as in Table 3; 1 in the
        authors' release.
    Shape: one map a level, (B, channels[i], Y / 2^i, X / 2^i), finest first -> (B, classes, Y, X).
    """

    def __init__(self, channels: Sequence[int], width: int, classes: int, head_side: int = 3) -> None:
        super().__init__()
        base, levels = width // 4, len(channels)
        self.conv1_3 = ConvNormReLU(channels[0], base)
        self.chains = nn.ModuleDict()
        for level in range(1, levels):
            widths = [channels[level]] + [base * 2**step for step in reversed(range(level))]
            steps = [UpNormReLU(coarse, fine) for coarse, fine in pairwise(widths)]
            self.chains[f"upsampling_{level}"] = nn.ModuleList(steps)
        self.final = ConvNormReLU(levels * base, levels * base)
        self.head = nn.Conv2d(levels * base, classes, kernel_size=head_side, padding=head_side // 2)

    def forward(self, features: Sequence[torch.Tensor]) -> torch.Tensor:
        sizes = [(feature.shape[2], feature.shape[3]) for feature in features]
        maps = [self.conv1_3(features[0])]
        for level, chain in enumerate(self.chains.values(), start=1):
            x = features[level]
            for step, size in zip(chain, reversed(sizes[:level]), strict=True):  # type: ignore[call-overload]
                x = step(x, size)
            maps.append(x)
        return self.head(self.final(torch.cat(maps, dim=1)))


class ResSeg(nn.Module):
    """Residual segmentation of one phase, or of phases stacked as channels.

    Source: Xu et al., PA-ResSeg: A phase attention residual network for liver tumor segmentation from
        multi-phase CT images, Medical Physics 2021, section 3.B and Table 3.
    Departs: `width` scales every layer (64 is the paper's) and `levels` takes levels away or adds some as
        wide as the last (6 is the paper's); any size of at least 2^(levels - 1) pixels a side is taken;
        returns logits, without the softmax. See the parts for the rest.
    Shape: (B, in_channels, Y, X) -> logits (B, classes, Y, X). in_channels 3 is a slice and its two
        neighbors.

    Raises ModelError when an argument is out of range or the image does not fit.
    """

    phases = ("portal",)

    def __init__(self, in_channels: int = 3, classes: int = 2, width: int = 64, levels: int = LEVELS) -> None:
        super().__init__()
        self.in_channels = check_count("in_channels", in_channels, minimum=1)
        self.classes = check_count("classes", classes, minimum=2)
        self.width = check_count("width", width, minimum=4, multiple_of=4)
        self.stride = 2 ** (check_count("levels", levels, minimum=2) - 1)
        self.encoder = ResSegEncoder(in_channels, width, levels)
        self.decoder = ResSegDecoder(self.encoder.channels, width, classes)
        initialize(self)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        check_slices("the image", image, channels=self.in_channels, minimum_side=self.stride)
        return self.decoder(self.encoder(image))


FUSIONS: dict[str, type[ConcatenationFusion]] = {
    "pa": PhaseAttentionBlock,
    "msf": ConcatenationFusion,
    "msf_intra": IntraPhaseFusion,
}
BACKBONE_LEVELS = {"resseg": LEVELS, "unet": 5}


class PAResSeg(nn.Module):
    """Phase attention residual segmentation of the portal venous phase with the help of the arterial phase.

    Source: Xu et al., PA-ResSeg: A phase attention residual network for liver tumor segmentation from
        multi-phase CT images, Medical Physics 2021, sections 3.B to 3.E, Figure 4, Table 3.
    Departs: "several specific layers at multiple levels" is read as all levels. `fusion` chooses the row of
        the paper's ablation (Table 4): "pa" (MSF + PA, the default), "msf" (concatenation alone) or
        "msf_intra" (MSF + Intra-PA). `backbone` chooses between Table 4 and Table 5: "resseg", or "unet" for
        PA-UNet and MSF-UNet. The paper does not say how a U-Net takes fused maps: here its decoder is built
        for them, with half of U-Net's channels at every level, as the fused maps have half of the encoder's;
        its convolutions have no normalization, as in U-Net. `levels` is 6 for ResSeg and 5 for U-Net, unless
        given. `sharpness` is that of the attention's softmax: a number, or "learned", see phase_attention.py. `refine`
        builds what the authors released in place of what the paper describes: a further convolution behind each
        attention and a head of 1x1. Counts at width 64: 66,734,600 as described, 67,716,552 with `refine`; the
        release has 67,732,286, which are the biases of 15,728 channels before normalization, which normalization
        takes off again, and a scale of six Inter-PA blocks, which Eq. 4 does not have. Its Inter-PA also takes the
        softmax over j, and of the negative products; ours does not, see there. Returns logits, without the
        softmax. See ResSeg, U-Net and the parts.
    Shape: portal (B, in_channels, Y, X), arterial (B, in_channels, Y, X) -> logits (B, classes, Y, X), on the
        portal venous grid; the arterial slices must have been registered to it.

    Raises ModelError when an argument is out of range or the phases do not fit.
    """

    phases = ("portal", "arterial")

    def __init__(
        self,
        in_channels: int = 3,
        classes: int = 2,
        width: int = 64,
        fusion: str = "pa",
        backbone: str = "resseg",
        levels: int | None = None,
        refine: bool = False,
        sharpness: float | str = SHARPNESS,
    ) -> None:
        super().__init__()
        self.in_channels = check_count("in_channels", in_channels, minimum=1)
        self.classes = check_count("classes", classes, minimum=2)
        self.width = check_count("width", width, minimum=4, multiple_of=4)
        self.fusion = check_choice("fusion", fusion, FUSIONS)
        self.backbone = check_choice("backbone", backbone, BACKBONE_LEVELS)
        self.refine = check_flag("refine", refine)
        check_sharpness(sharpness)
        depth = BACKBONE_LEVELS[backbone] if levels is None else check_count("levels", levels, minimum=2)
        unet = backbone == "unet"
        self.minimum_side = 1 if unet else 2 ** (depth - 1)
        self.multiple = 2 ** (depth - 1) if unet else 1
        encoder = UNetEncoder if unet else ResSegEncoder
        self.portal_encoder = encoder(in_channels, width, depth)
        self.arterial_encoder = encoder(in_channels, width, depth)
        widths = self.portal_encoder.channels
        self.fusions = nn.ModuleList(FUSIONS[fusion](channels, refine, sharpness) for channels in widths)
        fused = [channels // 2 for channels in widths]
        self.decoder: nn.Module
        if unet:
            self.decoder = nn.Sequential(UNetDecoder(fused), nn.Conv2d(fused[0], classes, kernel_size=1))
            initialize_gaussian(self)
        else:
            self.decoder = ResSegDecoder(fused, width, classes, head_side=1 if refine else 3)
            initialize(self)

    def forward(self, portal: torch.Tensor, arterial: torch.Tensor | None = None) -> torch.Tensor:
        arterial = check_phases(portal, arterial, channels=self.in_channels, minimum_side=self.minimum_side)
        of_portal = self.portal_encoder(pad_to_multiple(portal, self.multiple))
        of_arterial = self.arterial_encoder(pad_to_multiple(arterial, self.multiple))
        levels = zip(self.fusions, of_portal, of_arterial, strict=True)
        return crop_to(self.decoder([fuse(p, a) for fuse, p, a in levels]), portal.shape[2:])


class IntraResSeg(nn.Module):
    """ResSeg on one phase, with attention within it at every level.

    Source: PA-ResSeg, section 4.C, row 2 of Table 4.
    Departs: Intra-PA stands where the phase attention block stands in PA-ResSeg, at all levels, with the same
        convolution to C/4 channels. See ResSeg and the parts.
    Shape: (B, in_channels, Y, X) -> logits (B, classes, Y, X).

    Raises ModelError when an argument is out of range or the image does not fit.
    """

    phases = ("portal",)

    def __init__(self, in_channels: int = 3, classes: int = 2, width: int = 64, levels: int = 6) -> None:
        super().__init__()
        self.in_channels = check_count("in_channels", in_channels, minimum=1)
        self.classes = check_count("classes", classes, minimum=2)
        self.width = check_count("width", width, minimum=4, multiple_of=4)
        self.stride = 2 ** (check_count("levels", levels, minimum=2) - 1)
        self.encoder = ResSegEncoder(in_channels, width, levels)
        widths = self.encoder.channels
        self.attention = nn.ModuleList(IntraPhaseBlock(channels) for channels in widths)
        self.decoder = ResSegDecoder([channels // 4 for channels in widths], width, classes)
        initialize(self)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        check_slices("the image", image, channels=self.in_channels, minimum_side=self.stride)
        levels = zip(self.attention, self.encoder(image), strict=True)
        return self.decoder([attend(x) for attend, x in levels])
