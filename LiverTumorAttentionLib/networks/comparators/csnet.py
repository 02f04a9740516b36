"""CS-Net: a residual U-Net with spatial and channel attention at its deepest level."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from LiverTumorAttentionLib.networks.checks import check_count, check_flag, check_slices
from LiverTumorAttentionLib.networks.comparators.danet import ChannelAttention
from LiverTumorAttentionLib.networks.comparators.unet import double_convolution
from LiverTumorAttentionLib.networks.context import rows
from LiverTumorAttentionLib.networks.layers import ResidualBlock, crop_to, initialize, pad_to_multiple


class StripAttention(nn.Module):
    """Spatial self-attention with queries and keys taken along rows and along columns.

    Source: Mou et al., CS-Net, MICCAI 2019, section 2.2, Eq. 1: Q from a 1x3 and K from a 3x1 convolution, each
        followed by batch normalization and ReLU, V from a 1x1 convolution:
        S_xy = exp(q_x . k_y) / sum_y exp(q_x . k_y);  out = gamma S V + F,  gamma starts at 0
    Departs: Q and K have C/8 channels, as in the networks that it follows; the paper says C' only. The map of
        all pairs of places is never held (see SpatialExtractor).
    Shape: (B, C, Y, X) -> same; memory O(B C Y X).
    """

    about = "places that one place attends to, S (CS-Net, Eq. 1)"

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(channels // 8, 1)
        self.query = strip(channels, inner, (1, 3))
        self.key = strip(channels, inner, (3, 1))
        self.value = nn.Conv2d(channels, channels, kernel_size=1)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = (rows(part(x)) for part in (self.query, self.key, self.value))
        missing = v.shape[-1] - q.shape[-1]
        q, k = functional.pad(q, (0, missing)), functional.pad(k, (0, missing))
        gathered = functional.scaled_dot_product_attention(q, k, v, scale=1.0)
        return self.gamma * gathered.transpose(-1, -2).reshape(x.shape) + x

    def attention_of(self, x: torch.Tensor, row: int, column: int) -> torch.Tensor:
        """Return the row of S that belongs to one place: (B, C, Y, X) -> (B, 1, Y, X), float32, sum 1."""
        q, k = self.query(x).float(), self.key(x).float()
        products = (q[:, :, row : row + 1, column : column + 1] * k).sum(dim=1)
        return torch.softmax(products.flatten(1), dim=1).reshape(x.shape[0], 1, *x.shape[2:])


def strip(in_channels: int, out_channels: int, kernel: tuple[int, int]) -> nn.Sequential:
    """A convolution along one axis, batch normalization, ReLU."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel, padding=(kernel[0] // 2, kernel[1] // 2)),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    )


class CSNet(nn.Module):
    """Channel and spatial attention network.

    Source: Mou et al., CS-Net: Channel and spatial attention network for curvilinear structure segmentation,
        MICCAI 2019, section 2 and Figure 2: an encoder of residual blocks, both attentions on its last map,
        summed, and a decoder of 2x2 transposed convolutions with skips.
    Departs: five levels of 32 to 512 channels, max-pooling between them and U-Net's block on the way up,
        where the paper's text leaves them to its figure. The residual block is ResNet's. Each attention adds the map
        that it is given; `identity` adds it once more to their sum, as the authors' code does and the text does not.
        Any size of image is taken: it is filled up and cut back. Returns logits.
    Shape: (B, in_channels, Y, X) -> logits (B, classes, Y, X).

    Raises ModelError when an argument is out of range or the image does not fit.
    """

    phases = ("portal",)

    def __init__(
        self,
        in_channels: int = 3,
        classes: int = 2,
        width: int = 32,
        levels: int = 5,
        identity: bool = False,
    ) -> None:
        super().__init__()
        self.in_channels = check_count("in_channels", in_channels, minimum=1)
        self.classes = check_count("classes", classes, minimum=2)
        check_count("width", width, minimum=1)
        self.identity = check_flag("identity", identity)
        self.stride = 2 ** (check_count("levels", levels, minimum=2) - 1)
        channels = [width * 2**level for level in range(levels)]
        self.pool = nn.MaxPool2d(kernel_size=2)
        self.encoder = nn.ModuleList(ResidualBlock(a, b) for a, b in pairwise([in_channels, *channels]))
        self.spatial, self.channel = StripAttention(channels[-1]), ChannelAttention()
        steps: Sequence[tuple[int, int]] = list(pairwise(channels))
        self.ups = nn.ModuleList(nn.ConvTranspose2d(b, a, kernel_size=2, stride=2) for a, b in steps)
        self.decoder = nn.ModuleList(double_convolution(2 * a, a, "batch") for a, _ in steps)
        self.head = nn.Conv2d(width, classes, kernel_size=1)
        initialize(self)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        check_slices("the image", image, channels=self.in_channels)
        features = [self.encoder[0](pad_to_multiple(image, self.stride))]
        for block in self.encoder[1:]:
            features.append(block(self.pool(features[-1])))
        *skips, deep = features
        x = self.spatial(deep) + self.channel(deep)
        if self.identity:
            x = x + deep
        for up, block, skip in reversed(list(zip(self.ups, self.decoder, skips, strict=True))):
            x = block(torch.cat([skip, up(x)], dim=1))
        return crop_to(self.head(x), image.shape[2:])
