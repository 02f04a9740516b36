"""R2U-Net: a U-Net whose blocks are recurrent and residual."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from LiverTumorAttentionLib.networks.checks import check_count, check_slices
from LiverTumorAttentionLib.networks.layers import ConvNormReLU, initialise
from LiverTumorAttentionLib.networks.padding import crop_to, pad_to_multiple


class RecurrentConv(nn.Module):
    """One convolution, applied again and again to its own result and what came in.

    Source: Alom et al., Recurrent residual U-Net (R2U-Net), Journal of Medical Imaging 2019, section III, Eq. 1 and 2,
        Figure 4:
        h_0 = f(W x);  h_k = f(W (x + h_{k-1})),  k = 1 .. steps
    Departs: the same weights serve what comes in and what comes back, as in the authors' code; Eq. 1 has two
        sets. f is batch normalisation and ReLU. The paper takes 2 steps.
    Shape: (B, C, Y, X) -> same.
    """

    def __init__(self, channels: int, steps: int = 2) -> None:
        super().__init__()
        self.steps = steps
        self.conv = ConvNormReLU(channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        state = self.conv(x)
        for _ in range(self.steps):
            state = self.conv(x + state)
        return state


class RecurrentResidualBlock(nn.Module):
    """Two recurrent convolutions around a shortcut.

    Source: R2U-Net, section III, Eq. 3, Figure 4d:  out = x + F(x), x brought to its width by a 1x1 convolution
    Departs: none.
    Shape: (B, in_channels, Y, X) -> (B, out_channels, Y, X).
    """

    def __init__(self, in_channels: int, out_channels: int, steps: int) -> None:
        super().__init__()
        self.enter = nn.Conv2d(in_channels, out_channels, kernel_size=1)
        self.recurrent = nn.Sequential(RecurrentConv(out_channels, steps), RecurrentConv(out_channels, steps))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.enter(x)
        return x + self.recurrent(x)


class R2UNet(nn.Module):
    """Recurrent residual U-Net.

    Source: Alom et al., Recurrent residual U-Net for medical image segmentation, Journal of Medical Imaging 2019;
        one of the networks that the context network's paper compares with.
    Departs: five levels of 64 to 1024 channels and a step up of nearest interpolation and a 3x3 convolution
        with normalisation and ReLU, as in the authors' code; the paper prints neither. Any size of image is
        taken: it is filled up and cut back. Returns logits.
    Shape: (B, in_channels, Y, X) -> logits (B, classes, Y, X).

    Raises ModelError when an argument is out of range or the image does not fit.
    """

    phases = ("portal",)

    def __init__(
        self, in_channels: int = 3, classes: int = 2, width: int = 64, levels: int = 5, steps: int = 2
    ) -> None:
        super().__init__()
        self.in_channels = check_count("in_channels", in_channels, minimum=1)
        self.classes = check_count("classes", classes, minimum=2)
        check_count("width", width, minimum=1)
        check_count("steps", steps, minimum=1)
        self.stride = 2 ** (check_count("levels", levels, minimum=2) - 1)
        channels = [width * 2**level for level in range(levels)]
        self.pool = nn.MaxPool2d(kernel_size=2)
        self.encoder = nn.ModuleList(
            RecurrentResidualBlock(a, b, steps) for a, b in pairwise([in_channels, *channels])
        )
        rises: Sequence[tuple[int, int]] = list(pairwise(channels))
        self.ups = nn.ModuleList(
            nn.Sequential(nn.Upsample(scale_factor=2), ConvNormReLU(b, a)) for a, b in rises
        )
        self.decoder = nn.ModuleList(RecurrentResidualBlock(2 * a, a, steps) for a, _ in rises)
        self.head = nn.Conv2d(width, classes, kernel_size=1)
        initialise(self)
        for module in self.modules():
            if isinstance(module, RecurrentConv):  # what comes back is added, so that half is enough
                with torch.no_grad():
                    module.conv.conv.weight.mul_(0.5)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        check_slices("the image", image, channels=self.in_channels)
        features = [self.encoder[0](pad_to_multiple(image, self.stride))]
        for block in self.encoder[1:]:
            features.append(block(self.pool(features[-1])))
        *skips, x = features
        for up, block, skip in reversed(list(zip(self.ups, self.decoder, skips, strict=True))):
            x = block(torch.cat([skip, up(x)], dim=1))
        return crop_to(self.head(x), image.shape[2:])
