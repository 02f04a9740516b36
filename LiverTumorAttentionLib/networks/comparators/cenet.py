"""CE-Net: a ResNet encoder, two context modules at its end, a narrow decoder. The context network's backbone."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from LiverTumorAttentionLib.networks.checks import check_count, check_slices
from LiverTumorAttentionLib.networks.layers import crop_to, pad_to_multiple
from LiverTumorAttentionLib.networks.resnet import ResNet, check_blocks

POOLS = (2, 3, 5, 6)
STRIDE = 32


class DAC(nn.Module):
    """Dense atrous convolution: four cascades of dilated convolutions, added to what comes in.

    Source: Gu et al., CE-Net, IEEE TMI 2019, section II.B and Figure 3; c_d is a 3x3 convolution of dilation
        d, c_1x1 a 1x1 convolution, and what bears one name is one convolution:
        out = x + ReLU(c_1 x) + ReLU(c_1x1 c_3 x) + ReLU(c_1x1 c_3 c_1 x) + ReLU(c_1x1 c_5 c_3 c_1 x)
    Departs: none.
    Shape: (B, C, Y, X) -> same.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dilation1, self.dilation3, self.dilation5 = (
            nn.Conv2d(channels, channels, 3, padding=d, dilation=d) for d in (1, 3, 5)
        )
        self.point = nn.Conv2d(channels, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = self.dilation1(x)
        third = self.dilation3(first)
        branches = [
            first,
            self.point(self.dilation3(x)),
            self.point(third),
            self.point(self.dilation5(third)),
        ]
        return x + sum(torch.relu(branch) for branch in branches)


class RMP(nn.Module):
    """Residual multi-kernel pooling: the map pooled at four sizes, one channel each, beside the map itself.

    Source: CE-Net, section II.B and Figure 4: max-pools of 2, 3, 5 and 6, a 1x1 convolution to one channel,
        bilinear up-sampling, concatenation: 512 become 516 channels.
    Departs: the four share their 1x1 convolution, as in the authors' code (github.com/Guzaiwang/CE-Net). The count of
        29.00 M does not tell: with one for each pool the network has 29,004,632. A map smaller than a pool is pooled
        whole.
    Shape: (B, C, Y, X) -> (B, C + 4, Y, X), the pooled channels first.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        size = (x.shape[2], x.shape[3])
        levels = []
        for side in POOLS:
            pooled = functional.max_pool2d(x, (min(side, size[0]), min(side, size[1])))
            raised = functional.interpolate(
                self.conv(pooled), size=size, mode="bilinear", align_corners=False
            )
            levels.append(raised)
        return torch.cat([*levels, x], dim=1)


class DecoderBlock(nn.Module):
    """Up by two: 1x1 convolution to a quarter, 3x3 transposed convolution of stride 2, 1x1 convolution.

    Source: CE-Net, section II.C and Figure 2; Chaurasia & Culurciello, LinkNet, 2017. Each is followed by batch
        normalization and ReLU.
    Departs: none.
    Shape: (B, in_channels, Y, X) -> (B, out_channels, 2Y, 2X).
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        inner = in_channels // 4
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, inner, 1),
            nn.BatchNorm2d(inner),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(inner, inner, 3, stride=2, padding=1, output_padding=1),
            nn.BatchNorm2d(inner),
            nn.ReLU(inplace=True),
            nn.Conv2d(inner, out_channels, 1),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


class CENet(nn.Module):
    """Context encoder network.

    Source: Gu et al., CE-Net: Context encoder network for 2D medical image segmentation, IEEE TMI 2019. With
        one class it has 29,003,093 parameters, the 29.00 M of the context network's paper.
    Departs: 29,003,382 with two classes, which the softmax here needs and CE-Net's sigmoid does not. Any size
        of image is taken: it is filled up to a multiple of 32 and cut back. Returns logits.
    Shape: (B, in_channels, Y, X) -> logits (B, classes, Y, X).

    Raises ModelError when an argument is out of range or the image does not fit. What stands on the three
    skips can be replaced (`skips`), which is how the networks that are compared with it differ.
    """

    phases: tuple[str, ...] = ("portal",)

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
        check_count("width", width, minimum=8, multiple_of=8)
        self.encoder = ResNet(in_channels, width, check_blocks(blocks))
        fine, second, third, deep = self.encoder.channels
        self.skips = nn.ModuleList(self.skip(count) for count in (fine, second, third))
        self.dac, self.rmp = DAC(deep), RMP(deep)
        self.decoder4 = DecoderBlock(deep + len(POOLS), third)
        self.decoder3 = DecoderBlock(third, second)
        self.decoder2 = DecoderBlock(second, fine)
        self.decoder1 = DecoderBlock(fine, fine)
        self.final = nn.Sequential(
            nn.ConvTranspose2d(fine, fine // 2, 4, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(fine // 2, fine // 2, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(fine // 2, classes, 3, padding=1),
        )
        initialise_decoder(self)

    def skip(self, channels: int) -> nn.Module:
        """Return the module on a skip connection of that many channels; here the identity."""
        return nn.Identity()

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        check_slices("the image", image, channels=self.in_channels)
        *features, deep = self.encoder(pad_to_multiple(image, STRIDE))
        fine, second, third = (skip(x) for skip, x in zip(self.skips, features, strict=True))
        x = self.decoder4(self.rmp(self.dac(deep))) + third
        x = self.decoder3(x) + second
        x = self.decoder2(x) + fine
        return crop_to(self.final(self.decoder1(x)), image.shape[2:])


def initialise_decoder(network: nn.Module) -> None:
    """Draw the weights of all convolutions with a bias so that a signal keeps its size; biases 0.

    Source: He et al., Delving deep into rectifiers, ICCV 2015. Those without a bias are the encoder's, which
    draws its own.
    """
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)) and module.bias is not None:
            taps = math.prod(module.kernel_size)
            if isinstance(module, nn.ConvTranspose2d):
                taps = max(1, taps // math.prod(module.stride))
            nn.init.normal_(module.weight, std=math.sqrt(1.5 / (module.in_channels * taps)))
            nn.init.zeros_(module.bias)
