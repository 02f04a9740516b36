"""Stages of a model: liver segmentation in one phase, tumor segmentation in the liver's box in one or two."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from torch import nn

from LiverTumorAttentionLib.errors import InputError, ModelError
from LiverTumorAttentionLib.inference.attention_recorder import AttentionRecorder
from LiverTumorAttentionLib.inference.averaging import averaged_prediction
from LiverTumorAttentionLib.inference.device import Device
from LiverTumorAttentionLib.inference.patches import PatchPredictor
from LiverTumorAttentionLib.inference.slices import SlicePredictor
from LiverTumorAttentionLib.inference.stage_input import View, tumor_box, tumor_view, whole_view
from LiverTumorAttentionLib.inference.weighted_network import weighted_network
from LiverTumorAttentionLib.models import ModelPackage, StageDescription
from LiverTumorAttentionLib.networks import network_entry
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import Box, crop_image, full_box
from LiverTumorAttentionLib.voxels.parts import cropped_part
from LiverTumorAttentionLib.voxels.plane_symmetries import PlaneSymmetry


def load_network(package: ModelPackage, description: StageDescription) -> nn.Module:
    """Return the network of a stage of a model, with its weights. Raises `ModelError` where they do not fit."""
    if description.is_imported:
        raise ModelError(
            f"the model {package.description.id!r} was trained by another program and segments whole cases alone: "
            "choose one that was trained here"
        )
    takes = network_entry(description.network).phases
    if len(takes) != len(description.phases):
        raise ModelError(
            f"model.json of {package.description.id!r}: stage {description.name!r}: the network "
            f"{description.network!r} takes {', '.join(takes)}; the stage gives it "
            f"{', '.join(description.phases)}"
            ": get a model made for this version"
        )
    weights = package.load_weights(description)  # first: what is damaged is told as such
    return weighted_network(
        description.network,
        description.arguments,
        weights,
        weights_bytes=package.weights_bytes(description),
        misfit=f"{description.weights} does not fit the network {description.network!r} that "
        f"model.json of {package.description.id!r} names: get a model made for this version",
    )


class _Stage:
    """A stage of a model with its network.

    network: takes one tensor a phase of `description`, with its weights in place.
    wanted: which of "liver" and "tumor" are returned.
    """

    def __init__(
        self, description: StageDescription, network: nn.Module, wanted: Sequence[str], device: Device
    ) -> None:
        self.description = description
        self.network = network
        chosen = tuple(description.class_groups[name] for name in wanted)
        self._predictor: SlicePredictor | PatchPredictor
        if description.slices is not None:
            self._predictor = SlicePredictor(self.network, description.slices, device, chosen)
        elif description.patches is not None:
            self._predictor = PatchPredictor(self.network, description.patches, device, chosen)

    @property
    def device(self) -> Device:
        """The device of the last prediction: the CPU where the first one had too little memory."""
        return self._predictor.device

    def _input(self, view: View, volume: sitk.Image) -> NDArray[np.float32]:
        """Return the network's input for one phase, (z, y, x)."""
        return view.network_input(self.description.intensity, volume)


class LiverStage(_Stage):
    """Finds the coarse liver in one phase, and its tumors where its network tells both apart.

    Source: PA-ResSeg, section 3.B, liver-ResSeg, one network for both phases; SFAN, section 3, a U-Net;
        DPC-Net, section III.A, liver and tumor by one network over the whole volume.
    """

    def __init__(self, description: StageDescription, network: nn.Module, device: Device) -> None:
        self.finds = tuple(description.class_groups)
        super().__init__(description, network, self.finds, device)

    @classmethod
    def of(cls, package: ModelPackage, device: Device) -> LiverStage:
        """Return the stage of a model that finds the liver. Raises `ModelError` where its weights do not fit."""
        description = package.description.liver_stage
        return cls(description, load_network(package, description), device)

    def probabilities(
        self, image: sitk.Image, progress: Progress, recorder: AttentionRecorder | None = None
    ) -> dict[str, sitk.Image]:
        """Return the probability of "liver", and of "tumor" if the stage finds it, as float32 on its own grid.

        image: HU, in LPS order. Raises `Cancelled`.
        """
        view = whole_view(self.description, image)
        inputs = [self._input(view, image)]
        with recorder.recording(self.network, view.grid) if recorder is not None else nullcontext():
            maps = self._predictor.predict(inputs, progress, recorder=recorder)
        images = {}
        for name, array in zip(self.finds, maps, strict=True):
            images[name] = sitk.GetImageFromArray(array)
            images[name].CopyInformation(view.grid)
        return images


class TumorStage(_Stage):
    """Finds tumors inside the liver's box.

    Source: PA-ResSeg, section 3.B: the coarse liver is dilated, what lies outside of it is set to zero. SFAN,
        section 3: the liver's region is cut out, nothing is set to zero.
    Departs: the portal liver masks both phases, since the arterial one is registered onto it; the dilation
    is given in millimetres instead of a kernel of 5 x 5 pixels, so that it means the same at every spacing.
    """

    def __init__(self, description: StageDescription, network: nn.Module, device: Device) -> None:
        super().__init__(description, network, ("tumor",), device)

    @classmethod
    def of(cls, package: ModelPackage, device: Device) -> TumorStage:
        """Return a model's stage for tumors. Raises `ModelError` where there is none or its weights do not fit."""
        description = package.description.stage("tumor")
        return cls(description, load_network(package, description), device)

    def seen_box(self, portal: sitk.Image, liver: sitk.Image) -> Box:
        """Return the part (z, y, x) of the portal grid from which the network's input is made.

        All of it where the intensities are scaled by the whole volume. Arguments as for `probability`.
        """
        if self.description.intensity.percentiles is not None:
            return full_box(portal.GetSize()[::-1])
        return tumor_box(self.description, portal, liver)

    def probability(
        self,
        portal: sitk.Image,
        arterial: sitk.Image | None,
        liver: sitk.Image,
        progress: Progress,
        recorder: AttentionRecorder | None = None,
    ) -> sitk.Image:
        """Return the probability of tumor as float32 on the stage's grid over the liver's box.

        portal: HU, in LPS order. arterial: registered, on the portal grid or on a part of it that holds the
        `seen_box`; None when there is none or it cannot be trusted. liver: uint8 mask on the portal grid, not empty.
        Raises `ModelError` when the model needs the arterial phase and there is none, and `Cancelled`.
        """
        view, inputs = self._view_and_inputs(portal, arterial, liver)
        with recorder.recording(self.network, view.grid) if recorder is not None else nullcontext():
            (tumor,) = self._predictor.predict(inputs, progress, keep=view.keep, recorder=recorder)
        return _on_view(tumor, view)

    def averaged_probability(
        self,
        portal: sitk.Image,
        arterial: sitk.Image | None,
        liver: sitk.Image,
        progress: Progress,
        symmetries: Sequence[PlaneSymmetry],
        recorder: AttentionRecorder | None = None,
    ) -> tuple[sitk.Image, sitk.Image]:
        """Return the mean probability over symmetries of the input, and its standard deviation, as `probability` does.

        The attention is that of the input as it is. Takes one pass of the network a symmetry.
        """
        view, inputs = self._view_and_inputs(portal, arterial, liver)

        def predict(
            symmetry: PlaneSymmetry, turned: Sequence[NDArray[np.float32]], keep: Box, part: Progress
        ) -> NDArray[np.float32]:
            seen = recorder if symmetry.is_identity else None
            with seen.recording(self.network, view.grid) if seen is not None else nullcontext():
                return self._predictor.predict(turned, part, keep=keep, recorder=seen)

        (mean,), (deviation,) = averaged_prediction(predict, inputs, view.keep, symmetries, progress)
        return _on_view(mean, view), _on_view(deviation, view)

    def record_from(
        self,
        point_mm: Sequence[float],
        portal: sitk.Image,
        arterial: sitk.Image | None,
        liver: sitk.Image,
        recorder: AttentionRecorder,
    ) -> None:
        """Record the attention of the network from one point (LPS mm); images as in `probability`.

        Does nothing for a network without attention between places.
        Raises `InputError` when the point lies outside the stage's view.
        """
        if not isinstance(self._predictor, SlicePredictor):
            return
        view, inputs = self._view_and_inputs(portal, arterial, liver)
        x, y, z = view.grid.TransformPhysicalPointToIndex([float(value) for value in point_mm])
        if not all(0 <= at < length for at, length in zip((z, y, x), inputs[0].shape, strict=True)):
            raise InputError(
                f"the point ({', '.join(f'{value:g}' for value in point_mm)}) mm does not lie in the liver's "
                "part of the portal volume: give a point of the liver, in LPS mm"
            )
        with recorder.recording(self.network, view.grid):
            self._predictor.record_from(inputs, (z, y, x), recorder)

    def _view_and_inputs(
        self, portal: sitk.Image, arterial: sitk.Image | None, liver: sitk.Image
    ) -> tuple[View, list[NDArray[np.float32]]]:
        """Return the stage's view of a case and the network's inputs, one a phase, (z, y, x)."""
        needed = "arterial" in self.description.phases and self.description.missing_phase == "refuse"
        if arterial is None and needed:
            raise ModelError(
                "this model needs the arterial phase beside the portal venous one, and there is none that "
                "can be used: give one, or choose a model that works on the portal phase alone"
            )
        view = tumor_view(self.description, portal, liver)
        if arterial is not None and arterial.GetSize() != portal.GetSize():
            arterial = cropped_part(arterial, portal, view.box)
        volumes = {"portal": portal, "arterial": portal if arterial is None else arterial}
        return view, [self._input(view, volumes[phase]) for phase in self.description.phases]


def _on_view(values: NDArray[np.float32], view: View) -> sitk.Image:
    """Return a map of the part of the grid that is computed as an image, 0 where the input was masked."""
    if view.inside is not None:
        values *= view.inside[view.keep]
    image = sitk.GetImageFromArray(values)
    image.CopyInformation(crop_image(view.grid, view.keep))
    return image
