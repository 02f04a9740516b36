"""UNet++: U-Nets of every depth in one, joined by dense skip pathways."""

from __future__ import annotations

import torch
from torch import nn

from LiverTumorAttentionLib.networks.checks import check_count, check_flag, check_slices
from LiverTumorAttentionLib.networks.comparators.unet import (
    UNetEncoder,
    double_convolution,
    initialize_gaussian,
)
from LiverTumorAttentionLib.networks.layers import crop_to, pad_to_multiple


class NestedNode(nn.Module):
    """One node of the nested skip pathways: everything before it on its level, and what lies below.

    Source: UNet++, section 3.1, Eq. 1:  x_{i,j} = H([x_{i,0}, ..., x_{i,j-1}, U(x_{i+1,j-1})]),  j > 0
        H is U-Net's block, U a 2x2 transposed convolution to the channels of level i.
    Departs: see UNetEncoder for H.
    Shape: j maps (B, channels, Y, X), coarse (B, coarse_channels, Y / 2, X / 2) -> (B, channels, Y, X).
    """

    def __init__(self, channels: int, coarse_channels: int, before: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(coarse_channels, channels, kernel_size=2, stride=2)
        self.block = double_convolution((before + 1) * channels, channels, "none")

    def forward(self, before: list[torch.Tensor], coarse: torch.Tensor) -> torch.Tensor:
        return self.block(torch.cat([*before, self.up(coarse)], dim=1))


class NestedUNet(nn.Module):
    """UNet++ ("Nested U-Net"): a triangle of nodes between encoder and decoder, with deep supervision.

    Source: Zhou et al., UNet++: A nested U-Net architecture for medical image segmentation, DLMIA 2018, Figure
        1, Eq. 1 and section 3.2; compared in Table 1 of the context paper. 32 channels, doubled per level; the
        four nodes x_{0,1} to x_{0,4} of the finest level have an output each. 9,041,700 parameters for one
        channel and one class: the paper's 9.04 M; with three channels and two classes 9,042,408. In evaluation
        all outputs are averaged (the paper's accurate mode). deep_supervision=False has x_{0,4}'s output alone.
    Departs: the paper averages probabilities of one class; these are of all classes, and their logarithm less
        its mean over the classes is returned, whose softmax is that average. No drop-out. MONAI's
        BasicUNetPlusPlus goes up to the finest level with other widths and uses the last output alone. Any
        size is taken: it is filled up to a multiple of 2^(levels - 1) and cut back.
    Shape: (B, in_channels, Y, X) -> logits (B, classes, Y, X); in training one for each depth, all on the
        finest grid, {"x_0_1": {0: logits}, "x_0_2": {0: logits}, ...}.

    Raises ModelError when an argument is out of range or the image does not fit.
    """

    phases = ("portal",)

    def __init__(
        self,
        in_channels: int = 3,
        classes: int = 2,
        width: int = 32,
        levels: int = 5,
        deep_supervision: bool = True,
    ) -> None:
        super().__init__()
        self.in_channels = check_count("in_channels", in_channels, minimum=1)
        self.classes = check_count("classes", classes, minimum=2)
        check_count("width", width, minimum=1)
        self.stride = 2 ** (check_count("levels", levels, minimum=2) - 1)
        self.encoder = UNetEncoder(in_channels, width, levels)
        channels = self.encoder.channels
        self.nodes = nn.ModuleDict(
            {
                f"x_{i}_{j}": NestedNode(channels[i], channels[i + 1], before=j)
                for j in range(1, levels)
                for i in range(levels - j)
            }
        )
        self.deep_supervision = check_flag("deep_supervision", deep_supervision)
        supervised = range(1, levels) if deep_supervision else [levels - 1]
        self.heads = nn.ModuleDict({f"x_0_{j}": nn.Conv2d(width, classes, kernel_size=1) for j in supervised})
        initialize_gaussian(self)

    def forward(self, image: torch.Tensor) -> torch.Tensor | dict[str, dict[int, torch.Tensor]]:
        check_slices("the image", image, channels=self.in_channels)
        rows = [[x] for x in self.encoder(pad_to_multiple(image, self.stride))]  # rows[i][j] is x_{i,j}
        for j in range(1, len(rows)):
            for i in range(len(rows) - j):
                rows[i].append(self.nodes[f"x_{i}_{j}"](rows[i], rows[i + 1][j - 1]))
        finest = {f"x_0_{j}": x for j, x in enumerate(rows[0])}
        outputs = {name: crop_to(head(finest[name]), image.shape[2:]) for name, head in self.heads.items()}
        if self.training and self.deep_supervision:
            return {name: {0: logits} for name, logits in outputs.items()}
        return averaged(list(outputs.values())) if len(outputs) > 1 else next(iter(outputs.values()))


def averaged(outputs: list[torch.Tensor]) -> torch.Tensor:
    """Logits whose softmax is the mean of the outputs' softmax; their mean over the classes is 0."""
    with torch.autocast(outputs[0].device.type, enabled=False):
        each = torch.stack([logits.float().log_softmax(dim=1) for logits in outputs])
        mean = torch.logsumexp(each, dim=0)
        return (mean - mean.mean(dim=1, keepdim=True)).to(outputs[0].dtype)
