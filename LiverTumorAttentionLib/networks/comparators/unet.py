"""U-Net: the comparator of every paper here, and the coarse liver stage of SFAN."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from LiverTumorAttentionLib.networks.checks import check_choice, check_count, check_slices
from LiverTumorAttentionLib.networks.layers import ConvNormReLU, crop_to, pad_to_multiple


class ConvReLU(nn.Module):
    """3x3 convolution with a bias, ReLU.

    Source: Ronneberger et al., U-Net, MICCAI 2015, section 2: "3x3 convolutions, each followed by a rectified
        linear unit"; SFAN, section 2: "each convolution layer is activated by a RELU".
    Departs: the border is padded with zeros, so that a map keeps its size; U-Net's convolutions are unpadded.
    Shape: (B, in_channels, Y, X) -> (B, out_channels, Y, X).
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu_(self.conv(x))


LAYERS: dict[str, type[ConvReLU] | type[ConvNormReLU]] = {"none": ConvReLU, "batch": ConvNormReLU}


def double_convolution(in_channels: int, out_channels: int, normalisation: str) -> nn.Sequential:
    """U-Net's block: two 3x3 convolutions with ReLU, the second as wide as the first."""
    layer = LAYERS[check_choice("normalisation", normalisation, LAYERS)]
    return nn.Sequential(layer(in_channels, out_channels), layer(out_channels, out_channels))


class UNetEncoder(nn.Module):
    """Blocks of two 3x3 convolutions, 2x2 max-pooling between them; every block has twice the channels.

    Source: U-Net, section 2 and Figure 1, the contracting path; SFAN, section 2: "5 convolutional blocks and
        each followed by one max-pooling layer except for the last block".
    Departs: no drop-out at its end (U-Net, section 3.1). normalization="batch" puts batch normalization
        before every ReLU.
    Shape: (B, in_channels, Y, X) -> `levels` maps (B, channels[i], Y / 2^i, X / 2^i), finest first, where
        channels[i] = width * 2^i; Y and X must be multiples of 2^(levels - 1).
    """

    def __init__(
        self, in_channels: int, width: int = 64, levels: int = 5, normalisation: str = "none"
    ) -> None:
        super().__init__()
        self.channels = [width * 2**level for level in range(levels)]
        self.pool = nn.MaxPool2d(kernel_size=2)
        self.blocks = nn.ModuleList(
            double_convolution(fine, coarse, normalisation)
            for fine, coarse in pairwise([in_channels, *self.channels])
        )

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        features = [self.blocks[0](image)]
        for block in self.blocks[1:]:
            features.append(block(self.pool(features[-1])))
        return features


class UNetDecoder(nn.Module):
    """Up again level by level: 2x2 transposed convolution, concatenation with the encoder's map, a block.

    Source: U-Net, section 2 and Figure 1, the expansive path; the encoder's map comes first in Figure 1.
    Departs: nothing is cropped before the concatenation, for padded convolutions leave nothing to crop.
    Shape: maps (B, channels[i], Y / 2^i, X / 2^i), finest first -> (B, channels[0], Y, X). `channels` may be
        any counts: what goes up from level i + 1 has channels[i] channels.
    """

    def __init__(self, channels: Sequence[int], normalisation: str = "none") -> None:
        super().__init__()
        steps = list(pairwise(channels))
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(coarse, fine, kernel_size=2, stride=2) for fine, coarse in steps
        )
        self.blocks = nn.ModuleList(double_convolution(2 * fine, fine, normalisation) for fine, _ in steps)

    def forward(self, features: Sequence[torch.Tensor]) -> torch.Tensor:
        *skips, x = features
        for up, block, skip in reversed(list(zip(self.ups, self.blocks, skips, strict=True))):
            x = block(torch.cat([skip, up(x)], dim=1))
        return x


class UNet(nn.Module):
    """U-Net for slices: an encoder, a decoder and a 1x1 convolution to the classes.

    Source: Ronneberger et al., U-Net: Convolutional networks for biomedical image segmentation, MICCAI 2015;
        "a 5-level encoder and decoder, [...] the number of features in first level to 64" (SFAN, section 3).
        31,030,658 parameters for one channel and two classes; neither paper prints a count.
    Departs: padded convolutions and no drop-out, see the parts. Any size of image is taken: it is filled up
        to a multiple of 2^(levels - 1) and cut back. Returns logits, without the softmax.
    Shape: (B, in_channels, Y, X) -> logits (B, classes, Y, X).

    Raises ModelError when an argument is out of range or the image does not fit.
    """

    phases = ("portal",)

    def __init__(
        self,
        in_channels: int = 1,
        classes: int = 2,
        width: int = 64,
        levels: int = 5,
        normalisation: str = "none",
    ) -> None:
        super().__init__()
        self.in_channels = check_count("in_channels", in_channels, minimum=1)
        self.classes = check_count("classes", classes, minimum=2)
        check_count("width", width, minimum=1)
        self.stride = 2 ** (check_count("levels", levels, minimum=2) - 1)
        self.encoder = UNetEncoder(in_channels, width, levels, normalisation)
        self.decoder = UNetDecoder(self.encoder.channels, normalisation)
        self.head = nn.Conv2d(width, classes, kernel_size=1)
        initialize_gaussian(self)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        check_slices("the image", image, channels=self.in_channels)
        features = self.encoder(pad_to_multiple(image, self.stride))
        return crop_to(self.head(self.decoder(features)), image.shape[2:])


def initialize_gaussian(network: nn.Module) -> None:
    """Draw the weights of all convolutions from Gaussians, so that a signal keeps its size; biases 0.

    Source: U-Net, section 3: standard deviation sqrt(2 / N), N the number of incoming nodes of one neuron.
    Departs: sqrt(1 / N) where no ReLU follows (the way up, the heads): the 2 stands for the half that a ReLU
        takes away, and without normalization nothing else would take it back. A transposed convolution whose
        stride is its kernel's side sums one of its taps at each output pixel.
    """
    rectified = {module.conv for module in network.modules() if isinstance(module, (ConvReLU, ConvNormReLU))}
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            taps = 1 if isinstance(module, nn.ConvTranspose2d) else math.prod(module.kernel_size)
            gain = 2 if module in rectified else 1
            nn.init.normal_(module.weight, std=math.sqrt(gain / (module.in_channels * taps)))
            if module.bias is not None:
                nn.init.zeros_(module.bias)
