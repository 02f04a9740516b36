"""DeepLabv3: parallel atrous convolutions of several rates on a ResNet of output stride 16."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn
from torch.nn import functional

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.networks.checks import check_count, check_scaled_width, check_slices
from LiverTumorAttentionLib.networks.layers import crop_to, initialize
from LiverTumorAttentionLib.networks.resnet import Bottleneck, ResNet, check_blocks

OUTPUT_STRIDE = 16
RATES = (6, 12, 18)
MULTI_GRID = (1, 2, 4)


class AtrousConvNormReLU(nn.Module):
    """1x1 or 3x3 convolution with holes, batch normalization, ReLU.

    Source: Chen et al., Rethinking atrous convolution for semantic image segmentation, arXiv:1706.05587, Eq. 1:
        y[i] = sum_k x[i + r k] w[k],  r: the rate
    Departs: the ReLU is the authors' code's; the paper names the normalization alone.
    Shape: (B, in_channels, Y, X) -> (B, out_channels, Y, X).
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int = 1, rate: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels,
            out_channels,
            kernel_size,
            padding=rate * (kernel_size // 2),
            dilation=rate,
            bias=False,
        )
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu_(self.norm(self.conv(x)))


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling: a 1x1 convolution, 3x3 convolutions of several rates, the image's mean.

    Source: DeepLabv3, section 3.3 and Figure 5: rates 6, 12, 18 at output stride 16, 256 filters each; the
        image-level features are pooled, convolved (1x1) and spread over the grid again; all are concatenated
        and pass a 1x1 convolution of 256 filters.
    Departs: none known.
    Shape: (B, in_channels, Y, X) -> (B, channels, Y, X).
    """

    def __init__(self, in_channels: int, channels: int, rates: Sequence[int] = RATES) -> None:
        super().__init__()
        self.branches = nn.ModuleList([AtrousConvNormReLU(in_channels, channels)])
        self.branches.extend(AtrousConvNormReLU(in_channels, channels, 3, rate) for rate in rates)
        self.image_level = AtrousConvNormReLU(in_channels, channels)
        self.project = AtrousConvNormReLU((len(rates) + 2) * channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pooled = self.image_level(x.mean(dim=(2, 3), keepdim=True))
        maps = [branch(x) for branch in self.branches]
        return self.project(torch.cat([*maps, pooled.expand_as(maps[0])], dim=1))


class DeepLabv3(nn.Module):
    """ResNet-101 with holes in its last block, ASPP, a 1x1 convolution, bilinear interpolation to full size.

    Source: Chen et al., Rethinking atrous convolution for semantic image segmentation, arXiv:1706.05587, 2017,
        sections 3 and 4.2; "ResNet-101 as the backbone and [...] output stride to 16" (SFAN, section 3).
        58,029,506 parameters for one channel and two classes; neither paper prints a count.
    Departs: SFAN does not say whether its open source code had the paper's multi-grid; it stands here, as in
        the paper's best networks: rates 2 * (1, 2, 4) in the last block. No drop-out, which the authors' code
        has and the paper has not. The image is filled up to 16 k + 1 pixels a side (the paper trains on 513),
        so that position i of the last grid looks at pixel 16 i and its logits come back there
        (align_corners=True). One channel in, where the paper has three. `aspp_width`, the paper's 256, is four
        times `width` unless given. Returns logits, without the softmax.
    Shape: (B, in_channels, Y, X) -> logits (B, classes, Y, X). In training B must be 2 or more: the
        image-level features are normalized over the batch alone.

    Raises ModelError when an argument is out of range or the image does not fit.
    """

    phases = ("portal",)
    scaled_widths: Mapping[str, int] = {"aspp_width": 4}
    """Arguments that are this multiple of `width` unless given."""

    def __init__(
        self,
        in_channels: int = 1,
        classes: int = 2,
        width: int = 64,
        blocks: Sequence[int] = (3, 4, 23, 3),
        aspp_width: int | None = None,
    ) -> None:
        super().__init__()
        self.in_channels = check_count("in_channels", in_channels, minimum=1)
        self.classes = check_count("classes", classes, minimum=2)
        check_count("width", width, minimum=1)
        aspp = check_scaled_width("aspp_width", aspp_width, width, self.scaled_widths["aspp_width"])
        counts = check_blocks(blocks)
        if counts[-1] != len(MULTI_GRID):
            raise ModelError(
                f"blocks must end with {len(MULTI_GRID)}, one for each rate {MULTI_GRID}; got {blocks!r}"
                ": give such a number of blocks"
            )
        self.encoder = ResNet(in_channels, width, counts, Bottleneck, OUTPUT_STRIDE)
        open_kernels(self.encoder.layer4, [2 * rate for rate in MULTI_GRID])
        self.aspp = ASPP(self.encoder.channels[-1], aspp)
        self.head = nn.Conv2d(aspp, classes, kernel_size=1)
        for part in (self.aspp, self.head):  # the encoder has drawn its own weights
            initialize(part)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        check_slices("the image", image, channels=self.in_channels)
        if self.training and image.shape[0] == 1:
            raise ModelError(
                "deeplabv3 needs at least 2 images a batch in training, for it normalizes over the batch what "
                "it knows of a whole image; got 1: train with a larger batch"
            )
        missing = [(1 - side) % OUTPUT_STRIDE for side in image.shape[2:]]
        filled = functional.pad(image, (0, missing[1], 0, missing[0]), mode="replicate")
        logits = self.head(self.aspp(self.encoder(filled)[-1]))
        logits = functional.interpolate(logits, size=filled.shape[2:], mode="bilinear", align_corners=True)
        return crop_to(logits, image.shape[2:])


def open_kernels(level: nn.Module, rates: Sequence[int]) -> None:
    """Give the 3x3 convolutions of a level their rates; the weights stay what they are."""
    convolutions = [m for m in level.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]
    for convolution, rate in zip(convolutions, rates, strict=True):
        convolution.dilation = convolution.padding = (rate, rate)
