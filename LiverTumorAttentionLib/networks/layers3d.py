"""Layers of the 3D networks that combine maps of several levels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional


def raised(coarse: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Interpolate a map trilinearly to a finer grid; voxels are boxes (align_corners=False), as in pooling.

    coarse: (B, C, z, y, x), size: (Z, Y, X) -> (B, C, Z, Y, X); the map itself where it has that size.
    """
    if coarse.shape[2:] == torch.Size(size):
        return coarse
    return functional.interpolate(coarse, size=list(size), mode="trilinear", align_corners=False)


class JointConv(nn.Module):
    """1x1x1 convolution of several maps side by side on the grid of the finest.

    Source: none of its own: it stands where a paper raises maps of several levels to one grid, concatenates
        them and convolves with 1x1x1.
    Departs: each map is convolved on its own grid and only then raised and added to the others. That is the
        same number, for both steps are linear and the weights of an interpolation sum to 1, and neither the
        raised maps nor their concatenation are ever held.
    Shape: maps (B, counts[k], ...), each on its own grid; size (Z, Y, X) -> (B, out_channels, Z, Y, X).
    """

    def __init__(self, counts: Sequence[int], out_channels: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv3d(count, out_channels, kernel_size=1, bias=k == 0) for k, count in enumerate(counts)
        )

    def forward(self, maps: Sequence[torch.Tensor], size: Sequence[int]) -> torch.Tensor:
        first, *others = zip(self.convs, maps, strict=True)
        total = raised(first[0](first[1]), size)
        for conv, x in others:
            total = total + raised(conv(x), size)
        return total
