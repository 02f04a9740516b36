"""Comparison networks taken from MONAI, which is imported when one is built."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.networks.checks import check_count, check_slices, check_volume
from LiverTumorAttentionLib.networks.layers import crop_to, pad_to_multiple

WIDEST = {2: 512, 3: 320}
"""nnU-Net's most channels of a level, by the number of dimensions."""


def monai_class(name: str) -> Any:
    """Return one of MONAI's networks. Raises ModelError when MONAI is not installed."""
    try:
        import monai.networks.nets
    except ImportError as error:
        raise ModelError(
            f"this network is MONAI's {name}, and MONAI is not installed: pip install "
            "'liver-tumor-attention[comparators]', or choose another network"
        ) from error
    return getattr(monai.networks.nets, name)


class NNUNet(nn.Module):
    """nnU-Net's plain U-Net: MONAI's DynUNet, set up as nnU-Net sets it up.

    Source: Isensee et al., nnU-Net, Nature Methods 2021: two convolutions a level, instance normalization,
        LeakyReLU 0.01, strided convolutions down and transposed ones up, 32 channels doubled up to 320 in 3D and
        512 in 2D, supervised on all levels but the two coarsest. DPC-Net compares with its 3D network on patches
        of 128 x 128 x 128, which nnU-Net halves until 4 voxels are left: six levels. 31,190,796 parameters for
        one channel and three classes; 20,612,556 with as many levels in 2D.
    Departs: nnU-Net plans kernels, strides and levels from the data; here kernels are 3 and strides 2. Its own code
        has a bias in the convolutions, which the normalization takes away, and none in the outputs; MONAI has
        it the other way round. Loss, patches and training are this software's. A width other than 32 scales
        the most channels with it. `dimensions` 2 has slices. Any size is taken: it is filled up and cut back.
        Returns logits.
    Shape: (B, in_channels, [Z,] Y, X) -> logits (B, classes, [Z,] Y, X); in training {"nnunet": {level: logits on
        that level's grid}}.

    Raises ModelError when MONAI is missing, an argument is out of range or the image does not fit.
    """

    phases = ("portal",)

    def __init__(
        self,
        in_channels: int = 1,
        classes: int = 3,
        width: int = 32,
        levels: int = 6,
        dimensions: int = 3,
    ) -> None:
        super().__init__()
        self.in_channels = check_count("in_channels", in_channels, minimum=1)
        self.classes = check_count("classes", classes, minimum=2)
        check_count("width", width, minimum=1)
        self.stride = 2 ** (check_count("levels", levels, minimum=4) - 1)
        if dimensions not in WIDEST:
            raise ModelError(f"dimensions must be 2 or 3; got {dimensions!r}: give one of the two")
        self.check = check_slices if dimensions == 2 else check_volume
        self.network = monai_class("DynUNet")(
            spatial_dims=dimensions,
            in_channels=in_channels,
            out_channels=classes,
            kernel_size=[3] * levels,
            strides=[1] + [2] * (levels - 1),
            upsample_kernel_size=[2] * (levels - 1),
            filters=[min(width * 2**level, WIDEST[dimensions] * width // 32) for level in range(levels)],
            deep_supervision=True,
            deep_supr_num=levels - 3,
        )
        del (
            self.network.skip_layers
        )  # a second name for the same blocks, of which weights would be kept twice

    def forward(self, image: torch.Tensor) -> torch.Tensor | dict[str, dict[int, torch.Tensor]]:
        self.check("the image", image, channels=self.in_channels)
        if max(image.shape[2:]) <= self.stride:
            raise ModelError(
                f"the image must have more than {self.stride} voxels along one side at least; got "
                f"{tuple(image.shape)}: give a larger patch, or build fewer levels"
            )
        size = image.shape[2:]
        decoded = self.decoded(pad_to_multiple(image, self.stride))
        logits = self.network.output_block(decoded[0])
        if not self.training:
            return crop_to(logits, size)
        supervised = zip(self.network.deep_supervision_heads, decoded[1:], strict=False)
        levels = [logits, *(head(x) for head, x in supervised)]
        return {
            "nnunet": {
                level: crop_to(x, [-(-side // 2**level) for side in size]) for level, x in enumerate(levels)
            }
        }

    def decoded(self, image: torch.Tensor) -> list[torch.Tensor]:
        """The decoder's maps, finest first. MONAI's own forward keeps them in a list and resizes their logits."""
        network = self.network
        skips = [network.input_block(image)]
        for down in network.downsamples:
            skips.append(down(skips[-1]))
        maps = [network.bottleneck(skips[-1])]
        for up, skip in zip(network.upsamples, reversed(skips), strict=True):
            maps.append(up(maps[-1], skip))
        return maps[:0:-1]
