"""Sliding-window inference of a 2D or 2.5D network: adjacent slices as channels, overlapping tiles."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from LiverTumorAttentionLib.inference.attention_recorder import AttentionRecorder, Recorded
from LiverTumorAttentionLib.inference.device import Device
from LiverTumorAttentionLib.inference.in_order import in_order, one_thread
from LiverTumorAttentionLib.inference.memory_ladder import STRIDE, MemoryLadder, Plan
from LiverTumorAttentionLib.inference.sliding_window import (
    ClassGroups,
    WeightedSum,
    Window,
    group_probabilities,
    triangle,
    windows_along,
)
from LiverTumorAttentionLib.models.stage_description import SliceSettings
from LiverTumorAttentionLib.preprocessing import stack_neighbours
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import Box, full_box

PIXELS_A_BATCH = {"cpu": 2 * 160 * 160, "cuda": 64 * 224 * 224}
Place = tuple[int, Window, Window]
"""A tile: its slice, and its windows along y and x."""
ONE_SLICE = np.ones(1, dtype=np.float32)


class SlicePredictor:
    """Runs a network slice by slice.

    network: takes one (B, 2 * neighbours + 1, Y, X) tensor a phase and returns (B, classes, Y, X) logits.
    groups: the classes whose probabilities are summed to each map that is returned.
    Source: PA-ResSeg, section 4.B: three adjacent slices of each phase, overlapping tiles, slices stacked;
        SFAN, section 3: the image at several scales, probabilities resized bilinearly and averaged.
    """

    def __init__(
        self, network: torch.nn.Module, settings: SliceSettings, device: Device, groups: ClassGroups
    ) -> None:
        self._network = network.eval()
        self._settings = settings
        self._groups = groups
        self._device = device
        self._ladder = MemoryLadder()
        self._move_to(device)

    @property
    def device(self) -> Device:
        """The device of the last prediction: the CPU where the first one had too little memory."""
        return self._device

    def _move_to(self, device: Device) -> None:
        self._device = device
        self._network = self._network.to(device.torch).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def _begin_on(self, device: Device, shape: Sequence[int]) -> Plan:
        """Return the plan for slices of (z, y, x) volumes of a shape on a device, which the network is moved to."""
        if device is not self._device:
            self._move_to(device)
        sides = zip(self._settings.tile, shape[1:], strict=True)
        tall, wide = (min(side, -(-length // STRIDE) * STRIDE) for side, length in sides)
        return Plan(
            device=device, window=(tall, wide), together=max(1, PIXELS_A_BATCH[device.kind] // (tall * wide))
        )

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
        keep: the box that is wanted; only tiles that touch it are computed. None keeps everything.
        recorder: records the attention while it is computed.
        Memory is that of the kept box and of one batch of tiles a thread; see `memory_ladder` for what happens when it
        runs out. Raises `Cancelled` within a batch, and `OutOfMemory`.
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
        shape = phases[0].shape
        canvas = WeightedSum(len(self._groups), keep)
        tile = plan.tile
        padded = [_padded(phase, tile) for phase in phases]
        rows, columns = (
            windows_along(length, size, self._settings.overlap, triangle)
            for length, size in zip(padded[0].shape[1:], tile, strict=True)
        )
        places = [
            (z, y, x)
            for z in range(shape[0])
            for y in rows
            for x in columns
            if canvas.touches((z, y.start, x.start), (1, *tile))
        ]
        batches = [places[first : first + plan.together] for first in range(0, len(places), plan.together)]

        def compute(chosen: list[Place]) -> tuple[NDArray[np.float32], Recorded]:
            if recorder is not None:
                recorder.taken()
            corners = [(z, y.start, x.start) for z, y, x in chosen]
            results = self._tiles(padded, corners, tile, plan.device)
            return results, {} if recorder is None else recorder.taken()

        done = 0
        with closing(in_order(compute, batches, plan.device.threads)) as computed:
            for chosen in batches:
                progress.update(done / len(places), f"slice {chosen[0][0] + 1} of {shape[0]}")
                results, recorded = next(computed)
                weights = [(ONE_SLICE, y.weights, x.weights) for _, y, x in chosen]
                corners = [(z, y.start, x.start) for z, y, x in chosen]
                for corner, result, weight in zip(corners, results, weights, strict=True):
                    canvas.add(corner, result[:, None], weight)
                if recorder is not None:
                    recorder.add(recorded, corners, (1, *tile), weights, keep)
                done += len(chosen)
        return canvas.total

    def record_from(
        self, phases: Sequence[NDArray[np.float32]], place: tuple[int, int, int], recorder: AttentionRecorder
    ) -> None:
        """Record what a network with attention between places attends to from one voxel (z, y, x).

        One tile of the slice is computed, centered on the voxel as far as the slice allows.
        """
        shape = phases[0].shape

        def run(plan: Plan) -> None:
            recorder.taken()
            tile = plan.tile
            padded = [_padded(phase, tile) for phase in phases]
            y, x = (
                min(max(0, at - size // 2), length - size)
                for at, size, length in zip(place[1:], tile, padded[0].shape[1:], strict=True)
            )
            with one_thread(), recorder.recording_from((place[1] - y, place[2] - x), tile):
                self._tiles(padded, [(place[0], y, x)], tile, plan.device)
            recorder.add(
                recorder.taken(),
                [(place[0], y, x)],
                (1, *tile),
                [(ONE_SLICE, np.ones(tile[0], np.float32), np.ones(tile[1], np.float32))],
                full_box(shape),
            )

        self._ladder.run(run, self._device, partial(self._begin_on, shape=shape))

    def _tiles(
        self,
        phases: Sequence[NDArray[np.float32]],
        corners: Sequence[tuple[int, int, int]],
        tile: tuple[int, int],
        device: Device,
    ) -> NDArray[np.float32]:
        """Return the probability of the groups over a batch of tiles, (tiles, groups, height, width)."""
        inputs = []
        for phase in phases:
            stacks = [
                stack_neighbours(phase, z, self._settings.neighbours)[:, y : y + tile[0], x : x + tile[1]]
                for z, y, x in corners
            ]
            inputs.append(torch.from_numpy(np.stack(stacks)).to(device.torch))
        with device.running():
            results = [self._at_scale(inputs, scale, tile) for scale in self._settings.scales]
            return (torch.stack(results).sum(dim=0) / len(results)).cpu().numpy()

    def _at_scale(self, inputs: list[torch.Tensor], scale: float, tile: tuple[int, int]) -> torch.Tensor:
        """Return the probability of the groups at the tile's own size from the tile at another scale."""
        size = [max(STRIDE // 2, round(side * scale / (STRIDE // 2)) * (STRIDE // 2)) for side in tile]
        if size != list(tile):
            inputs = [functional.interpolate(x, size=size, mode="bilinear") for x in inputs]
        logits = self._network(*(x.contiguous(memory_format=torch.channels_last) for x in inputs))
        result = group_probabilities(logits, self._groups)
        if size != list(tile):
            result = functional.interpolate(result, size=tile, mode="bilinear")
        return result


def _padded(volume: NDArray[np.float32], tile: tuple[int, int]) -> NDArray[np.float32]:
    """Return a (z, y, x) volume whose slices are filled up with zeros at their far borders to one tile."""
    missing = [max(0, wanted - got) for wanted, got in zip(tile, volume.shape[1:], strict=True)]
    if not any(missing):
        return volume
    return np.pad(volume, ((0, 0), (0, missing[0]), (0, missing[1])))
