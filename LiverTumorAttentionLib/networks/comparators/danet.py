"""DANet: spatial and channel attention on top of a dilated ResNet."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from LiverTumorAttentionLib.networks.checks import check_count, check_slices
from LiverTumorAttentionLib.networks.context import SpatialExtractor
from LiverTumorAttentionLib.networks.layers import ConvNormReLU, crop_to, initialize, pad_to_multiple
from LiverTumorAttentionLib.networks.resnet import ResNet, check_blocks

OUTPUT_STRIDE = 8


class ChannelAttention(nn.Module):
    """Add to every channel what the channels show to which it is related.

    Source: Fu et al., Dual attention network (DANet), CVPR 2019, section 3.3, Eq. 3 and 4:
        x_ji = exp(A_i . A_j) / sum_i exp(A_i . A_j);  E_j = beta sum_i x_ji A_i + A_j,  beta starts at 0
    Departs: products are computed in float32 also under autocast. DANet's code takes the softmax of the row's
        maximum less the products, which turns the order round; the equation does not, and neither does this.
    Shape: (B, C, Y, X) -> same; memory O(B C^2).
    """

    def __init__(self) -> None:
        super().__init__()
        self.beta = nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.autocast(x.device.type, enabled=False):
            a = x.float().flatten(2)
            weights = torch.softmax(torch.bmm(a, a.transpose(1, 2)), dim=2)  # (B, j, i), normalized over i
            added = self.beta * torch.bmm(weights, a).reshape(x.shape) + x.float()
        return added.to(x.dtype)


class DANet(nn.Module):
    """Dual attention network.

    Source: Fu et al., Dual attention network for scene segmentation, CVPR 2019, section 3 and Figure 2: a
        ResNet of output stride 8, attention over places and over channels side by side on a quarter of its
        channels, summed, a 1x1 convolution to the classes, up-sampled by 8. The attention over places is
        Eq. 1 and 2, which the context network's spatial extractor repeats.
    Departs: ResNet-34, as the backbone of the context network's paper, which compares with it; no auxiliary
        losses. Any size of image is taken: it is filled up and cut back. Returns logits.
    Shape: (B, in_channels, Y, X) -> logits (B, classes, Y, X).

    Raises ModelError when an argument is out of range or the image does not fit.
    """

    phases = ("portal",)

    def __init__(
        self,
        in_channels: int = 3,
        classes: int = 2,
        width: int = 64,
        blocks: Sequence[int] = (3, 4, 6, 3),
    ) -> None:
        super().__init__()
        self.in_channels = check_count("in_channels", in_channels, minimum=1)
        self.classes = check_count("classes", classes, minimum=2)
        check_count("width", width, minimum=4, multiple_of=4)
        self.encoder = ResNet(in_channels, width, check_blocks(blocks), output_stride=OUTPUT_STRIDE)
        deep = self.encoder.channels[-1]
        inner = deep // 4
        self.spatial = nn.Sequential(
            ConvNormReLU(deep, inner), SpatialExtractor(inner), ConvNormReLU(inner, inner)
        )
        self.channel = nn.Sequential(
            ConvNormReLU(deep, inner), ChannelAttention(), ConvNormReLU(inner, inner)
        )
        self.head = nn.Conv2d(inner, classes, kernel_size=1)
        initialize(self)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        check_slices("the image", image, channels=self.in_channels)
        filled = pad_to_multiple(image, OUTPUT_STRIDE)
        deep = self.encoder(filled)[-1]
        logits = self.head(self.spatial(deep) + self.channel(deep))
        raised = functional.interpolate(logits, size=filled.shape[2:], mode="bilinear", align_corners=False)
        return crop_to(raised, image.shape[2:])
