"""A stage of a model that nnU-Net trained, run over a case: orientation, crop, cascade, labels and probability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
import torch
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.inference.device import Device
from LiverTumorAttentionLib.inference.memory_ladder import on_the_processor_too
from LiverTumorAttentionLib.inference.nnunet.cropped_volume import all_of, holds_body, touches
from LiverTumorAttentionLib.inference.nnunet.network_input import NetworkInput, PassGrid
from LiverTumorAttentionLib.inference.nnunet.network_run import Wanted, run_networks
from LiverTumorAttentionLib.inference.nnunet.normalization import nonzero_box
from LiverTumorAttentionLib.inference.nnunet.views import AxisOrder
from LiverTumorAttentionLib.inference.nnunet.volume_output import OutputMeaning, VolumeOutput
from LiverTumorAttentionLib.models.nnunet_settings import NetworkPass, NNUNetSettings
from LiverTumorAttentionLib.models.stage_description import StageDescription
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import Box, bounding_box, expanded_box, margin_voxels

Volume = NDArray[np.generic]

LIVER_MARGIN_MM = 20.0
"""How far beyond the liver that is known already a network is run at least."""


@dataclass(frozen=True, kw_only=True)
class NNUNetNetworks:
    """The networks of a stage, with their weights in place."""

    main: Sequence[torch.nn.Module]
    """The stage's network with the weights of each fold."""
    previous: Sequence[torch.nn.Module] = ()
    """Those before it in a cascade."""


@dataclass(frozen=True, kw_only=True)
class NNUNetAnswer:
    """What a stage found, as arrays (z, y, x) on the volume's grid in LPS order."""

    labels: NDArray[np.unsignedinteger]
    """Label values as the training data has them, uint8 or uint16."""
    probability: NDArray[np.float16] | None
    """Probability of the group that was asked for; a half or more just where the labels say so."""


class NNUNetPredictor:
    """Runs a stage of a model that nnU-Net trained.

    networks: with their weights. group: whose probability is returned, "liver" or "tumor" as in
    `StageDescription.class_groups`; None for none. mirror: whether answers to mirrored patches are averaged too.
    everywhere: whether the networks are run on the whole volume, as nnU-Net does; else only on patches that hold a part
    of the body, and of the liver where that is known, with the same result there and background elsewhere.
    """

    def __init__(
        self,
        description: StageDescription,
        networks: NNUNetNetworks,
        device: Device,
        *,
        group: str | None = "tumor",
        mirror: bool = False,
        everywhere: bool = False,
    ) -> None:
        if description.nnunet is None:
            raise ModelError(f"stage {description.name!r} is none of nnU-Net's: choose another model")
        self._description = description
        self._settings: NNUNetSettings = description.nnunet
        self._networks = networks
        self._channels = description.class_groups.get(group, ()) if group is not None else ()
        self._mirror = mirror
        self._everywhere = everywhere
        self._order = AxisOrder.of(description.orientation, self._settings.transposition)
        self.device = device
        """The device of the last prediction: the CPU where the first one had too little memory."""

    def predict(
        self, volumes: Mapping[str, sitk.Image], progress: Progress, *, liver: Volume | None = None
    ) -> NNUNetAnswer:
        """Return the labels of a case, and the probability of the group.

        volumes: of each phase of the channels, HU, all on one grid in LPS order. liver: mask (z, y, x) on that grid,
        where the liver is known already. Raises `Cancelled`, and `OutOfMemory`.
        """

        def predict(device: Device) -> NNUNetAnswer:
            self.device = device
            return self._predict(volumes, progress, liver)

        answer, self.device = on_the_processor_too(predict, self.device)
        return answer

    def _predict(
        self, volumes: Mapping[str, sitk.Image], progress: Progress, liver: Volume | None
    ) -> NNUNetAnswer:
        arrays = {phase: sitk.GetArrayViewFromImage(image) for phase, image in volumes.items()}
        spacing = self._order.ordered(next(iter(volumes.values())).GetSpacing()[::-1])
        main, previous = self._settings.run, self._settings.previous
        views = {phase: self._order.view(array) for phase, array in arrays.items()}
        box = nonzero_box([views[channel.phase] for channel in main.channels])
        cropped = {phase: view[box] for phase, view in views.items()}
        shape = next(iter(arrays.values())).shape
        known = None if liver is None else self._order.view(liver)[box]
        before = None
        if previous is not None:
            before, _ = self._run(
                self._networks.previous,
                previous.run,
                cropped,
                shape,
                box,
                spacing,
                progress.part(0.0, 0.3),
                known,
            )
            before = self._order.view(before)[box]
            known = self._liver_in(before) if known is None else known
            progress = progress.part(0.3, 1.0)
        labels, probability = self._run(
            self._networks.main,
            main,
            cropped,
            shape,
            box,
            spacing,
            progress,
            known,
            before=before,
            probable=True,
        )
        return NNUNetAnswer(labels=labels, probability=probability)

    def _run(
        self,
        networks: Sequence[torch.nn.Module],
        run: NetworkPass,
        cropped: Mapping[str, Volume],
        shape: Sequence[int],
        box: Box,
        spacing: Sequence[float],
        progress: Progress,
        liver: Volume | None,
        *,
        before: Volume | None = None,
        probable: bool = False,
    ) -> tuple[NDArray[np.unsignedinteger], NDArray[np.float16] | None]:
        """Return labels and probability of one pass over the cropped volume, as arrays in LPS order."""
        description = self._description
        group = self._channels if probable else ()
        meaning = OutputMeaning(description.outputs, description.activation, group, run.averaged)
        labels: NDArray[np.unsignedinteger] = np.zeros(shape, dtype=meaning.label_type)
        probability = np.zeros(shape, dtype=np.float16) if group else None
        volumes = [cropped[channel.phase] for channel in run.channels]
        grid = PassGrid.of(run, volumes[0].shape, spacing)
        values = sorted({label for output in description.outputs for label in output.labels if label})
        source = NetworkInput(run, grid, volumes, self.device.torch, before, values)
        output = VolumeOutput(
            grid.to_volume(run.output_resampling),
            meaning,
            self._order.view(labels)[box],
            None if probability is None else self._order.view(probability)[box],
        )
        for network in networks:
            network.eval().to(self.device.torch)
        run_networks(
            networks,
            run,
            grid,
            source,
            meaning,
            output,
            self.device,
            progress,
            mirror=self._mirror,
            wanted=self._wanted(cropped["portal"], liver, spacing),
        )
        return labels, probability

    def _wanted(self, portal: Volume, liver: Volume | None, spacing: Sequence[float]) -> Wanted | None:
        """Return on which patches the networks are run; None for all."""
        if self._everywhere:
            return None
        conditions = [holds_body(portal)]
        box = None if liver is None else bounding_box(liver)
        if box is not None:
            margin = margin_voxels(LIVER_MARGIN_MM, spacing)
            conditions.append(touches(expanded_box(box, margin, portal.shape)))
        return all_of(conditions)

    def _liver_in(self, labels: Volume) -> Volume | None:
        """Return the liver in labels of the stage's outputs; None for a stage that finds no liver."""
        values = [
            output.value
            for output in self._description.outputs
            if output.meaning in ("liver", "tumor", "cyst")
        ]
        found = np.isin(labels, values)
        return found if found.any() else None
