"""DARN: pyramid levels refined by one neighboring level each, then aggregated on the finest grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from LiverTumorAttentionLib.networks.checks import check_choice, check_count, check_scaled_width
from LiverTumorAttentionLib.networks.dpcnet import LEVEL, ORDERS, RESAMPLINGS, SemCor, SpaCor
from LiverTumorAttentionLib.networks.layers import crop_to
from LiverTumorAttentionLib.networks.unet3d import PFE, SLOPE, Outputs, cropped, filled, initialize


class SpaRef(SpaCor):
    """Spatial attentive refinement: a level's map, weighted place by place by its finer neighbor.

    Source: DARN, Method: "SpaRef modules make a further refinement [...] with respect to [...] spatial
        dimensions", "with the guidance of neighboring [...] low-level features". The poster gives no equation;
        this is DPC-Net's Eq. 4-6 with the neighbor alone as guide:
        T = Avg(F_{i-1}) + Max(F_{i-1});  A = W_3 phi(W_2 phi(W_1 T));  out = sigmoid(A) x g(F_i)
    Departs: see SpaCor for the way up and down and for W.
    Shape: F_i (B, C, z, y, x), F_{i-1} (B, C, 2z, 2y, 2x) -> (B, C, z, y, x).
    """

    says = "places of one level, from its finer neighbour (DARN, SpaRef)"

    def squeezed(self, raised: torch.Tensor, finer: torch.Tensor) -> torch.Tensor:
        """T of the finer map alone, (B, 1, Z, Y, X)."""
        return finer.mean(dim=1, keepdim=True) + finer.amax(dim=1, keepdim=True)


class SemRef(SemCor):
    """Semantic attentive refinement: a level's channels, weighted by its coarser neighbor.

    Source: DARN, Method: "SemRef [...] with respect to semantic [...] dimensions", "with the guidance of
        neighboring high- [...] level features". The poster gives no equation; this is DPC-Net's Eq. 7-9 with
        the neighbor alone as guide:
        T = [Avg(F_{i+1}), Max(F_{i+1})];  A = W_3 phi(W_2 phi(W_1 T));  out = sigmoid(A) x g(F_i)
    Departs: see SemCor for W and g.
    Shape: F_i (B, C, Z, Y, X), F_{i+1} (B, C, z, y, x) -> (B, C, Z, Y, X).
    """

    says = "channels of one level, from its coarser neighbour (DARN, SemRef)"
    guides = 1

    def squeezed(self, *maps: torch.Tensor) -> torch.Tensor:
        """T of the coarser map alone, (B, 2 * C)."""
        return super().squeezed(maps[-1])


class Aggregation(nn.Module):
    """All levels side by side on the finest grid, fused by one 3x3x3 convolution.

    Source: DARN, Method: "the refined feature maps are aggregated for final segmentation".
    Departs: up-sampling is trilinear, and the convolution gives as many channels as one level has. It is
        written as one convolution a level, whose results are summed: the same numbers as one convolution of
        the concatenation, which is never held. A LeakyReLU follows.
    Shape: maps (B, C, Z / 2^i, Y / 2^i, X / 2^i), finest first -> (B, C, Z, Y, X).
    """

    def __init__(self, channels: int, levels: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv3d(channels, channels, kernel_size=3, padding=1, bias=level == 0)
            for level in range(levels)
        )

    def forward(self, pyramid: Sequence[torch.Tensor]) -> torch.Tensor:
        total = self.convs[0](pyramid[0])
        for conv, x in zip(self.convs[1:], pyramid[1:], strict=True):
            raised = functional.interpolate(
                x, size=pyramid[0].shape[2:], mode="trilinear", align_corners=False
            )
            total = total + conv(raised)
        return functional.leaky_relu(total, SLOPE)


class DARN(nn.Module):
    """Deep attentive refinement network: PFE, SpaRef, SemRef, aggregation, one head.

    Source: Zhang et al., DARN: Deep attentive refinement network for liver tumor segmentation from 3D CT
        volume (poster), Method and Table III: `order` "spa_first" is Spa + Sem, "sem_first" Sem + Spa.
    Departs: the PFE and all that the poster leaves open are those of DPC-Net, by the same authors, whose
        forerunner this is: widths, the pyramid's common width (twice `width`: 64), the supervision of the PFE's levels,
        `attention_width` and `resampling`.
        Any size of volume is taken: it is filled up and cut back. Returns logits, without the softmax.
    Shape: (B, in_channels, Z, Y, X) -> logits (B, classes, Z, Y, X); in training {"pfe": {level: ...},
        "fused": {0: (B, classes, Z, Y, X)}}.

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
        order: str = "spa_first",
        attention_width: int | str = LEVEL,
        resampling: str = RESAMPLINGS[0],
    ) -> None:
        super().__init__()
        self.in_channels = check_count("in_channels", in_channels, minimum=1)
        self.classes = check_count("classes", classes, minimum=2)
        check_count("width", width, minimum=1)
        pyramid = check_scaled_width(
            "pyramid_width", pyramid_width, width, self.scaled_widths["pyramid_width"]
        )
        self.stride = 2 ** (check_count("levels", levels, minimum=3) - 1)
        self.spa_first = check_choice("order", order, ORDERS) == "spa_first"
        self.features = PFE(in_channels, classes, width, levels, "stride")
        self.lateral = nn.ModuleList(nn.Conv3d(c, pyramid, 1) for c in self.features.channels)
        self.sparef = nn.ModuleList(
            SpaRef(pyramid, "both", attention_width, resampling) for _ in range(levels - 2)
        )
        self.semref = nn.ModuleList(SemRef(pyramid) for _ in range(levels - 2))
        self.aggregation = Aggregation(pyramid, levels - 1)
        self.head = nn.Conv3d(pyramid, classes, kernel_size=1)
        initialize(self)

    def forward(self, image: torch.Tensor) -> torch.Tensor | Outputs:
        decoded = self.features(filled(image, self.in_channels, self.stride))
        pyramid = [conv(x) for conv, x in zip(self.lateral, decoded, strict=True)]
        if self.spa_first:
            pyramid = self.refined_in_channels(self.refined_in_space(pyramid))
        else:
            pyramid = self.refined_in_space(self.refined_in_channels(pyramid))
        logits = self.head(self.aggregation(pyramid))
        if not self.training:
            return crop_to(logits, image.shape[2:])
        outputs = {"pfe": self.features.supervised(decoded), "fused": {0: logits}}
        return {group: cropped(levels, image.shape[2:]) for group, levels in outputs.items()}

    def refined_in_space(self, pyramid: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Every level refined by its finer neighbor; the finest has none and is passed on."""
        steps = zip(self.sparef, pairwise(pyramid), strict=True)
        return [pyramid[0], *(refine(coarse, fine) for refine, (fine, coarse) in steps)]

    def refined_in_channels(self, pyramid: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Every level refined by its coarser neighbor; the coarsest has none and is passed on."""
        steps = zip(self.semref, pairwise(pyramid), strict=True)
        return [*(refine(fine, coarse) for refine, (fine, coarse) in steps), pyramid[-1]]
