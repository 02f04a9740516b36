"""Fusion of two phases outside the network: in the input (DMP) or in the output (MPF)."""

from __future__ import annotations

import torch
from torch import nn

from LiverTumorAttentionLib.networks.checks import check_choice, check_count, check_phases
from LiverTumorAttentionLib.networks.comparators.unet import UNet
from LiverTumorAttentionLib.networks.paresseg import ResSeg

BACKBONES: dict[str, type[nn.Module]] = {"resseg": ResSeg, "unet": UNet}


class DMP(nn.Module):
    """Dimensional multi-phase: one network, whose input is both phases side by side.

    Source: PA-ResSeg, section 3.C, Figure 5a and Table 6, "concatenates multi-phase images in the input";
        from Ouhmich et al., Liver tissue segmentation in multiphase CT scans using cascaded convolutional
        neural networks, IJCARS 2019.
    Departs: Ouhmich's network is a U-Net; `backbone` "resseg" is what PA-ResSeg compares, "unet" is Ouhmich's.
        `levels` is the backbone's own, unless given. Returns logits, without the softmax.
    Shape: portal (B, in_channels, Y, X), arterial (B, in_channels, Y, X) -> logits (B, classes, Y, X); the
        network sees 2 * in_channels channels, portal first.

    Raises ModelError when an argument is out of range or the phases do not fit.
    """

    phases = ("portal", "arterial")

    def __init__(
        self,
        in_channels: int = 3,
        classes: int = 2,
        width: int = 64,
        backbone: str = "resseg",
        levels: int | None = None,
    ) -> None:
        super().__init__()
        self.in_channels = check_count("in_channels", in_channels, minimum=1)
        self.network = single_network(backbone, 2 * in_channels, classes, width, levels)

    def forward(self, portal: torch.Tensor, arterial: torch.Tensor | None = None) -> torch.Tensor:
        arterial = check_phases(portal, arterial, channels=self.in_channels)
        return self.network(torch.cat([portal, arterial], dim=1))


class MPF(nn.Module):
    """Multi-phase fusion: one network a phase, whose outputs are added.

    Source: PA-ResSeg, section 3.C, Figure 5b and Table 6, "adds the multi-phase output maps where the output
        maps are computed independently for each phase"; from Ouhmich et al., IJCARS 2019.
    Departs: neither the text nor the figure says whether the softmax comes before or after the addition. It
        comes after: logits are added, which multiplies the probabilities of both networks. The networks are
        trained together, by the loss of the sum; the paper says of Ouhmich's that they are trained apart.
        `backbone` and `levels` as for DMP.
    Shape: portal (B, in_channels, Y, X), arterial (B, in_channels, Y, X) -> logits (B, classes, Y, X).

    Raises ModelError when an argument is out of range or the phases do not fit.
    """

    phases = ("portal", "arterial")

    def __init__(
        self,
        in_channels: int = 3,
        classes: int = 2,
        width: int = 64,
        backbone: str = "resseg",
        levels: int | None = None,
    ) -> None:
        super().__init__()
        self.in_channels = check_count("in_channels", in_channels, minimum=1)
        self.portal = single_network(backbone, in_channels, classes, width, levels)
        self.arterial = single_network(backbone, in_channels, classes, width, levels)

    def forward(self, portal: torch.Tensor, arterial: torch.Tensor | None = None) -> torch.Tensor:
        arterial = check_phases(portal, arterial, channels=self.in_channels)
        return self.portal(portal) + self.arterial(arterial)


def single_network(
    backbone: str, in_channels: int, classes: int, width: int, levels: int | None
) -> nn.Module:
    """A network of one input, ResSeg or U-Net, as deep as its paper has it unless `levels` is given."""
    network = BACKBONES[check_choice("backbone", backbone, BACKBONES)]
    depth = {} if levels is None else {"levels": levels}
    return network(in_channels=in_channels, classes=classes, width=width, **depth)
