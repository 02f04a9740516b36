"""Nested U-Net (UNet++): between encoder and decoder lies a triangle of blocks, each level densely joined."""

from __future__ import annotations

import torch
from torch import nn

from LiverTumorAttentionLib.networks.checks import check_count, check_flag, check_slices
from LiverTumorAttentionLib.networks.comparators.unet import double_convolution
from LiverTumorAttentionLib.networks.layers import initialise
from LiverTumorAttentionLib.networks.padding import crop_to, pad_to_multiple


class NestedUNet(nn.Module):
    """Nested U-Net, UNet++.

    Source: Zhou et al., UNet++: A nested U-Net architecture for medical image segmentation, DLMIA 2018, section 3,
        Eq. 1 and Figure 1: x^{i,j} at level i is a block over
        x^{i,0} .. x^{i,j-1} and the up-sampled x^{i+1,j-1};  x^{i,0} comes from x^{i-1,0} by max-pooling
        Deep supervision: a 1x1 convolution on each of x^{0,1} .. x^{0,L-1}, whose mean is the output.
    Departs: MONAI's BasicUNetPlusPlus is narrower (32, 32, 64, 128, 256 channels) and ends with another width;
        here the levels have the paper's 32 to 512. Up-sampling is a 2x2 transposed convolution that keeps the
        channels, of which the paper says "up-sampling layer". Batch normalisation as in the authors' code. Any
        size of image is taken: it is filled up and cut back. Returns logits.
    Shape: (B, in_channels, Y, X) -> logits (B, classes, Y, X), the mean of the supervised outputs; in training
        with deep supervision each of them, {"column_1": {0: (B, classes, Y, X)}, "column_2": ...}.

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
        self.levels = check_count("levels", levels, minimum=2)
        self.deep_supervision = check_flag("deep_supervision", deep_supervision)
        self.stride = 2 ** (levels - 1)
        channels = [width * 2**level for level in range(levels)]
        self.pool = nn.MaxPool2d(kernel_size=2)
        self.blocks, self.ups = nn.ModuleDict(), nn.ModuleDict()
        for j in range(levels):
            for i in range(levels - j):
                before = in_channels if i == 0 else channels[i - 1]
                entering = before if j == 0 else j * channels[i] + channels[i + 1]
                self.blocks[f"{i}_{j}"] = double_convolution(entering, channels[i], "batch")
                if j > 0:
                    self.ups[f"{i}_{j}"] = nn.ConvTranspose2d(channels[i + 1], channels[i + 1], 2, stride=2)
        columns = range(1, levels) if deep_supervision else [levels - 1]
        self.heads = nn.ModuleDict({str(j): nn.Conv2d(width, classes, kernel_size=1) for j in columns})
        initialise(self)

    def forward(self, image: torch.Tensor) -> torch.Tensor | dict[str, dict[int, torch.Tensor]]:
        check_slices("the image", image, channels=self.in_channels)
        x = pad_to_multiple(image, self.stride)
        nodes: dict[tuple[int, int], torch.Tensor] = {}
        for j in range(self.levels):
            for i in range(self.levels - j):
                if j > 0:
                    before = [nodes[i, k] for k in range(j)]
                    x = torch.cat([*before, self.ups[f"{i}_{j}"](nodes[i + 1, j - 1])], dim=1)
                elif i > 0:
                    x = self.pool(nodes[i - 1, 0])
                nodes[i, j] = self.blocks[f"{i}_{j}"](x)
        logits = {
            f"column_{j}": {0: crop_to(head(nodes[0, int(j)]), image.shape[2:])}
            for j, head in self.heads.items()
        }
        if self.training and self.deep_supervision:
            return logits
        return torch.stack([levels[0] for levels in logits.values()]).mean(dim=0)
