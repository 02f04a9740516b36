"""The 3D U-Net that DPC-Net builds on, and its pyramid feature encoder (PFE)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.networks.checks import check_choice, check_count, check_volume
from LiverTumorAttentionLib.networks.layers import crop_to, pad_to_multiple

SLOPE = 0.01
"""Slope of every LeakyReLU below 0; DPC-Net gives none, this is PyTorch's and nnU-Net's."""

WIDEST = {"pool": 512, "stride": 320}
"""Most channels of a level, by how the encoder goes down."""

Outputs = dict[str, dict[int, torch.Tensor]]
"""Logits in training: by what is supervised, then by level, 0 the finest."""


class ConvNormLeaky(nn.Module):
    """3x3x3 convolution, instance normalization, LeakyReLU.

    Source: DPC-Net, section III.C: "each block is composed of a convolution, a normalization, and an
        activation", instance normalization, LeakyReLU.
    Departs: the convolution has a bias and the normalization a scale and a shift, as in nnU-Net, whose design the
        paper follows (section IV.B). The 22.58 M of Table 4 need one of the two at least: the baseline has 22,582,636
        parameters with both, 22,579,692 without biases, 22,576,748 without scales and shifts, 22,573,804 without both.
    Shape: (B, in_channels, Z, Y, X) -> (B, out_channels, Z, Y, X).
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(in_channels, out_channels, kernel_size=3, padding=1)
        self.norm = nn.InstanceNorm3d(out_channels, affine=True)
        self.activation = nn.LeakyReLU(SLOPE, inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.activation(self.norm(self.conv(x)))


def double_convolution(in_channels: int, out_channels: int) -> nn.Sequential:
    """A level of DPC-Net: "two cascaded convolution blocks"."""
    return nn.Sequential(ConvNormLeaky(in_channels, out_channels), ConvNormLeaky(out_channels, out_channels))


def level_widths(width: int, levels: int, widest: int) -> list[int]:
    """Channels of the levels, finest first: doubled from level to level, up to `widest`."""
    return [min(width * 2**level, max(widest * width // 32, 1)) for level in range(levels)]


class Encoder3D(nn.Module):
    """Down level by level: max-pooling, or a learned 2x2x2 convolution of stride 2.

    Source: DPC-Net, section III.C and Table 4. down="pool": the baseline. down="stride": the PFE, where "the
        pooling layers are replaced with strided convolution layers".
    Departs: the strided convolution keeps the number of channels and has no normalization of its own.
    Shape: (B, in_channels, Z, Y, X) -> one map a level, (B, channels[i], Z / 2^i, Y / 2^i, X / 2^i).
    """

    def __init__(self, in_channels: int, channels: Sequence[int], down: str) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(double_convolution(a, b) for a, b in pairwise([in_channels, *channels]))
        self.downs = nn.ModuleList(
            nn.MaxPool3d(2) if down == "pool" else nn.Conv3d(count, count, kernel_size=2, stride=2)
            for count in channels[:-1]
        )

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        features = [self.blocks[0](image)]
        for down, block in zip(self.downs, self.blocks[1:], strict=True):
            features.append(block(down(features[-1])))
        return features


class Decoder3D(nn.Module):
    """Up again level by level: 2x2x2 transposed convolution, concatenation with the encoder's map, a block.

    Source: DPC-Net, section III.C, after U-Net.
    Shape: the encoder's maps -> as many maps but the deepest, (B, channels[i], Z / 2^i, ...), finest first.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        steps = list(pairwise(channels))
        self.ups = nn.ModuleList(nn.ConvTranspose3d(b, a, kernel_size=2, stride=2) for a, b in steps)
        self.blocks = nn.ModuleList(double_convolution(2 * a, a) for a, _ in steps)

    def forward(self, features: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        *skips, x = features
        pyramid: list[torch.Tensor] = []
        for up, block, skip in reversed(list(zip(self.ups, self.blocks, skips, strict=True))):
            x = block(torch.cat([skip, up(x)], dim=1))
            pyramid.insert(0, x)
        return pyramid


class PFE(nn.Module):
    """Pyramid feature encoder: a 3D U-Net whose decoder gives one supervised feature map a level.

    Source: DPC-Net, section III.C. down="stride" is the PFE: learned down-sampling, at most 320 channels.
        down="pool" is the baseline of Tables 1, 2 and 4: max-pooling, at most 512 channels.
    Departs: the supervision of a level is a 1x1x1 convolution to the classes ("the deep supervision
        mechanism" is not drawn). A width other than 32 scales the most channels with it.
    Shape: (B, in_channels, Z, Y, X), sides multiples of 2^(levels - 1) -> the decoder's maps, finest first,
        (B, channels[i], Z / 2^i, Y / 2^i, X / 2^i), levels - 1 of them.
    """

    def __init__(self, in_channels: int, classes: int, width: int, levels: int, down: str) -> None:
        super().__init__()
        channels = level_widths(width, levels, WIDEST[down])
        self.channels = channels[:-1]
        self.encoder = Encoder3D(in_channels, channels, down)
        self.decoder = Decoder3D(channels)
        self.heads = nn.ModuleList(nn.Conv3d(count, classes, kernel_size=1) for count in self.channels)

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        return self.decoder(self.encoder(image))

    def supervised(self, pyramid: Sequence[torch.Tensor]) -> dict[int, torch.Tensor]:
        """The logits of every level, each on its own grid."""
        return {level: head(x) for level, (head, x) in enumerate(zip(self.heads, pyramid, strict=True))}


class UNet3D(nn.Module):
    """3D U-Net, the baseline of DPC-Net.

    Source: Zhang et al., Decoupled pyramid correlation network, Medical Physics 2022, Table 4: 22.58 M.
        22,582,636 parameters for one channel, three classes, 32 to 512 channels, biases, affine
        normalizations and a head on each of the four levels of the decoder. `down="stride"` is the PFE alone
        (Table 2), 17,244,876 parameters.
    Departs: any size of volume is taken: it is filled up to a multiple of 2^(levels - 1) and cut back.
        Returns logits, without the softmax.
    Shape: (B, in_channels, Z, Y, X) -> logits (B, classes, Z, Y, X); in training the logits of every level,
        {"unet": {level: (B, classes, ceil(Z / 2^level), ...)}}.

    Raises ModelError when an argument is out of range or the volume does not fit.
    """

    phases = ("portal",)

    def __init__(
        self, in_channels: int = 1, classes: int = 3, width: int = 32, levels: int = 5, down: str = "pool"
    ) -> None:
        super().__init__()
        self.in_channels = check_count("in_channels", in_channels, minimum=1)
        self.classes = check_count("classes", classes, minimum=2)
        check_count("width", width, minimum=1)
        self.stride = 2 ** (check_count("levels", levels, minimum=2) - 1)
        self.features = PFE(in_channels, classes, width, levels, check_choice("down", down, WIDEST))
        initialize(self)

    def forward(self, image: torch.Tensor) -> torch.Tensor | Outputs:
        pyramid = self.features(filled(image, self.in_channels, self.stride))
        if self.training:
            return {"unet": cropped(self.features.supervised(pyramid), image.shape[2:])}
        return crop_to(self.features.heads[0](pyramid[0]), image.shape[2:])


def filled(image: torch.Tensor, channels: int, stride: int) -> torch.Tensor:
    """Return a checked volume filled up to multiples of the stride of the deepest level.

    Raises ModelError when it is no volume of `in_channels` channels, or so small that the deepest map is a single
    voxel, which instance normalization would turn into 0.
    """
    check_volume("the volume", image, channels=channels)
    if max(image.shape[2:]) <= stride:
        raise ModelError(
            f"the volume must have more than {stride} voxels along one side at least, for {stride} of them are one "
            f"in the deepest level; got {tuple(image.shape)}: give a larger patch, or build fewer levels"
        )
    return pad_to_multiple(image, stride)


def cropped(outputs: dict[int, torch.Tensor], size: Sequence[int]) -> dict[int, torch.Tensor]:
    """Cut the logits of every level to what the volume of that size covers there."""
    return {
        level: crop_to(logits, [-(-side // 2**level) for side in size]) for level, logits in outputs.items()
    }


def initialize(network: nn.Module) -> None:
    """Draw the weights of all 3D convolutions so that a signal keeps its size behind a LeakyReLU; biases 0.

    Source: He et al., Delving deep into rectifiers, ICCV 2015. DPC-Net gives no initialization.
    A transposed convolution whose stride is its kernel's side sums one of its taps at each output voxel; it,
    and a 1x1x1 convolution, have no activation behind them.
    """
    rectified = 2 / (1 + SLOPE**2)
    for module in network.modules():
        if isinstance(module, (nn.Conv3d, nn.ConvTranspose3d)):
            taps = 1 if isinstance(module, nn.ConvTranspose3d) else math.prod(module.kernel_size)
            gain = rectified if max(module.kernel_size) == 3 else 1.0
            nn.init.normal_(module.weight, std=math.sqrt(gain / (module.in_channels * taps)))
            if module.bias is not None:
                nn.init.zeros_(module.bias)
