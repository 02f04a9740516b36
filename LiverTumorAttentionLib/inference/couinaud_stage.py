"""Couinaud segments of a liver as a network proposes them, from its shape and, where they are known, its vessels."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
import torch
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.inference.device import Device
from LiverTumorAttentionLib.inference.one_network import load_one_network
from LiverTumorAttentionLib.models.couinaud_model import CouinaudDescription, CouinaudModel
from LiverTumorAttentionLib.preprocessing.couinaud_input import (
    CHANNELS,
    CouinaudGrid,
    liver_grid,
    network_channels,
    share_on_grid,
)
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import crop_image, mask_box
from LiverTumorAttentionLib.voxels.couinaud import COUNT
from LiverTumorAttentionLib.voxels.geometry import from_lps, to_lps

MOST_PARAMETERS = 20_000_000
"""Of a network that works on a coarse grid."""


class CouinaudStage:
    """The network of a model for segments. Raises `ModelError` where weights or network do not fit."""

    def __init__(self, model: CouinaudModel, device: Device) -> None:
        self.description: CouinaudDescription = model.description
        self._device = device
        self._grid = CouinaudGrid(
            size_zyx=self.description.size_zyx, liver_voxels=self.description.liver_voxels
        )
        network = load_one_network(model, most_parameters=MOST_PARAMETERS)
        self._network = network.to(device.torch).eval()

    def source(self, *, with_vessels: bool) -> str:
        """Return who says where the segments are, as outputs tell it."""
        seen = "the liver's shape and its vessels" if with_vessels else "the liver's shape alone"
        return f"proposed by {self.description.words} from {seen}"

    def labels(
        self, liver: sitk.Image, vessels: sitk.Image | None = None, progress: Progress | None = None
    ) -> sitk.Image:
        """Return the segments: uint8, 1 to 8 in each voxel of the liver, 0 outside, on the liver's grid.

        liver: mask, tumors included. vessels: mask of hepatic and portal veins together, on its grid.
        Raises `InputError` for a liver that is too small, and `Cancelled`.
        """
        progress = progress or Progress(stage="segments")
        progress.update(0.0)
        upright = sitk.Cast(to_lps(liver) != 0, sitk.sitkUInt8)
        grid = liver_grid(upright, self._grid)
        share = share_on_grid(upright, upright, grid)
        trees = None
        if vessels is not None:
            trees = share_on_grid(sitk.Cast(to_lps(vessels) != 0, sitk.sitkUInt8), upright, grid)
        logits = self._logits(network_channels(share, trees, self._grid.liver_voxels))
        progress.update(0.3)
        return from_lps(self._painted(logits, grid, upright, progress.part(0.3, 1.0)), liver)

    def _logits(self, channels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the logits (8, z, y, x) of an input (6, z, y, x)."""
        with self._device.running():
            given = torch.from_numpy(channels)[None].to(self._device.torch)
            found: NDArray[np.float32] = self._network(given)[0].float().cpu().numpy()
        if found.shape[0] != COUNT or channels.shape[0] != CHANNELS:
            raise ModelError(
                f"{self.description.words} tells {found.shape[0]} segments and not {COUNT}: get another model"
            )
        return found

    def _painted(
        self, logits: NDArray[np.float32], grid: sitk.Image, liver: sitk.Image, progress: Progress
    ) -> sitk.Image:
        """Return the likeliest segment in each voxel of the liver, by the logits interpolated there."""
        box = mask_box(liver)
        if box is None:
            raise ValueError("a liver without a voxel has no segments")
        part = crop_image(liver, box)
        best = np.full(part.GetSize()[::-1], -np.inf, np.float32)
        chosen = np.zeros(best.shape, np.uint8)
        for number in range(1, COUNT + 1):
            progress.update((number - 1) / COUNT)
            coarse = sitk.GetImageFromArray(logits[number - 1])
            coarse.CopyInformation(grid)
            # beyond the outermost centers of the grid the last value goes on
            fine = sitk.Resample(coarse, part, sitk.Transform(), sitk.sitkLinear, 0.0, sitk.sitkFloat32, True)
            values = sitk.GetArrayViewFromImage(fine)
            chosen[values > best] = number
            np.maximum(best, values, out=best)
        whole = np.zeros(liver.GetSize()[::-1], np.uint8)
        whole[box] = np.where(sitk.GetArrayViewFromImage(part) > 0, chosen, 0)
        image = sitk.GetImageFromArray(whole)
        image.CopyInformation(liver)
        return image
