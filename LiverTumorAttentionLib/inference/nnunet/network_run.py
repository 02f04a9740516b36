"""One network of nnU-Net, or its folds, run over a cropped volume patch by patch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations, product

import torch

from LiverTumorAttentionLib.inference.device import Device
from LiverTumorAttentionLib.inference.nnunet.network_input import NetworkInput, PassGrid
from LiverTumorAttentionLib.inference.nnunet.patches import gaussian_weights, patch_starts
from LiverTumorAttentionLib.inference.nnunet.rolling_rows import InputWindow, RollingMean
from LiverTumorAttentionLib.inference.nnunet.volume_output import OutputMeaning, VolumeOutput
from LiverTumorAttentionLib.models.nnunet_settings import NetworkPass
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import Box

Wanted = Callable[[Box], bool]
"""Whether a network is run on a patch that sees this box of the cropped volume."""


def run_networks(
    networks: Sequence[torch.nn.Module],
    run: NetworkPass,
    grid: PassGrid,
    source: NetworkInput,
    meaning: OutputMeaning,
    output: VolumeOutput,
    device: Device,
    progress: Progress,
    *,
    mirror: bool = True,
    wanted: Wanted | None = None,
) -> None:
    """Run networks over a volume and fill `output`.

    networks: the folds, whose answers are averaged; each takes (1, channels, ...) and returns (1, maps, ...) logits.
    mirror: whether the answers to mirrored patches are averaged too, over all combinations of `run.mirror_axes`.
    wanted: which patches are run; None runs all. What lies in none that is run is background. Memory is that of the
    rows of one patch over the whole plane. Raises `Cancelled` between patches, and `OutOfMemory`.
    """
    depth, height, width = grid.patch
    along = [_starts(run, grid, axis) for axis in (0, 1, 2)]
    weights = torch.from_numpy(gaussian_weights(tuple(run.patch))).to(device.torch).reshape(grid.patch)
    mean = RollingMean(len(meaning.outputs), depth, grid.padded_shape[1:], meaning.unseen(), device.torch)
    window = InputWindow(source, depth)
    flips = mirrorings(run.mirror_axes if mirror else ())
    places = list(product(*along[1:]))
    patches = len(places) * len(along[0])
    for row, z in enumerate(along[0]):
        window.move_to(z)
        for number, (y, x) in enumerate(places, start=row * len(places)):
            progress.update(number / patches, f"patch {number + 1} of {patches}")
            if wanted is None or wanted(grid.seen((z, y, x))):
                patch = window.rows[None, :, :, y : y + height, x : x + width]
                with device.running():
                    found = _averaged(networks, patch, run.dimensions, flips, meaning)
                mean.add((z, y, x), found, weights)
        stop = along[0][row + 1] if row + 1 < len(along[0]) else grid.padded_shape[0]
        for first, rows in mean.taken(stop):
            inside = grid.without_padding(rows, first)
            if inside.shape[1]:
                output.add(inside)
    progress.update(1.0)


def mirrorings(axes: Sequence[int]) -> list[tuple[int, ...]]:
    """Return all combinations of axes along which a patch may be mirrored, the one of none first."""
    return [chosen for count in range(len(axes) + 1) for chosen in combinations(axes, count)]


def _starts(run: NetworkPass, grid: PassGrid, axis: int) -> list[int]:
    length, side = grid.padded_shape[axis], grid.patch[axis]
    if run.dimensions == 2 and axis == 0:
        return list(range(length))
    return patch_starts(length, side, run.step)


def _averaged(
    networks: Sequence[torch.nn.Module],
    patch: torch.Tensor,
    dimensions: int,
    flips: Sequence[tuple[int, ...]],
    meaning: OutputMeaning,
) -> torch.Tensor:
    """Return the mean answer (maps, z, y, x) of networks to a patch (1, channels, z, y, x) and its mirror images."""
    given = patch[:, :, 0] if dimensions == 2 else patch
    total: torch.Tensor | float = 0.0
    for network in networks:
        for flip in flips:
            axes = [axis + 2 for axis in flip]
            answer = meaning.activated(network(given.flip(axes) if axes else given.contiguous()).float())
            total = total + (answer.flip(axes) if axes else answer)
    mean = torch.as_tensor(total)[0] / (len(networks) * len(flips))
    return mean[:, None] if dimensions == 2 else mean
