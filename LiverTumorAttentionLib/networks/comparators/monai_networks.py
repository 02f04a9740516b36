"""Networks that MONAI has as the papers compare with them; MONAI is imported when one is built."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.networks.attention_map import AttentionMap
from LiverTumorAttentionLib.networks.checks import check_count, check_slices, check_volume
from LiverTumorAttentionLib.networks.padding import crop_to, pad_to_multiple


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


class AttentionUNet(nn.Module):
    """Attention U-Net for slices: MONAI's AttentionUnet.

    Source: Oktay et al., Attention U-Net, MIDL 2018; Schlemper et al., Medical Image Analysis 2019; one of the
        networks that the context network's paper compares with. Five levels of 64 to 1024 channels.
    Departs: MONAI's goes down by strided convolutions instead of max-pooling, and its gates work on the grid of
        the skip. Any size of image is taken: it is filled up and cut back. Returns logits.
    Shape: (B, in_channels, Y, X) -> logits (B, classes, Y, X).

    Raises ModelError when MONAI is missing, an argument is out of range or the image does not fit.
    """

    phases = ("portal",)

    def __init__(self, in_channels: int = 3, classes: int = 2, width: int = 64, levels: int = 5) -> None:
        super().__init__()
        self.in_channels = check_count("in_channels", in_channels, minimum=1)
        self.classes = check_count("classes", classes, minimum=2)
        check_count("width", width, minimum=2, multiple_of=2)
        self.stride = 2 ** (check_count("levels", levels, minimum=3) - 1)
        self.network = monai_class("AttentionUnet")(
            spatial_dims=2,
            in_channels=in_channels,
            out_channels=classes,
            channels=[width * 2**level for level in range(levels)],
            strides=[2] * (levels - 1),
        )
        for block in [m for m in self.network.modules() if type(m).__name__ == "AttentionBlock"]:
            block.psi.append(AttentionMap("map", "places of one skip, alpha (Attention U-Net, Eq. 2)"))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        check_slices("the image", image, channels=self.in_channels)
        return crop_to(self.network(pad_to_multiple(image, self.stride)), image.shape[2:])


class NNUNet(nn.Module):
    """nnU-Net's plain U-Net: MONAI's DynUNet, set up as nnU-Net sets it up.

    Source: Isensee et al., nnU-Net, Nature Methods 2021: two convolutions a level, instance normalisation,
        LeakyReLU 0.01, strided convolutions down and transposed ones up, 32 channels doubled up to 320, supervised
        on all levels but the two coarsest. DPC-Net compares with it on patches of 128 x 128 x 128: six levels.
    Departs: none known for isotropic patches; nnU-Net plans kernels and strides from the data, here all are 3
        and 2. `dimensions` 2 has slices. Any size is taken: it is filled up and cut back. Returns logits.
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
        if dimensions not in (2, 3):
            raise ModelError(f"dimensions must be 2 or 3; got {dimensions!r}")
        self.check = check_slices if dimensions == 2 else check_volume
        self.network = monai_class("DynUNet")(
            spatial_dims=dimensions,
            in_channels=in_channels,
            out_channels=classes,
            kernel_size=[3] * levels,
            strides=[1] + [2] * (levels - 1),
            upsample_kernel_size=[2] * (levels - 1),
            filters=[min(width * 2**level, 10 * width) for level in range(levels)],
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
