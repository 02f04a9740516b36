"""A 2.5D network over a volume: neighbouring slices as channels, overlapping tiles, blended borders."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from LiverTumorAttentionLib.inference.device import Device
from LiverTumorAttentionLib.inference.tiles import tile_starts, tile_weight
from LiverTumorAttentionLib.models.description import StageDescription
from LiverTumorAttentionLib.preprocessing import stack_neighbours
from LiverTumorAttentionLib.progress import Progress

PIXELS_A_BATCH = {"cpu": 2 * 160 * 160, "cuda": 64 * 224 * 224}
STRIDE = 32
"""Tiles measure whole steps of the coarsest level of the networks, in pixels."""


class SlicePredictor:
    """Runs a stage's network slice by slice.

    network: takes one (B, 2 * neighbours + 1, Y, X) tensor a phase and returns (B, classes, Y, X) logits.
    Source: PA-ResSeg, section 4.A: three adjacent slices of each phase, overlapping tiles, slices stacked.
    """

    def __init__(self, network: torch.nn.Module, stage: StageDescription, device: Device) -> None:
        self._network = network.to(device.torch).to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        self._stage = stage
        self._device = device

    def predict(self, phases: Sequence[NDArray[np.float32]], progress: Progress) -> NDArray[np.float32]:
        """Return the probability of the last class, (z, y, x) in [0, 1].

        phases: one (z, y, x) network input a phase, all of one shape.
        Memory is that of the volume and of one batch of tiles. Raises `Cancelled` within a batch.
        """
        depth, height, width = phases[0].shape
        tile = self._tile_size(height, width)
        padded = [_padded(phase, tile) for phase in phases]
        corners = [
            (y, x)
            for y in tile_starts(padded[0].shape[1], tile[0], self._stage.overlap)
            for x in tile_starts(padded[0].shape[2], tile[1], self._stage.overlap)
        ]
        weight = tile_weight(tile)
        weights = np.zeros(padded[0].shape[1:], dtype=np.float32)
        for y, x in corners:
            weights[y : y + tile[0], x : x + tile[1]] += weight
        batch = max(1, PIXELS_A_BATCH[self._device.torch.type] // (tile[0] * tile[1]))

        total = np.zeros(padded[0].shape, dtype=np.float32)
        places = [(z, y, x) for z in range(depth) for y, x in corners]
        for first in range(0, len(places), batch):
            progress.update(first / len(places), f"slice {places[first][0] + 1} of {depth}")
            chosen = places[first : first + batch]
            for (z, y, x), result in zip(chosen, self._tiles(padded, chosen, tile), strict=True):
                total[z, y : y + tile[0], x : x + tile[1]] += weight * result
        total /= weights
        return total[:, :height, :width]

    def _tiles(
        self,
        phases: Sequence[NDArray[np.float32]],
        places: Sequence[tuple[int, int, int]],
        tile: tuple[int, int],
    ) -> NDArray[np.float32]:
        """Return the probability over a batch of tiles, (tiles, height, width)."""
        inputs = []
        for phase in phases:
            stacks = [
                stack_neighbours(phase, z, self._stage.neighbours)[:, y : y + tile[0], x : x + tile[1]]
                for z, y, x in places
            ]
            tensor = torch.from_numpy(np.stack(stacks)).to(self._device.torch)
            inputs.append(tensor.contiguous(memory_format=torch.channels_last))
        with self._device.running():
            logits = self._network(*inputs)
            return torch.softmax(logits.float(), dim=1)[:, -1].cpu().numpy()

    def _tile_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the stage's tile, cut to whole steps over the slice where the slice is smaller."""
        tall, wide = self._stage.tile
        return min(tall, -(-height // STRIDE) * STRIDE), min(wide, -(-width // STRIDE) * STRIDE)


def _padded(volume: NDArray[np.float32], tile: tuple[int, int]) -> NDArray[np.float32]:
    """Return a (z, y, x) volume whose slices are filled up with zeros at their far borders to one tile."""
    missing = [max(0, wanted - got) for wanted, got in zip(tile, volume.shape[1:], strict=True)]
    if not any(missing):
        return volume
    return np.pad(volume, ((0, 0), (0, missing[0]), (0, missing[1])))
