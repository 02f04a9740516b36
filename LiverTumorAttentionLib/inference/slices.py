"""Sliding-window inference of a 2D or 2.5D network: adjacent slices as channels, overlapping tiles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from LiverTumorAttentionLib.inference.attention_recorder import AttentionRecorder
from LiverTumorAttentionLib.inference.device import Device
from LiverTumorAttentionLib.inference.sliding_window import (
    ClassGroups,
    WeightedSum,
    group_probabilities,
    triangle,
    windows_along,
)
from LiverTumorAttentionLib.models.description import SliceSettings
from LiverTumorAttentionLib.preprocessing import stack_neighbours
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import Box, full_box

PIXELS_A_BATCH = {"cpu": 2 * 160 * 160, "cuda": 64 * 224 * 224}
STRIDE = 32
"""Tiles measure whole steps of the coarsest level of the networks, in pixels."""
ONE_SLICE = np.ones(1, dtype=np.float32)


class SlicePredictor:
    """Runs a network slice by slice.

    network: takes one (B, 2 * neighbours + 1, Y, X) tensor a phase and returns (B, classes, Y, X) logits.
    groups: the classes whose probabilities are summed to each map that is returned.
    Source: PA-ResSeg, section 4.A: three adjacent slices of each phase, overlapping tiles, slices stacked;
        SFAN, section 3: the image at several scales, probabilities resized bilinearly and averaged.
    """

    def __init__(
        self, network: torch.nn.Module, settings: SliceSettings, device: Device, groups: ClassGroups
    ) -> None:
        self._network = network.to(device.torch).to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        self._settings = settings
        self._device = device
        self._groups = groups

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
        Memory is that of the kept box and of one batch of tiles. Raises `Cancelled` within a batch.
        """
        shape = phases[0].shape
        canvas = WeightedSum(len(self._groups), keep or full_box(shape))
        tile = self._tile_size(*shape[1:])
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
        batch = max(1, PIXELS_A_BATCH[self._device.torch.type] // (tile[0] * tile[1]))
        for first in range(0, len(places), batch):
            progress.update(first / len(places), f"slice {places[first][0] + 1} of {shape[0]}")
            chosen = places[first : first + batch]
            corners = [(z, y.start, x.start) for z, y, x in chosen]
            weights = [(ONE_SLICE, y.weights, x.weights) for _, y, x in chosen]
            results = self._tiles(padded, corners, tile)
            for corner, result, weight in zip(corners, results, weights, strict=True):
                canvas.add(corner, result[:, None], weight)
            if recorder is not None:
                recorder.add(corners, (1, *tile), weights, keep or full_box(shape))
        return canvas.total

    def record_from(
        self, phases: Sequence[NDArray[np.float32]], place: tuple[int, int, int], recorder: AttentionRecorder
    ) -> None:
        """Record what a network with attention between places attends to from one voxel (z, y, x).

        One tile of the slice is computed, centered on the voxel as far as the slice allows.
        """
        shape = phases[0].shape
        tile = self._tile_size(*shape[1:])
        padded = [_padded(phase, tile) for phase in phases]
        corner = [
            min(max(0, at - size // 2), length - size)
            for at, size, length in zip(place[1:], tile, padded[0].shape[1:], strict=True)
        ]
        y, x = corner
        with recorder.recording_from((place[1] - y, place[2] - x), tile):
            self._tiles(padded, [(place[0], y, x)], tile)
        recorder.add(
            [(place[0], y, x)],
            (1, *tile),
            [(ONE_SLICE, np.ones(tile[0], np.float32), np.ones(tile[1], np.float32))],
            full_box(shape),
        )

    def _tiles(
        self,
        phases: Sequence[NDArray[np.float32]],
        corners: Sequence[tuple[int, int, int]],
        tile: tuple[int, int],
    ) -> NDArray[np.float32]:
        """Return the probability of the groups over a batch of tiles, (tiles, groups, height, width)."""
        inputs = []
        for phase in phases:
            stacks = [
                stack_neighbours(phase, z, self._settings.neighbours)[:, y : y + tile[0], x : x + tile[1]]
                for z, y, x in corners
            ]
            inputs.append(torch.from_numpy(np.stack(stacks)).to(self._device.torch))
        with self._device.running():
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

    def _tile_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the stage's tile, cut to whole steps over the slice where the slice is smaller."""
        tall, wide = self._settings.tile
        return min(tall, -(-height // STRIDE) * STRIDE), min(wide, -(-width // STRIDE) * STRIDE)


def _padded(volume: NDArray[np.float32], tile: tuple[int, int]) -> NDArray[np.float32]:
    """Return a (z, y, x) volume whose slices are filled up with zeros at their far borders to one tile."""
    missing = [max(0, wanted - got) for wanted, got in zip(tile, volume.shape[1:], strict=True)]
    if not any(missing):
        return volume
    return np.pad(volume, ((0, 0), (0, missing[0]), (0, missing[1])))
