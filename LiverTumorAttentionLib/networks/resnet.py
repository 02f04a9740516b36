"""ResNet encoders under torchvision's parameter names, so that its ImageNet weights load as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from LiverTumorAttentionLib.errors import ModelError


class BasicBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut.

    Source: He et al., Deep residual learning, CVPR 2016, Figure 5 left:
        out = ReLU(BN(conv(ReLU(BN(conv(x))))) + shortcut(x))
    Departs: none; names are torchvision's.
    Shape: (B, in_channels, Y, X) -> (B, width, Y / stride, X / stride).
    """

    expansion = 1

    def __init__(self, in_channels: int, width: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 3, stride, padding=dilation, dilation=dilation, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = shortcut(in_channels, width, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(out + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """A 3x3 convolution between two 1x1 convolutions, around a shortcut.

    Source: He et al., CVPR 2016, Figure 5 right; four times as many channels come out as lie between.
    Departs: the 3x3 convolution has the stride, not the first 1x1, as in torchvision ("ResNet v1.5").
    Shape: (B, in_channels, Y, X) -> (B, 4 * width, Y / stride, X / stride).
    """

    expansion = 4

    def __init__(self, in_channels: int, width: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=dilation, dilation=dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.downsample = shortcut(in_channels, 4 * width, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = torch.relu(self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x))))))
        out = self.bn3(self.conv3(out))
        return torch.relu(out + (x if self.downsample is None else self.downsample(x)))


def shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Sequential | None:
    """ResNet's option B: a 1x1 convolution with normalization where size or channels change, else nothing."""
    if stride == 1 and in_channels == out_channels:
        return None
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
    )


class ResNet(nn.Module):
    """ResNet without its classifier: four levels of features.

    Source: He et al., CVPR 2016, Table 1. block=BasicBlock, blocks=(3, 4, 6, 3): ResNet-34, 21,284,672
        parameters; block=Bottleneck, blocks=(3, 4, 23, 3): ResNet-101, 42,500,160.
    Departs: output_stride 16 or 8 replaces the last strides by dilation (Chen et al., DeepLabv3, 2017,
        section 3.1); the first block of a dilated level keeps the dilation of the level before, as
        torchvision has it, so that its weights mean the same.
    Shape: (B, in_channels, Y, X), sides multiples of output_stride -> layer1 .. layer4, (B, channels[i],
        Y / 4, ...), / 8, / 16, / 32 (at most output_stride). `width` is the first level's (64).
    """

    def __init__(
        self,
        in_channels: int = 3,
        width: int = 64,
        blocks: Sequence[int] = (3, 4, 6, 3),
        block: type[BasicBlock] | type[Bottleneck] = BasicBlock,
        output_stride: int = 32,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.pool = nn.MaxPool2d(3, 2, padding=1)
        self.channels = [width * 2**level * block.expansion for level in range(4)]
        layers, before, reached, dilation = [], width, 4, 1
        for level, count in enumerate(blocks):
            stride, first_dilation = (1 if level == 0 else 2), dilation
            if stride == 2 and reached == output_stride:
                stride, dilation = 1, 2 * dilation
            reached *= stride
            inner = width * 2**level
            first = block(before, inner, stride, first_dilation)
            before = inner * block.expansion
            rest = [block(before, inner, 1, dilation) for _ in range(count - 1)]
            layers.append(nn.Sequential(first, *rest))
        self.layer1, self.layer2, self.layer3, self.layer4 = layers
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        x = self.pool(torch.relu(self.bn1(self.conv1(image))))
        features = []
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
            features.append(x)
        return features

    def load_imagenet(self, state: Mapping[str, torch.Tensor]) -> None:
        """Load torchvision's state dict of the same ResNet; its classifier (fc.*) is left out.

        Raises ModelError when names or shapes do not fit, for example with other than three channels.
        """
        kept = {name: value for name, value in state.items() if not name.startswith("fc.")}
        try:
            self.load_state_dict(kept, strict=True)
        except RuntimeError as error:
            raise ModelError(
                "these ImageNet weights are not those of this ResNet (three channels, the same blocks and width "
                f"are needed): {str(error).splitlines()[1].strip()}"
                ": get weights of the same ResNet"
            ) from error


def check_blocks(blocks: object) -> tuple[int, int, int, int]:
    """Return the numbers of blocks of the four levels, else raise ModelError."""
    counts = tuple(blocks) if isinstance(blocks, list | tuple) else ()
    if len(counts) != 4 or not all(isinstance(n, int) and n > 0 for n in counts):
        raise ModelError(f"blocks must be four whole numbers above 0, one a level; got {blocks!r}: give four")
    return counts[0], counts[1], counts[2], counts[3]
