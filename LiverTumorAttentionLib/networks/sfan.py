"""SFAN: channel attention of fine levels computed from coarser ones, and from the deepest for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from LiverTumorAttentionLib.networks.checks import check_count, check_scaled_width, check_slices
from LiverTumorAttentionLib.networks.comparators.unet import ConvReLU, UNetEncoder, initialize_gaussian
from LiverTumorAttentionLib.networks.layers import AttentionMap, crop_to, pad_to_multiple


class AttentionVector(nn.Module):
    """One weight a channel, from what an image shows on the average.

    Source: the right-hand side of SFAN, Eq. 1 and 3:
        sigmoid(Conv1x1(Conv1x1(f_g(x)))),  f_g: global average pooling
    Departs: the first convolution already has as many channels as the second; the paper says nothing. No
        ReLU stands between them, for neither the equations nor the text has one ("2 cascaded 1x1 convolution
        layers with sigmoid activation"). Both have biases.
    Shape: (B, in_channels, Y, X) -> (B, channels).
    """

    def __init__(self, in_channels: int, channels: int, about: str) -> None:
        super().__init__()
        self.first = nn.Conv2d(in_channels, channels, kernel_size=1)
        self.second = nn.Conv2d(channels, channels, kernel_size=1)
        self.map = AttentionMap("vector", about)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pooled = x.mean(dim=(2, 3), keepdim=True)
        return self.map(torch.sigmoid(self.second(self.first(pooled))).flatten(1))


class SAT(nn.Module):
    """Semantic attention transmission: a level's channels, weighted by what its coarser neighbor shows.

    Source: SFAN, section 2, Eq. 1:
        V_t = sigmoid(Conv1x1(Conv1x1(f_g(H_{t+1}))));  S_t = V_t H_t
    Departs: the equation writes C for the channels of every level; here V_t has those of H_t, which it
        multiplies. See AttentionVector.
    Shape: H_t (B, channels, Y, X), H_{t+1} (B, coarse_channels, y, x) -> S_t (B, channels, Y, X).
    """

    def __init__(self, channels: int, coarse_channels: int) -> None:
        super().__init__()
        self.vector = AttentionVector(coarse_channels, channels, "channels of one level, V (SFAN, Eq. 1)")

    def forward(self, fine: torch.Tensor, coarse: torch.Tensor) -> torch.Tensor:
        return self.vector(coarse)[:, :, None, None] * fine


class AlignmentBlock(nn.Module):
    """Bring a level to the common width and to the finest grid.

    Source: SFAN, Eq. 2, right-hand side:  p_l = f_up(Conv1x1(S_l)),  f_up: bilinear interpolation
    Departs: pixels are areas (align_corners=False), as max-pooling treats them.
    Shape: (B, in_channels, y, x), size (Y, X) -> (B, aligned_width, Y, X).
    """

    def __init__(self, in_channels: int, aligned_width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, aligned_width, kernel_size=1)

    def forward(self, x: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
        return functional.interpolate(self.conv(x), size=list(size), mode="bilinear", align_corners=False)


class GCA(nn.Module):
    """Global context attention: all levels side by side, their channels weighted by the deepest one.

    Source: SFAN, section 2, Eq. 2 and 3:
        P = [p_0; ...; p_{L-1}];  G = sigmoid(Conv1x1(Conv1x1(f_g(H_{L-1}))));  O = G P
    Departs: Eq. 3 gives G a place in H x W; it is one value a channel, the same at every place, as the
        pooling makes it. H_{L-1} is S_{L-1}, which SAT passes on unchanged. See the parts.
    Shape: S_0 to S_{L-1}, (B, channels[l], Y / 2^l, X / 2^l) -> (B, L * aligned_width, Y, X), finest first.
    """

    def __init__(self, channels: Sequence[int], aligned_width: int) -> None:
        super().__init__()
        self.alignment = nn.ModuleList(AlignmentBlock(count, aligned_width) for count in channels)
        self.vector = AttentionVector(
            channels[-1],
            len(channels) * aligned_width,
            "channels of all levels, finest first, G (SFAN, Eq. 3)",
        )

    def forward(self, features: Sequence[torch.Tensor]) -> torch.Tensor:
        size = features[0].shape[2:]
        aligned = [block(x, size) for block, x in zip(self.alignment, features, strict=True)]
        return self.vector(features[-1])[:, :, None, None] * torch.cat(aligned, dim=1)


class SFAN(nn.Module):
    """Semantic feature attention network: U-Net's encoder, SAT on every level but the last, GCA, a head.

    Source: Zhang et al., Semantic feature attention network for liver tumor segmentation in large-scale CT
        database, arXiv:1911.00282, 2019, section 2 and Figure 1. Made for slices of a liver crop, with the
        classes background and tumor. 20,630,978 parameters; the paper prints no count.
    Departs: where the paper is silent, one slice comes in (it calls the input "the CT image"), the encoder
        starts with 64 channels as its U-Net does, and C', the common width of the levels, is `width` as well
        unless `aligned_width` gives another. The
        head is a 3x3 convolution to C' channels and a 1x1 convolution; behind the former stands a ReLU, as
        behind every 3x3 convolution of the encoder. "A Gaussian random initializer" is read as U-Net's.
        Any size of image is taken: it is filled up to a multiple of 2^(levels - 1) and cut back. Returns
        logits, without the softmax.
    Shape: (B, in_channels, Y, X) -> logits (B, classes, Y, X).

    Raises ModelError when an argument is out of range or the image does not fit.
    """

    phases = ("portal",)
    scaled_widths: Mapping[str, int] = {"aligned_width": 1}
    """Arguments that are this multiple of `width` unless given."""

    def __init__(
        self,
        in_channels: int = 1,
        classes: int = 2,
        width: int = 64,
        levels: int = 5,
        aligned_width: int | None = None,
    ) -> None:
        super().__init__()
        self.in_channels = check_count("in_channels", in_channels, minimum=1)
        self.classes = check_count("classes", classes, minimum=2)
        check_count("width", width, minimum=1)
        self.stride = 2 ** (check_count("levels", levels, minimum=2) - 1)
        aligned = check_scaled_width(
            "aligned_width", aligned_width, width, self.scaled_widths["aligned_width"]
        )
        self.encoder = UNetEncoder(in_channels, width, levels)
        channels = self.encoder.channels
        self.transmission = nn.ModuleList(SAT(fine, coarse) for fine, coarse in pairwise(channels))
        self.context = GCA(channels, aligned)
        self.fusion = ConvReLU(levels * aligned, aligned)
        self.head = nn.Conv2d(aligned, classes, kernel_size=1)
        initialize_gaussian(self)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        check_slices("the image", image, channels=self.in_channels)
        maps = self.encoder(pad_to_multiple(image, self.stride))
        pairs = zip(self.transmission, pairwise(maps), strict=True)
        transmitted = [sat(fine, coarse) for sat, (fine, coarse) in pairs]
        return crop_to(self.head(self.fusion(self.context([*transmitted, maps[-1]]))), image.shape[2:])
