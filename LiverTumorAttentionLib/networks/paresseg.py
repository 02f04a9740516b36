"""PA-ResSeg: two phases, fused by phase attention at every level (Figure 4 of the paper)."""

from __future__ import annotations

import torch
from torch import nn

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.networks.checks import check_choice, check_count, check_slices
from LiverTumorAttentionLib.networks.layers import initialise
from LiverTumorAttentionLib.networks.phase_attention import (
    ConcatenationFusion,
    IntraPhaseFusion,
    PhaseAttentionBlock,
)
from LiverTumorAttentionLib.networks.resseg import MINIMUM_SIDE, ResSegDecoder, ResSegEncoder, level_widths

FUSIONS: dict[str, type[ConcatenationFusion]] = {
    "pa": PhaseAttentionBlock,
    "msf": ConcatenationFusion,
    "msf_intra": IntraPhaseFusion,
}


class PAResSeg(nn.Module):
    """Phase attention residual segmentation of the portal venous phase with the help of the arterial phase.

    Source: Xu et al., PA-ResSeg: A phase attention residual network for liver tumor segmentation from
        multi-phase CT images, Medical Physics 2021, sections 3.B to 3.E, Figure 4, Table 3.
    Departs: "several specific layers at multiple levels" is read as all six levels. `fusion` chooses the row
        of the paper's ablation (Table 4): "pa" (MSF + PA, the default), "msf" (concatenation alone) or
        "msf_intra" (MSF + Intra-PA). Returns logits, without the softmax. See ResSeg and the parts.
    Shape: portal (B, in_channels, Y, X), arterial (B, in_channels, Y, X) -> logits (B, classes, Y, X), on the
        portal venous grid; the arterial slices must have been registered to it.

    Raises ModelError when an argument is out of range or the phases do not fit.
    """

    phases = ("portal", "arterial")

    def __init__(self, in_channels: int = 3, classes: int = 2, width: int = 64, fusion: str = "pa") -> None:
        super().__init__()
        self.in_channels = check_count("in_channels", in_channels, minimum=1)
        self.classes = check_count("classes", classes, minimum=2)
        self.width = check_count("width", width, minimum=4, multiple_of=4)
        self.fusion = check_choice("fusion", fusion, FUSIONS)
        widths = level_widths(width)
        self.portal_encoder = ResSegEncoder(in_channels, width)
        self.arterial_encoder = ResSegEncoder(in_channels, width)
        self.fusions = nn.ModuleList(FUSIONS[fusion](channels) for channels in widths)
        self.decoder = ResSegDecoder([channels // 2 for channels in widths], width, classes)
        initialise(self)

    def forward(self, portal: torch.Tensor, arterial: torch.Tensor | None = None) -> torch.Tensor:
        if arterial is None:
            raise ModelError(
                "this network needs 2 phases, portal and arterial; got 1: use resseg for one phase"
            )
        check_slices("the portal phase", portal, channels=self.in_channels, minimum_side=MINIMUM_SIDE)
        check_slices("the arterial phase", arterial, channels=self.in_channels, minimum_side=MINIMUM_SIDE)
        if portal.shape != arterial.shape:
            raise ModelError(
                "the portal and the arterial phase must have the same shape; "
                f"got {tuple(portal.shape)} and {tuple(arterial.shape)}: resample one onto the other"
            )
        levels = zip(self.fusions, self.portal_encoder(portal), self.arterial_encoder(arterial), strict=True)
        return self.decoder([fuse(p, a) for fuse, p, a in levels])
