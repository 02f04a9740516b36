"""Sliding-window inference of a 3D network: overlapping patches, blended by a Gaussian."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from LiverTumorAttentionLib.inference.attention_recorder import AttentionRecorder
from LiverTumorAttentionLib.inference.device import Device
from LiverTumorAttentionLib.inference.memory_ladder import STRIDE, MemoryLadder, Plan
from LiverTumorAttentionLib.inference.sliding_window import (
    ClassGroups,
    WeightedSum,
    gaussian,
    group_probabilities,
    windows_along,
)
from LiverTumorAttentionLib.models.stage_description import PatchSettings
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import Box, full_box


class PatchPredictor:
    """Runs a network patch by patch.

    network: takes one (1, 1, Z, Y, X) tensor a phase and returns (1, classes, Z, Y, X) logits.
    groups: the classes whose probabilities are summed to each map that is returned.
    Source: DPC-Net, section III.A: a sliding window of the size of the training patches, half overlapping.
    """

    def __init__(
        self, network: torch.nn.Module, settings: PatchSettings, device: Device, groups: ClassGroups
    ) -> None:
        self._network = network.eval().to(device.torch)
        self._settings = settings
        self._groups = groups
        self._device = device
        self._ladder = MemoryLadder()

    @property
    def device(self) -> Device:
        """The device of the last prediction: the CPU where the first one had too little memory."""
        return self._device

    def _begin_on(self, device: Device, shape: Sequence[int]) -> Plan:
        """Return the plan for (z, y, x) volumes of a shape on a device, which the network is moved to."""
        if device is not self._device:
            self._device, self._network = device, self._network.to(device.torch)
        sides = zip(self._settings.patch, shape, strict=True)
        patch = tuple(min(side, -(-length // STRIDE) * STRIDE) for side, length in sides)
        return Plan(device=device, window=patch, together=1)

    def predict(
        self,
        phases: Sequence[NDArray[np.float32]],
        progress: Progress,
        *,
        keep: Box | None = None,
        recorder: AttentionRecorder | None = None,
    ) -> NDArray[np.float32]:
        """Return the probability of each group, (groups, z, y, x) in [0, 1].

        phases: one (z, y, x) network input a phase, all of one shape.
        keep: the box that is wanted; only patches that touch it are computed. None keeps everything.
        recorder: records the attention while it is computed.
        Memory is that of the kept box and of one patch; see `memory_ladder` for what happens when it runs out. Threads
        share a patch, so that their number changes the last digits. Raises `Cancelled` between patches, and
        `OutOfMemory`.
        """

        def run(plan: Plan) -> NDArray[np.float32]:
            if recorder is not None:
                recorder.restart()
            return self._predict(plan, phases, progress, keep or full_box(phases[0].shape), recorder)

        return self._ladder.run(run, self._device, partial(self._begin_on, shape=phases[0].shape))

    def _predict(
        self,
        plan: Plan,
        phases: Sequence[NDArray[np.float32]],
        progress: Progress,
        keep: Box,
        recorder: AttentionRecorder | None,
    ) -> NDArray[np.float32]:
        """Return the probability of each group as `predict` does, by one plan."""
        canvas = WeightedSum(len(self._groups), keep)
        patch = plan.patch
        padded = [_padded(phase, patch) for phase in phases]
        along = [
            windows_along(length, size, self._settings.overlap, gaussian)
            for length, size in zip(padded[0].shape, patch, strict=True)
        ]
        places = [
            place
            for place in ((z, y, x) for z in along[0] for y in along[1] for x in along[2])
            if canvas.touches([piece.start for piece in place], patch)
        ]
        for number, place in enumerate(places):
            progress.update(number / len(places), f"patch {number + 1} of {len(places)}")
            corner = (place[0].start, place[1].start, place[2].start)
            weights = (place[0].weights, place[1].weights, place[2].weights)
            canvas.add(corner, self._patch(padded, corner, patch, plan.device), weights)
            if recorder is not None:
                recorder.add(recorder.taken(), [corner], patch, [weights], keep)
        return canvas.total

    def _patch(
        self,
        phases: Sequence[NDArray[np.float32]],
        corner: tuple[int, int, int],
        patch: tuple[int, int, int],
        device: Device,
    ) -> NDArray[np.float32]:
        """Return the probability of the groups over one patch, (groups, z, y, x)."""
        window = tuple(slice(start, start + side) for start, side in zip(corner, patch, strict=True))
        inputs = [
            torch.from_numpy(np.ascontiguousarray(phase[window]))[None, None].to(device.torch)
            for phase in phases
        ]
        with device.running():
            return group_probabilities(self._network(*inputs), self._groups)[0].cpu().numpy()


def _padded(volume: NDArray[np.float32], patch: tuple[int, int, int]) -> NDArray[np.float32]:
    """Return a (z, y, x) volume that is filled up at its far borders, with what lies there, to one patch."""
    missing = [max(0, wanted - got) for wanted, got in zip(patch, volume.shape, strict=True)]
    if not any(missing):
        return volume
    return np.pad(volume, [(0, more) for more in missing], mode="edge")
