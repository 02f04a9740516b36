"""R2U-Net: a U-Net of recurrent residual convolutions."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

from LiverTumorAttentionLib.networks.checks import check_count, check_slices
from LiverTumorAttentionLib.networks.comparators.unet import initialize_gaussian
from LiverTumorAttentionLib.networks.layers import crop_to, pad_to_multiple


class RecurrentConv(nn.Module):
    """Recurrent convolutional layer: the same layer, `steps` times more, on its input and its own output.

    Source: Alom et al., R2U-Net, J. Med. Imaging 2019 (arXiv:1802.06955, 2018), section III, after Liang & Hu,
        Recurrent convolutional neural network for object recognition, CVPR 2015:
        h(0) = f(W_f x),  h(t) = f(W_f x + W_r h(t - 1) + b),  f: ReLU,  out = h(steps)
        W_f and W_r are two 3x3 convolutions, the same at every t. (The code that circulates uses one for both.)
    Departs: batch normalization stands before every ReLU, one for each t, for the statistics differ; it makes
        b. The paper is silent; Liang & Hu normalize their responses there.
    Shape: (B, C, Y, X) -> same.
    """

    def __init__(self, channels: int, steps: int) -> None:
        super().__init__()
        self.forward_conv = nn.Conv2d(channels, channels, kernel_size=3, padding=1, bias=False)
        self.recurrent_conv = nn.Conv2d(channels, channels, kernel_size=3, padding=1, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels) for _ in range(steps + 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first, *others = self.norms
        driven = self.forward_conv(x)
        state = torch.relu_(first(driven))
        for norm in others:
            state = torch.relu_(norm(driven + self.recurrent_conv(state)))
        return state


class RecurrentResidualBlock(nn.Module):
    """Two recurrent layers around a shortcut: the paper's recurrent residual convolutional unit.

    Source: R2U-Net, section III, Figure 4d:  x_{l+1} = x_l + F(x_l, W_l),  F: two recurrent layers
    Departs: a 1x1 convolution before it brings x_l to the unit's channels; the equation needs them equal.
    Shape: (B, in_channels, Y, X) -> (B, out_channels, Y, X).
    """

    def __init__(self, in_channels: int, out_channels: int, steps: int) -> None:
        super().__init__()
        self.entry = nn.Conv2d(in_channels, out_channels, kernel_size=1)
        self.layers = nn.Sequential(RecurrentConv(out_channels, steps), RecurrentConv(out_channels, steps))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.entry(x)
        return x + self.layers(x)


class R2UNet(nn.Module):
    """Recurrent residual U-Net: U-Net with recurrent residual units for blocks.

    Source: Alom et al., Recurrent residual U-Net for medical image segmentation, J. Med. Imaging 2019
        (arXiv:1802.06955, 2018), Figure 3; compared in Table 1 of the context paper. steps is the paper's t = 2.
        67,033,730 parameters for 3 channels; the context paper prints none.
    Departs: depth and width are U-Net's, as of the other comparators (the paper tries several). Up by 2x2
        transposed convolutions, as U-Net. Any size is taken: it is filled up to a multiple of 2^(levels - 1)
        and cut back. Returns logits, without the softmax.
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
        self.stride = 2 ** (check_count("levels", levels, minimum=2) - 1)
        check_count("steps", steps, minimum=1)
        channels = [width * 2**level for level in range(levels)]
        self.pool = nn.MaxPool2d(kernel_size=2)
        self.encoder = nn.ModuleList(
            RecurrentResidualBlock(a, b, steps) for a, b in pairwise([in_channels, *channels])
        )
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(coarse, fine, kernel_size=2, stride=2) for fine, coarse in pairwise(channels)
        )
        self.decoder = nn.ModuleList(RecurrentResidualBlock(2 * fine, fine, steps) for fine in channels[:-1])
        self.head = nn.Conv2d(width, classes, kernel_size=1)
        initialize_gaussian(self)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        check_slices("the image", image, channels=self.in_channels)
        first, *others = self.encoder
        skips = [first(pad_to_multiple(image, self.stride))]
        for unit in others:
            skips.append(unit(self.pool(skips[-1])))
        x = skips.pop()
        for up, unit in reversed(list(zip(self.ups, self.decoder, strict=True))):
            x = unit(torch.cat([skips.pop(), up(x)], dim=1))
        return crop_to(self.head(x), image.shape[2:])
