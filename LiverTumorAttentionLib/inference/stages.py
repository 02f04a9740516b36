"""The two stages: a coarse liver from one phase, tumours inside its box from one or two."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.inference.device import Device
from LiverTumorAttentionLib.inference.slices import SlicePredictor
from LiverTumorAttentionLib.models import ModelPackage
from LiverTumorAttentionLib.networks import build_network
from LiverTumorAttentionLib.preprocessing import resample_to_grid, stage_grid, window_hu
from LiverTumorAttentionLib.progress import Progress


class _Stage:
    """A stage of a model with its network built and its weights loaded."""

    def __init__(self, package: ModelPackage, name: str, device: Device) -> None:
        self.description = package.description.stage(name)
        network = build_network(self.description.network, **self.description.arguments)
        try:
            network.load_state_dict(package.load_weights(self.description), strict=True)
        except RuntimeError as error:
            raise ModelError(
                f"{self.description.weights} does not fit the network {self.description.network!r} that "
                f"model.json of {package.description.id!r} names: get a model made for this version"
            ) from error
        self._predictor = SlicePredictor(network, self.description, device)

    def _grid(self, image: sitk.Image) -> sitk.Image:
        """Return the stage's grid over an image in LPS order."""
        return stage_grid(
            image, self.description.in_plane_spacing_mm, self.description.slice_spacing_range_mm
        )

    def _input(self, image: sitk.Image, grid: sitk.Image) -> NDArray[np.float32]:
        """Return a phase as the network sees it, (z, y, x) in [0, 1]."""
        return window_hu(sitk.GetArrayFromImage(resample_to_grid(image, grid)), self.description.window_hu)


class LiverStage(_Stage):
    """Finds the coarse liver in one phase.

    Source: PA-ResSeg, section 4.A, liver-ResSeg, one network for both phases.
    """

    def __init__(self, package: ModelPackage, device: Device) -> None:
        super().__init__(package, "liver", device)

    def probability(self, image: sitk.Image, progress: Progress) -> sitk.Image:
        """Return the probability of liver as float32 on the stage's own coarse grid.

        image: HU, in LPS order. Raises `Cancelled`.
        """
        grid = self._grid(image)
        result = sitk.GetImageFromArray(self._predictor.predict([self._input(image, grid)], progress))
        result.CopyInformation(grid)
        return result


class TumorStage(_Stage):
    """Finds tumours inside the liver's box.

    Source: PA-ResSeg, section 4.A: the coarse liver is dilated, what lies outside of it is set to zero.
    Departs: the portal liver masks both phases, since the arterial one is registered onto it; the dilation
    is given in millimetres instead of a kernel of 5 x 5 pixels, so that it means the same at every spacing.
    """

    def __init__(self, package: ModelPackage, device: Device) -> None:
        super().__init__(package, "tumor", device)

    def probability(
        self, portal: sitk.Image, arterial: sitk.Image | None, liver: sitk.Image, progress: Progress
    ) -> sitk.Image:
        """Return the probability of tumour as float32 on the stage's grid over the liver's box.

        portal: HU, in LPS order. arterial: registered, on the portal grid; None when there is none or it
        cannot be trusted. liver: uint8 mask on the portal grid, not empty.
        Raises `ModelError` when the model needs the arterial phase and there is none, and `Cancelled`.
        """
        if arterial is None and "arterial" in self.description.phases:
            if self.description.missing_phase == "refuse":
                raise ModelError(
                    "this model needs the arterial phase beside the portal venous one, and there is none that "
                    "can be used: give one, or choose a model that works on the portal phase alone"
                )
            arterial = portal
        box = liver_box(liver, margin_mm=self.description.mask_dilation_mm + 4.0)
        grid = self._grid(sitk.RegionOfInterest(portal, *box))
        inside = self._dilated(resample_to_grid(sitk.RegionOfInterest(liver, *box), grid))
        inputs = []
        for phase in self.description.phases:
            image = portal if phase == "portal" else arterial
            inputs.append(self._input(sitk.RegionOfInterest(image, *box), grid) * inside)
        result = sitk.GetImageFromArray(self._predictor.predict(inputs, progress) * inside)
        result.CopyInformation(grid)
        return result

    def _dilated(self, liver: sitk.Image) -> NDArray[np.bool_]:
        """Return a coarse liver (probability on the stage's grid) dilated by the stage's margin."""
        spacing_zyx = liver.GetSpacing()[::-1]
        outside = sitk.GetArrayViewFromImage(liver) < 0.5
        return (
            ndimage.distance_transform_edt(outside, sampling=spacing_zyx) <= self.description.mask_dilation_mm
        )


def liver_box(liver: sitk.Image, *, margin_mm: float) -> tuple[list[int], list[int]]:
    """Return (size, index) in voxels of the liver's bounding box with a margin, cut to the image."""
    statistics = sitk.LabelShapeStatisticsImageFilter()
    statistics.Execute(liver != 0)
    low = statistics.GetBoundingBox(1)
    size, index = [], []
    for axis, (length, spacing) in enumerate(zip(liver.GetSize(), liver.GetSpacing(), strict=True)):
        margin = int(np.ceil(margin_mm / spacing))
        first = max(0, low[axis] - margin)
        last = min(length, low[axis] + low[axis + 3] + margin)
        index.append(first)
        size.append(last - first)
    return size, index
