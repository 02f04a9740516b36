"""Stages whose networks other programs trained, with the methods of `LiverStage` and `TumorStage`.

They answer on the volume's own grid: the liver as the label that the network gives, the tumors as a probability that is
a half or more just where it gives that label.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from torch import nn

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.inference.attention_recorder import AttentionRecorder
from LiverTumorAttentionLib.inference.device import Device
from LiverTumorAttentionLib.inference.monai.predictor import MonaiPredictor
from LiverTumorAttentionLib.inference.nnunet.predictor import NNUNetNetworks, NNUNetPredictor
from LiverTumorAttentionLib.inference.weighted_network import weighted_network
from LiverTumorAttentionLib.models import ModelPackage, StageDescription
from LiverTumorAttentionLib.models.weights_file import WeightsFile
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import (
    Box,
    bounding_box,
    crop_image,
    expanded_box,
    full_box,
    margin_voxels,
)

PROBABILITY_MARGIN_MM = 40.0
"""How far around the liver the probability of tumor is returned."""


class Answer(Protocol):
    """What a predictor found, as arrays (z, y, x) on the volume's grid in LPS order."""

    @property
    def labels(self) -> NDArray[np.unsignedinteger]:
        """Values of the stage's outputs."""
        ...

    @property
    def probability(self) -> NDArray[np.float16] | None:
        """Probability of the group that was asked for; a half or more just where the labels say so."""
        ...


class CasePredictor(Protocol):
    """Runs the networks of a stage over a case."""

    device: Device

    def predict(
        self,
        volumes: Mapping[str, sitk.Image],
        progress: Progress,
        *,
        liver: NDArray[Any] | None = None,
    ) -> Answer:
        """Return what is found in the volumes of each phase, HU, on one grid in LPS order; liver: mask, where known."""
        ...


@dataclass(frozen=True, kw_only=True)
class ImportedRun:
    """How networks of other programs are run."""

    mirror: bool = False
    """Whether the answers to mirrored patches are averaged too, where the model was trained for it."""
    everywhere: bool = False
    """Whether they are run on the whole volume, where their program does so; else only where there is body, and liver
    where that is known."""
    bfloat16: bool = False
    """Whether convolutions run in bfloat16 where the device multiplies in it; else in float32, as they were trained."""


def load_networks(
    package: ModelPackage, network: str, arguments: Mapping[str, Any], files: Sequence[WeightsFile]
) -> list[nn.Module]:
    """Return a network of a stage once for each file of its weights. Raises `ModelError` where one does not fit."""
    networks = []
    for file in files:
        weights = package.load_weights(file)
        built = weighted_network(
            network,
            arguments,
            weights,
            weights_bytes=package.weights_bytes(file),
            misfit=f"{file.weights} does not fit the network {network!r} that model.json of "
            f"{package.description.id!r} names: add the model again from where it was trained",
        )
        networks.append(built)
    return networks


def build_predictor(
    package: ModelPackage, description: StageDescription, device: Device, group: str | None, run: ImportedRun
) -> CasePredictor:
    """Return the predictor of a stage that another program trained. Raises `ModelError`.

    group: "liver" or "tumor", whose probability it returns; None for none.
    """
    precise = device if run.bfloat16 else replace(device, bfloat16=False)
    own = (WeightsFile(weights=description.weights, sha256=description.sha256), *description.ensemble)
    if description.nnunet is None:
        main = load_networks(package, description.network, description.arguments, own)
        return MonaiPredictor(description, main, precise, group=group, everywhere=run.everywhere)
    before = description.nnunet.previous
    networks = NNUNetNetworks(
        main=load_networks(package, description.network, description.arguments, own),
        previous=()
        if before is None
        else load_networks(package, before.network, before.arguments, before.weight_files),
    )
    return NNUNetPredictor(
        description, networks, precise, group=group, mirror=run.mirror, everywhere=run.everywhere
    )


class _ImportedStage:
    def __init__(self, description: StageDescription, predictor: CasePredictor, run: ImportedRun) -> None:
        self.description = description
        self._run = run
        self._predictor = predictor
        self.network: nn.Module = nn.Module()
        """Stands for networks that have no attention to record."""

    @classmethod
    def _predictor_of(
        cls, package: ModelPackage, description: StageDescription, device: Device, run: ImportedRun
    ) -> CasePredictor:
        group = "tumor" if "tumor" in description.class_groups else None
        return build_predictor(package, description, device, group, run)

    def _liver_in(self, labels: NDArray[Any]) -> NDArray[np.uint8]:
        """Return the liver, 1, in labels of the stage."""
        outputs = self.description.outputs
        table = np.zeros(int(max(output.value for output in outputs)) + 1, dtype=np.uint8)
        table[[outputs[channel].value for channel in self.description.class_groups["liver"]]] = 1
        return table[labels]

    @property
    def device(self) -> Device:
        """The device of the last prediction: the CPU where the first one had too little memory."""
        return self._predictor.device

    @property
    def passes(self) -> int:
        """How often the network runs for each patch and each of its folds."""
        settings = self.description.nnunet
        return 2 ** len(settings.run.mirror_axes) if settings is not None and self._run.mirror else 1

    @property
    def seen(self) -> str:
        """Where the networks run, in words."""
        if self._run.everywhere:
            return "on the whole volume"
        where = "on the whole volume" if self.description.nnunet is None else "where there is body"
        return f"{where}, and about the liver alone where that is known"


class ImportedLiverStage(_ImportedStage):
    """Finds the liver in one phase, and its tumors where its network does.

    A network for two phases is given the one in the place of both, and finds the liver alone.
    """

    def __init__(self, package: ModelPackage, device: Device, run: ImportedRun) -> None:
        description = package.description.liver_stage
        super().__init__(description, self._predictor_of(package, description, device, run), run)
        alone = description.finds_both_in_two_phases
        self.finds = ("liver",) if alone else tuple(description.class_groups)

    def probabilities(
        self, image: sitk.Image, progress: Progress, recorder: AttentionRecorder | None = None
    ) -> dict[str, sitk.Image]:
        """Return the mask of "liver" (uint8), and the probability of "tumor" (float32) around it if the stage finds it.

        image: HU, in LPS order. Both lie on its grid or a part of it. Raises `Cancelled` and `OutOfMemory`.
        """
        given = dict.fromkeys(self.description.phases, image)
        answer = self._predictor.predict(given, progress)
        liver = self._liver_in(answer.labels)
        mask = sitk.GetImageFromArray(liver)
        mask.CopyInformation(image)
        found = {"liver": mask}
        if "tumor" in self.finds and answer.probability is not None:
            found["tumor"] = _around(answer.probability, liver, image)
        return found

    def tumor_stage(self) -> ImportedTumorStage | None:
        """Return the stage that finds liver and tumors in both phases with this network; None where it needs one."""
        if not self.description.finds_both_in_two_phases:
            return None
        return ImportedTumorStage(self.description, self._predictor, self._run)


class ImportedTumorStage(_ImportedStage):
    """Finds tumors, in one phase or several, once the liver is known."""

    @classmethod
    def of(cls, package: ModelPackage, device: Device, run: ImportedRun) -> ImportedTumorStage:
        """Return a model's stage for tumors. Raises `ModelError` where there is none or its weights do not fit."""
        description = package.description.stage("tumor")
        return cls(description, cls._predictor_of(package, description, device, run), run)

    @property
    def finds_liver(self) -> bool:
        """Whether it finds the liver anew, in the phases that it takes."""
        return self.description.finds_both_in_two_phases

    def seen_box(self, portal: sitk.Image, liver: sitk.Image) -> Box:
        """Return the part (z, y, x) of the portal grid from which the network's input is made: all of it."""
        return full_box(portal.GetSize()[::-1])

    def probability(
        self,
        portal: sitk.Image,
        arterial: sitk.Image | None,
        liver: sitk.Image,
        progress: Progress,
        recorder: AttentionRecorder | None = None,
        further: Mapping[str, sitk.Image] | None = None,
    ) -> sitk.Image:
        """Return the probability of tumor as float32 on the part of the portal grid around the liver.

        Arguments and errors as for `liver_and_probability`.
        """
        return self.liver_and_probability(portal, arterial, liver, progress, further=further)[1]

    def liver_and_probability(
        self,
        portal: sitk.Image,
        arterial: sitk.Image | None,
        liver: sitk.Image,
        progress: Progress,
        further: Mapping[str, sitk.Image] | None = None,
    ) -> tuple[sitk.Image, sitk.Image]:
        """Return the liver as a uint8 mask on the portal grid, and the probability as `probability` does.

        The liver is the one that was given, unless the stage finds it anew.
        portal: HU, in LPS order. arterial: registered, on the portal grid; None when there is none or it cannot be
        trusted. liver: uint8 mask on the portal grid, not empty. further: the delayed and the native phase by name, as
        the arterial one. Raises `ModelError` when the model needs a phase and there is none, `Cancelled` and
        `OutOfMemory`.
        """
        given = {**({} if arterial is None else {"arterial": arterial}), **(further or {})}
        missing = [phase for phase in self.description.phases[1:] if phase not in given]
        if missing and self.description.missing_phase == "refuse":
            raise ModelError(
                f"this model needs the {' and the '.join(missing)} phase beside the portal venous one, and there is "
                "none that can be used: give one, or choose a model that works on the portal phase alone"
            )
        volumes = {"portal": portal, **dict.fromkeys(missing, portal), **given}
        mask = sitk.GetArrayViewFromImage(liver)
        answer = self._predictor.predict(
            {phase: volumes[phase] for phase in self.description.phases}, progress, liver=mask
        )
        if answer.probability is None:
            raise ModelError(f"stage {self.description.name!r} finds no tumors: choose another model")
        found = liver
        if self.finds_liver:
            found = sitk.GetImageFromArray(self._liver_in(answer.labels))
            found.CopyInformation(liver)
        return found, _around(answer.probability, sitk.GetArrayViewFromImage(found), portal)


def _around(probability: NDArray[np.float16], liver: NDArray[Any], image: sitk.Image) -> sitk.Image:
    """Return a probability (z, y, x) on an image's grid as float32 on the part of it around the liver."""
    found = bounding_box(liver)
    box = full_box(liver.shape)
    if found is not None:
        box = expanded_box(found, margin_voxels(PROBABILITY_MARGIN_MM, image.GetSpacing()[::-1]), liver.shape)
    part = sitk.GetImageFromArray(probability[box].astype(np.float32))
    part.CopyInformation(crop_image(image, box))
    return part
