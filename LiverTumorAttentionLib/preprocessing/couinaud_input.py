"""Input of the network that tells the Couinaud segments: a liver on a cubic grid on which all livers are equally large.

The voxel's side follows from the liver's volume V: s = (V / n)^(1/3), so that each liver, small or large, covers n
voxels; the middle of its box lies in the middle of the grid. Channels, each (z, y, x), in LPS order:

    0  share of each voxel that is liver
    1  share that is vessel, 0 where no vessels are known
    2  channel 0 where vessels are known, else 0
    3-5  place from the liver's center of mass along z, y and x, in units of the liver's size
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.boxes import crop_image, mask_box

CHANNELS = 6
LEAST_LIVER_ML = 100.0
"""Less is no liver whose segments could be told."""
MARGIN_VOXELS = 2.0
"""How many voxels of the grid around the liver are looked at."""
SMOOTHING = 0.35
"""Standard deviation, in voxels of the grid, of what a mask is smoothed by before it is sampled."""


@dataclass(frozen=True, kw_only=True)
class CouinaudGrid:
    """The grid of a network for segments."""

    size_zyx: tuple[int, int, int] = (48, 48, 56)
    """Voxels along z, y and x."""
    liver_voxels: int = 12_000
    """How many of them the liver covers."""

    def spacing_mm(self, liver_ml: float) -> float:
        """Return the side of a voxel for a liver of that volume."""
        return float((1000.0 * liver_ml / self.liver_voxels) ** (1 / 3))


def liver_grid(liver: sitk.Image, grid: CouinaudGrid) -> sitk.Image:
    """Return an empty float32 image on the network's grid.

    liver: mask in LPS order. Raises `InputError` where it is too small.
    """
    box = mask_box(liver)
    voxels = int(np.count_nonzero(sitk.GetArrayViewFromImage(liver)))
    volume_ml = voxels * float(np.prod(liver.GetSpacing())) / 1000.0
    if box is None or volume_ml < LEAST_LIVER_ML:
        raise InputError(
            f"the liver measures {volume_ml:.0f} mL, and segments are told of at least {LEAST_LIVER_ML:g} mL: "
            "choose a segmentation of a whole liver"
        )
    spacing = grid.spacing_mm(volume_ml)
    middle = [(side.start + side.stop - 1) / 2 for side in box[::-1]]
    center = np.array(liver.TransformContinuousIndexToPhysicalPoint(middle))
    direction = np.reshape(liver.GetDirection(), (3, 3))
    size = np.array(grid.size_zyx[::-1])
    image = sitk.Image([int(side) for side in size], sitk.sitkFloat32)
    image.SetSpacing((spacing,) * 3)
    image.SetDirection(liver.GetDirection())
    image.SetOrigin([float(x) for x in center - direction @ (0.5 * spacing * (size - 1))])
    return image


def share_on_grid(mask: sitk.Image, around: sitk.Image, grid: sitk.Image) -> NDArray[np.float32]:
    """Return the share of a mask in each voxel (z, y, x) of a grid, about.

    around: the mask of the liver, outside of whose box nothing is looked at; on the mask's grid.
    """
    spacing = grid.GetSpacing()[0]
    box = mask_box(around, margin_mm=MARGIN_VOXELS * spacing)
    part = sitk.Cast(crop_image(mask, box) if box is not None else mask, sitk.sitkFloat32)
    smooth = (
        sitk.SmoothingRecursiveGaussian(part, [SMOOTHING * spacing] * 3) if min(part.GetSize()) >= 4 else part
    )
    share: NDArray[np.float32] = sitk.GetArrayFromImage(
        sitk.Resample(smooth, grid, sitk.Transform(), sitk.sitkLinear, 0.0, sitk.sitkFloat32)
    )
    return np.clip(share, 0.0, 1.0)


def network_channels(
    liver: NDArray[np.float32], vessels: NDArray[np.float32] | None, liver_voxels: int
) -> NDArray[np.float32]:
    """Return the input (6, z, y, x) of shares (z, y, x) of liver and vessels; None where no vessels are known."""
    total = max(float(liver.sum(dtype=np.float64)), 1.0)
    size = float(liver_voxels) ** (1 / 3)
    channels = np.zeros((CHANNELS, *liver.shape), np.float32)
    channels[0] = liver
    if vessels is not None:
        channels[1] = vessels * (liver > 0)
        channels[2] = liver
    for axis, length in enumerate(liver.shape):
        others = tuple(other for other in range(3) if other != axis)
        profile = liver.sum(axis=others, dtype=np.float64)
        place = (np.arange(length) - float(profile @ np.arange(length)) / total) / size
        channels[3 + axis] = place.astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
    return channels
