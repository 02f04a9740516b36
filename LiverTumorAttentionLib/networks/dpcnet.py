"""DPC-Net: pyramid levels correlated with their neighboring levels, over space and over channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import nn

from LiverTumorAttentionLib.networks.checks import check_choice, check_count, check_flag, check_scaled_width
from LiverTumorAttentionLib.networks.layers import AttentionMap, crop_to
from LiverTumorAttentionLib.networks.layers3d import raised as on_grid_of
from LiverTumorAttentionLib.networks.unet3d import PFE, SLOPE, Outputs, cropped, filled, initialize

POOLINGS = ("mean", "max", "both")
ORDERS = ("spa_first", "sem_first")
RESAMPLINGS = ("transposed", "learned", "interpolated")
LEVEL = "level"
"""The attention width that is the level's own."""
DOWN = {"pfe": "stride", "unet3d": "pool"}
"""How the encoder goes down, by the name of the pyramid in Table 2."""


class SpaCor(nn.Module):
    """Spatial correlation: a level's map, weighted place by place under the guidance of its finer neighbor.

    Source: DPC-Net, section III.D, Eq. 4-6, Figure 3:
        T = Avg([F_i, F_{i-1}]) + Max([F_i, F_{i-1}])     over channels; F_i up-sampled to F_{i-1}'s grid
        A = W_3 phi(W_2 phi(W_1 T));  F_i^spa = sigmoid(A) x g(F_i), brought back to F_i's own grid
        pooling "mean" or "max" takes one of the two (Table 1).
        attention_width: channels between W_1 and W_2, W_2 and W_3: "level", which is C (section IV.B: "the number of
        channels is kept consistent with that of each level"), or a number; earlier versions had 1. T and A have one
        channel, for T is a sum (Eq. 5) and A is "broadcasted along the channel dimension".
    Departs: the paper says "up-sampled" and "down-sampled" (section III.D), not how. resampling "transposed": up by a
        2x2x2 transposed convolution, as the PFE's decoder, and down by the mean of 2x2x2 voxels; "learned": down by a
        3x3x3 convolution of stride 2, as earlier versions; "interpolated": trilinear, with which down is that mean.
        "a 3-layer convolutional network" has three layers, of which Eq. 5 prints two. The sigmoid is printed without
        its minus sign; the ordinary one is meant.
    Shape: F_i (B, C, z, y, x), F_{i-1} (B, C, 2z, 2y, 2x) -> (B, C, z, y, x). Parameters for C 64: W_1 to W_3
        114,177 (one channel: 84), the way up 32,832, g 4,160, the learned way down 110,656.
    """

    says = "places of one level, sigmoid(A) of SpaCor (DPC-Net, Eq. 6)"

    def __init__(
        self,
        channels: int,
        pooling: str = "both",
        attention_width: int | str = LEVEL,
        resampling: str = RESAMPLINGS[0],
    ) -> None:
        super().__init__()
        self.pooling = check_choice("pooling", pooling, POOLINGS)
        self.resampling = check_choice("resampling", resampling, RESAMPLINGS)
        inside = width_inside(attention_width, channels)
        interpolated = resampling == "interpolated"
        self.up = None if interpolated else nn.ConvTranspose3d(channels, channels, kernel_size=2, stride=2)
        self.correlation = nn.Sequential(
            nn.Conv3d(1, inside, kernel_size=3, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv3d(inside, inside, kernel_size=3, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv3d(inside, 1, kernel_size=3, padding=1),
        )
        self.map = AttentionMap("map", self.says)
        self.recalibration = nn.Conv3d(channels, channels, kernel_size=1)
        learned = resampling == "learned"
        self.down = nn.Conv3d(channels, channels, 3, stride=2, padding=1) if learned else nn.AvgPool3d(2)

    def forward(self, feature: torch.Tensor, finer: torch.Tensor) -> torch.Tensor:
        raised = on_grid_of(feature, finer.shape[2:]) if self.up is None else self.up(feature)
        weights = self.map(torch.sigmoid(self.correlation(self.squeezed(raised, finer))))
        return self.down(weights * self.recalibration(raised))

    def squeezed(self, raised: torch.Tensor, finer: torch.Tensor) -> torch.Tensor:
        """T of both maps, equally wide, (B, 1, Z, Y, X), without holding their concatenation."""
        mean = (raised.mean(dim=1, keepdim=True) + finer.mean(dim=1, keepdim=True)) / 2
        if self.pooling == "mean":
            return mean
        highest = torch.maximum(raised.amax(dim=1, keepdim=True), finer.amax(dim=1, keepdim=True))
        return highest if self.pooling == "max" else mean + highest


def width_inside(attention_width: int | str, channels: int) -> int:
    """Return the channels between the convolutions of an attention map; "level" is those of the level.

    Raises `ModelError` for anything but "level" and a count.
    """
    if isinstance(attention_width, str):
        check_choice("attention_width", attention_width, (LEVEL,))
        return channels
    return check_count("attention_width", attention_width, minimum=1)


class SemCor(nn.Module):
    """Semantic correlation: a level's channels, weighted under the guidance of its coarser neighbor.

    Source: DPC-Net, section III.E, Eq. 7-9, Figure 3:
        T = [Avg([F_i, F_{i+1}]), Max([F_i, F_{i+1}])]    over space
        A = W_3 phi(W_2 phi(W_1 T));  F_i^sem = sigmoid(A) x g(F_i)
        pooling "mean" or "max" takes one of the two (Table 1).
    Departs: "a 3-layer perceptron" has three layers of C values each, of which Eq. 8 prints two. g is a
        1x1x1 convolution; the text calls it so once and a fully connected layer once, which is the same. g takes the
        same F_i as T, which is F_i^spa where SpaCor comes first, as the text of section III.E has it; Eq. 9 prints
        g(F_i), the map before SpaCor, which differs on every level but the finest.
    Shape: F_i (B, C, Z, Y, X), F_{i+1} (B, C, z, y, x) -> (B, C, Z, Y, X). 28,928 parameters for C 64.
    """

    says = "channels of one level, sigmoid(A) of SemCor (DPC-Net, Eq. 9)"
    guides = 2
    """Maps that T is made of."""

    def __init__(self, channels: int, pooling: str = "both") -> None:
        super().__init__()
        self.pooling = check_choice("pooling", pooling, POOLINGS)
        pooled = self.guides * channels * (2 if pooling == "both" else 1)
        self.correlation = nn.Sequential(
            nn.Linear(pooled, channels),
            nn.LeakyReLU(SLOPE),
            nn.Linear(channels, channels),
            nn.LeakyReLU(SLOPE),
            nn.Linear(channels, channels),
        )
        self.map = AttentionMap("vector", self.says)
        self.recalibration = nn.Conv3d(channels, channels, kernel_size=1)

    def forward(self, feature: torch.Tensor, coarser: torch.Tensor) -> torch.Tensor:
        weights = self.map(torch.sigmoid(self.correlation(self.squeezed(feature, coarser))))
        return weights[:, :, None, None, None] * self.recalibration(feature)

    def squeezed(self, *maps: torch.Tensor) -> torch.Tensor:
        """T of the maps, (B, values), each map on its own grid."""
        parts = []
        if self.pooling in ("mean", "both"):
            parts += [x.mean(dim=(2, 3, 4)) for x in maps]
        if self.pooling in ("max", "both"):
            parts += [x.amax(dim=(2, 3, 4)) for x in maps]
        return torch.cat(parts, dim=1)


class DPCNet(nn.Module):
    """Decoupled pyramid correlation network: PFE, SpaCor on every level but the finest, SemCor on every level
    but the coarsest, a supervised head behind each.

    Source: Zhang et al., Decoupled pyramid correlation network for liver tumor segmentation from CT images,
        Medical Physics 2022, section III. `spatial_pooling` and `semantic_pooling`: Table 1; `spacor`,
        `semcor` and `backbone` ("pfe" or the baseline "unet3d"): Table 2; `order`: Table 4.
        L_total sums the losses of the groups "pfe" (i = 0 .. L-1), "spa" (1 .. L-1) and "sem" (0 .. L-2).
        `attention_width`, `resampling`: what the text leaves open of SpaCor, see there.
    Departs: the pyramid's maps are brought to one width by 1x1x1 convolutions: `pyramid_width`, twice `width` unless
        given, which is 64 at the paper's 32. What section III.E asks for is that the channels of a level be aligned
        with its neighbor's; that this is one width for all levels, and 64, is ours, and comes nearest to the paper's
        counts.
        The output is a head on the finest map of what comes last, F_0^sem in the default order. With SpaCor alone it
        is a head on F_0, which SpaCor leaves as it is (level 0 of the group "sem"). Without both, the network is its
        backbone.
        The abstract and section III.B say "recursively". Here, as Eq. 4 and 7 print it, a module takes its neighbor as
        the step before left it, F_{i-1} and F_{i+1}^spa, not as the same step refines it. So the output depends on
        SpaCor of level 1 and SemCor of level 0 alone, and with SemCor first on SemCor of level 0 alone; the other
        modules act through their supervision.
        Counts: SpaCor 453,507 (the paper: 0.43 M), SemCor 86,784 (0.09 M), together 540,291 (0.52 M). Other readings of
        SpaCor: "level" without g, which the text has, 441,027; "level" and "interpolated" 355,011; "level" and
        "learned" 785,475; one channel and "learned" 443,196, and without g 430,716. The budget decides nothing, the
        text of section IV.B does. The 1x1x1 convolutions (30,976) and heads (1,170) come on top, 17,817,313 in all.
        Any size of volume is taken: it is filled up and cut back. Returns logits, without the softmax.
    Shape: (B, in_channels, Z, Y, X) -> logits (B, classes, Z, Y, X); in training the logits of every level,
        {group: {level: (B, classes, ceil(Z / 2^level), ...)}}.

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
        backbone: str = "pfe",
        order: str = "spa_first",
        spacor: bool = True,
        semcor: bool = True,
        spatial_pooling: str = "both",
        semantic_pooling: str = "both",
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
        down = DOWN[check_choice("backbone", backbone, DOWN)]
        check_choice("spatial_pooling", spatial_pooling, POOLINGS)
        check_choice("semantic_pooling", semantic_pooling, POOLINGS)
        width_inside(attention_width, pyramid)
        check_choice("resampling", resampling, RESAMPLINGS)
        self.spa_first = check_choice("order", order, ORDERS) == "spa_first"
        self.features = PFE(in_channels, classes, width, levels, down)
        spatial = levels - 2 if check_flag("spacor", spacor) else 0
        semantic = levels - 2 if check_flag("semcor", semcor) else 0
        channels = self.features.channels if spatial or semantic else []
        self.lateral = nn.ModuleList(nn.Conv3d(count, pyramid, kernel_size=1) for count in channels)
        self.spacor = nn.ModuleList(
            SpaCor(pyramid, spatial_pooling, attention_width, resampling) for _ in range(spatial)
        )
        self.semcor = nn.ModuleList(SemCor(pyramid, semantic_pooling) for _ in range(semantic))
        self.spa_heads = nn.ModuleList(nn.Conv3d(pyramid, classes, 1) for _ in range(spatial))
        self.sem_heads = nn.ModuleList(nn.Conv3d(pyramid, classes, 1) for _ in range(semantic))
        # Without SemCor no head stands on the finest level, which gives the output.
        self.finest_head = nn.Conv3d(pyramid, classes, 1) if spatial and not semantic else None
        initialize(self)

    def forward(self, image: torch.Tensor) -> torch.Tensor | Outputs:
        decoded = self.features(filled(image, self.in_channels, self.stride))
        outputs = {"pfe": self.features.supervised(decoded)} if self.training else {}
        if not self.lateral:
            return self.finished(outputs, self.features.heads[0](decoded[0]), image)
        pyramid = [conv(x) for conv, x in zip(self.lateral, decoded, strict=True)]
        if self.spa_first:
            spatial = self.corrected_in_space(pyramid)
            last = semantic = self.corrected_in_channels(spatial)
        else:
            semantic = self.corrected_in_channels(pyramid)
            last = spatial = self.corrected_in_space(semantic)
        logits = (self.finest_head or self.sem_heads[0])(last[0])
        if self.training:
            if self.spacor:
                outputs["spa"] = {i: head(spatial[i]) for i, head in enumerate(self.spa_heads, start=1)}
            coarse_heads = list(self.sem_heads)[1:]
            outputs["sem"] = {0: logits, **{i: h(semantic[i]) for i, h in enumerate(coarse_heads, start=1)}}
        return self.finished(outputs, logits, image)

    def finished(self, outputs: Outputs, logits: torch.Tensor, image: torch.Tensor) -> torch.Tensor | Outputs:
        """What forward returns: in training the logits of all groups, else those of the finest level."""
        if not self.training:
            return crop_to(logits, image.shape[2:])
        return {group: cropped(levels, image.shape[2:]) for group, levels in outputs.items()}

    def corrected_in_space(self, pyramid: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """F^spa of every level; the finest, and all without SpaCor, are passed on."""
        if not self.spacor:
            return list(pyramid)
        steps = zip(self.spacor, pairwise(pyramid), strict=True)
        return [pyramid[0], *(spa(coarse, fine) for spa, (fine, coarse) in steps)]

    def corrected_in_channels(self, pyramid: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """F^sem of every level; the coarsest, and all without SemCor, are passed on."""
        if not self.semcor:
            return list(pyramid)
        steps = zip(self.semcor, pairwise(pyramid), strict=True)
        return [*(sem(fine, coarse) for sem, (fine, coarse) in steps), pyramid[-1]]
