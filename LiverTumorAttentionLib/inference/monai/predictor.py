"""Runs a network that was trained with MONAI over the phases of a case."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
import torch
from numpy.typing import NDArray
from torch import nn

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.inference.device import Device
from LiverTumorAttentionLib.inference.memory_ladder import on_the_processor_too
from LiverTumorAttentionLib.inference.monai.axes import Axis
from LiverTumorAttentionLib.inference.monai.preparation import prepare
from LiverTumorAttentionLib.inference.monai.way_back import Decision, bring_back
from LiverTumorAttentionLib.inference.monai.windows import blended_planes
from LiverTumorAttentionLib.memory import is_out_of_memory
from LiverTumorAttentionLib.models.monai_settings import MonaiSettings
from LiverTumorAttentionLib.models.stage_description import StageDescription
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import Box, bounding_box

LIVER_MARGIN_MM = 20.0
"""How far beyond the liver that is known already the network is run at least."""
UNSEEN = 20.0
"""The logit of background where no window lies, and less all other outputs."""
_LPS = ("LR", "PA", "SI")
"""Of each axis of an LPS volume where it runs to, and the other end."""


@dataclass(frozen=True, kw_only=True)
class Turn:
    """From a volume's (x, y, z) in LPS order to the axes of an orientation, and back."""

    order: tuple[int, int, int]
    """Which of x, y and z becomes i, j and k."""
    flipped: tuple[int, ...]
    """Which of i, j and k run against it."""

    @classmethod
    def to(cls, orientation: str) -> Turn:
        """Return the turn to an orientation such as "RAS"."""
        order = [next(n for n, pair in enumerate(_LPS) if letter in pair) for letter in orientation]
        flipped = tuple(n for n, letter in enumerate(orientation) if _LPS[order[n]][0] != letter)
        i, j, k = order
        return cls(order=(i, j, k), flipped=flipped)

    def there(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return a (z, y, x) array as (i, j, k)."""
        return np.flip(array.transpose(2, 1, 0).transpose(self.order), self.flipped)

    def back(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return an (i, j, k) array as (z, y, x)."""
        return np.flip(array, self.flipped).transpose(np.argsort(self.order)).transpose(2, 1, 0)


@dataclass(frozen=True, kw_only=True)
class MonaiAnswer:
    """What a stage found, as arrays (z, y, x) on the volume's grid in LPS order."""

    labels: NDArray[np.uint16]
    """Values of the stage's outputs."""
    probability: NDArray[np.float16] | None
    """Probability of the group that was asked for; a half or more just where the labels say so."""


class MonaiPredictor:
    """Runs a stage of a model that was trained with MONAI.

    networks: with their weights, one or more whose logits are averaged. group: whose probability is returned, "liver"
    or "tumor" as in `StageDescription.class_groups`; None for none. everywhere: whether the network is run on the whole
    volume, as MONAI does; else on windows that hold a part of the liver alone, where that is known, with the same
    result there and background elsewhere.
    """

    def __init__(
        self,
        stage: StageDescription,
        networks: Sequence[nn.Module],
        device: Device,
        *,
        group: str | None = "tumor",
        everywhere: bool = False,
    ) -> None:
        if stage.monai is None:
            raise ModelError(f"stage {stage.name!r} is none of MONAI's: choose another model")
        self._stage = stage
        self._settings: MonaiSettings = stage.monai
        self._networks = [network.eval() for network in networks]
        self._everywhere = everywhere
        self._group = stage.class_groups.get(group, ()) if group is not None else ()
        self.device = device
        """The device of the last prediction: the CPU where the first one had too little memory."""

    def predict(
        self, volumes: Mapping[str, sitk.Image], progress: Progress, *, liver: NDArray[Any] | None = None
    ) -> MonaiAnswer:
        """Return the labels of a case, and the probability of the group.

        volumes: of each phase of the channels, HU, all on one grid in LPS order. liver: mask (z, y, x) on that grid,
        where the liver is known already. Raises `Cancelled` between windows, and `OutOfMemory`.
        """

        def predict(device: Device) -> MonaiAnswer:
            self.device = device
            return self._predict(volumes, progress, liver)

        answer, self.device = on_the_processor_too(predict, self.device)
        return answer

    def _predict(
        self, volumes: Mapping[str, sitk.Image], progress: Progress, liver: NDArray[Any] | None
    ) -> MonaiAnswer:
        turn = Turn.to(self._stage.orientation)
        chosen = [volumes[phase] for phase in self._settings.channels]
        channels = np.stack(
            [turn.there(sitk.GetArrayViewFromImage(image)).astype(np.float32) for image in chosen]
        )
        spacing = [chosen[0].GetSpacing()[axis] for axis in turn.order]
        prepared = prepare(channels, spacing, self._settings.parsed_steps)
        del channels
        for network in self._networks:
            network.to(self.device.torch)
        decision = Decision(
            settings=self._settings,
            outputs=self._stage.outputs,
            activation=self._stage.activation,
            group=self._group,
        )
        box = None if liver is None or self._everywhere else bounding_box(turn.there(liver))
        planes = blended_planes(
            prepared.values,
            self._settings,
            self._logits,
            progress,
            unseen=self._unseen(),
            wanted=None if box is None else _on_input(box, prepared.axes, spacing),
        )
        found = bring_back(planes, prepared.axes, decision)
        progress.update(1.0)
        return MonaiAnswer(
            labels=turn.back(found.labels),
            probability=None if found.probability is None else turn.back(found.probability),
        )

    def _unseen(self) -> list[float]:
        """Return the logits of background, one an output."""
        classes = self._stage.activation == "softmax"
        return [UNSEEN if classes and output.value == 0 else -UNSEEN for output in self._stage.outputs]

    def _logits(self, window: torch.Tensor) -> torch.Tensor:
        """Return the logits of windows, averaged over the networks."""
        given = window.to(self.device.torch)
        try:
            with self.device.running():
                total = self._networks[0](given).float()
                for network in self._networks[1:]:
                    total = total + network(given).float()
                return (total / len(self._networks)).cpu()
        except (ValueError, IndexError, AssertionError, RuntimeError) as error:
            if is_out_of_memory(error):
                raise
            size = " x ".join(str(side) for side in window.shape[2:])
            raise ModelError(
                f"the network of stage {self._stage.name!r} cannot be run on windows of {size} voxels "
                f"({' '.join(str(error).split())[:120]}): get the model again, with the window that it was made for"
            ) from error


def _on_input(box: Box, axes: Sequence[Axis], spacing_mm: Sequence[float]) -> Box:
    """Return the part of a network's input that covers a box (i, j, k) of the volume and the margin around it."""
    sides = []
    for side, axis, spacing in zip(box, axes, spacing_mm, strict=True):
        margin = LIVER_MARGIN_MM / spacing
        first = math.floor((side.start - margin) / axis.step) - axis.first + axis.before
        last = math.ceil((side.stop + margin) / axis.step) + 1 - axis.first + axis.before
        sides.append(slice(min(max(first, 0), axis.padded - 1), max(min(last, axis.padded), 1)))
    i, j, k = sides
    return i, j, k
