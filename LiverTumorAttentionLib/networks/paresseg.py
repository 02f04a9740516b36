"""PA-ResSeg: two phases, fused by phase attention at every level (Figure 4 of the paper)."""

from __future__ import annotations

import torch
from torch import nn

from LiverTumorAttentionLib.networks.checks import check_choice, check_count, check_phases, check_slices
from LiverTumorAttentionLib.networks.comparators.unet import UNetDecoder, UNetEncoder, initialise_gaussian
from LiverTumorAttentionLib.networks.layers import initialise
from LiverTumorAttentionLib.networks.padding import crop_to, pad_to_multiple
from LiverTumorAttentionLib.networks.phase_attention import (
    ConcatenationFusion,
    IntraPhaseBlock,
    IntraPhaseFusion,
    PhaseAttentionBlock,
)
from LiverTumorAttentionLib.networks.resseg import ResSegDecoder, ResSegEncoder

FUSIONS: dict[str, type[ConcatenationFusion]] = {
    "pa": PhaseAttentionBlock,
    "msf": ConcatenationFusion,
    "msf_intra": IntraPhaseFusion,
}
LEVELS = {"resseg": 6, "unet": 5}  # of the backbones


class PAResSeg(nn.Module):
    """Phase attention residual segmentation of the portal venous phase with the help of the arterial phase.

    Source: Xu et al., PA-ResSeg: A phase attention residual network for liver tumor segmentation from
        multi-phase CT images, Medical Physics 2021, sections 3.B to 3.E, Figure 4, Table 3.
    Departs: "several specific layers at multiple levels" is read as all levels. `fusion` chooses the row of
        the paper's ablation (Table 4): "pa" (MSF + PA, the default), "msf" (concatenation alone) or
        "msf_intra" (MSF + Intra-PA). `backbone` chooses between Table 4 and Table 5: "resseg", or "unet" for
        PA-UNet and MSF-UNet. The paper does not say how a U-Net takes fused maps: here its decoder is built
        for them, with half of U-Net's channels at every level, as the fused maps have half of the encoder's;
        its convolutions have no normalisation, as in U-Net. `levels` is 6 for ResSeg and 5 for U-Net, unless
        given. Returns logits, without the softmax. See ResSeg, U-Net and the parts.
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
    ) -> None:
        super().__init__()
        self.in_channels = check_count("in_channels", in_channels, minimum=1)
        self.classes = check_count("classes", classes, minimum=2)
        self.width = check_count("width", width, minimum=4, multiple_of=4)
        self.fusion = check_choice("fusion", fusion, FUSIONS)
        self.backbone = check_choice("backbone", backbone, LEVELS)
        depth = LEVELS[backbone] if levels is None else check_count("levels", levels, minimum=2)
        unet = backbone == "unet"
        self.minimum_side = 1 if unet else 2 ** (depth - 1)
        self.multiple = 2 ** (depth - 1) if unet else 1
        encoder = UNetEncoder if unet else ResSegEncoder
        self.portal_encoder = encoder(in_channels, width, depth)
        self.arterial_encoder = encoder(in_channels, width, depth)
        widths = self.portal_encoder.channels
        self.fusions = nn.ModuleList(FUSIONS[fusion](channels) for channels in widths)
        fused = [channels // 2 for channels in widths]
        self.decoder: nn.Module
        if unet:
            self.decoder = nn.Sequential(UNetDecoder(fused), nn.Conv2d(fused[0], classes, kernel_size=1))
            initialise_gaussian(self)
        else:
            self.decoder = ResSegDecoder(fused, width, classes)
            initialise(self)

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
        initialise(self)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        check_slices("the image", image, channels=self.in_channels, minimum_side=self.stride)
        levels = zip(self.attention, self.encoder(image), strict=True)
        return self.decoder([attend(x) for attend, x in levels])
