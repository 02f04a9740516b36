"""Recording of a network's attention by forward hooks, on the grid that the network works on."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
import torch
from numpy.typing import NDArray
from torch.nn import functional

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.inference.sliding_window import WeightedSum
from LiverTumorAttentionLib.networks import AttentionMap, PointAttention
from LiverTumorAttentionLib.voxels.boxes import Box, crop_image

Place = tuple[int, int, int]
Recorded = dict[str, list[torch.Tensor]]
"""What modules attended to in a batch of windows, by their names."""


@dataclass(frozen=True, kw_only=True)
class ChannelWeights:
    """Channel weights of a module in one window of the volume."""

    center: tuple[float, float, float]
    """The center of the window on the stage's grid, as a continuous index (x, y, z)."""
    weights: NDArray[np.float32]
    """One weight a channel, (C,)."""


class AttentionRecorder:
    """Records what passes the network's `AttentionMap`s and resamples spatial maps onto the stage's grid.

    Maps of one tile at several scales are averaged. Maps on coarser levels are interpolated linearly to the
    tile and blended as the probabilities are.
    """

    def __init__(self) -> None:
        self.about: dict[str, str] = {}
        """What each module's weights say, by the module's name in the network."""
        self.grid = sitk.Image()
        """The grid that the network worked on."""
        self.vectors: dict[str, list[ChannelWeights]] = {}
        """Weights of channels by module, one entry a window, in the order of computation."""
        self._sums: dict[str, WeightedSum] = {}
        self._local = threading.local()
        self._points: dict[str, PointAttention] = {}

    @property
    def _pending(self) -> Recorded:
        """What this thread has recorded and not yet handed over."""
        if not hasattr(self._local, "pending"):
            self._local.pending = {}
        pending: Recorded = self._local.pending
        return pending

    def restart(self) -> None:
        """Forget the maps and weights that were added, to compute them once more."""
        self.vectors.clear()
        self._sums.clear()
        self.taken()

    def taken(self) -> Recorded:
        """Return what this thread has recorded since the last call, by module."""
        recorded, self._local.pending = self._pending, {}
        return recorded

    @property
    def maps(self) -> dict[str, sitk.Image]:
        """Weights of places by module, float32, on the computed part of the stage's grid."""
        images = {}
        for name, weighted_sum in self._sums.items():
            images[name] = sitk.GetImageFromArray(weighted_sum.total[0])
            images[name].CopyInformation(crop_image(self.grid, weighted_sum.box))
        return images

    @contextmanager
    def recording(self, network: torch.nn.Module, grid: sitk.Image) -> Iterator[None]:
        """Record this network while the block runs; `grid` is the grid of its input."""
        self.grid = grid
        with ExitStack() as hooks:
            for name, module in network.named_modules():
                if isinstance(module, AttentionMap):
                    self.about[name] = module.about
                    hook = module.register_forward_hook(self._recording_hook(name))
                    hooks.callback(hook.remove)
                elif isinstance(module, PointAttention):
                    self._points[name] = module
            yield
        self.taken()
        self._points.clear()

    @contextmanager
    def recording_from(self, point: tuple[int, int], tile: tuple[int, int]) -> Iterator[None]:
        """Record, while the block runs, what modules with attention between places attend to from one pixel.

        point: row and column in the tile. tile: its height and width.
        """

        def hook_of(name: str, module: PointAttention) -> Any:
            def hook(_: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
                x = inputs[0]
                row, column = (
                    min(at * size // side, size - 1)
                    for at, size, side in zip(point, x.shape[2:], tile, strict=True)
                )
                self._pending.setdefault(name, []).append(module.attention_of(x, row, column).float())

            return hook

        with ExitStack() as hooks:
            for name, module in self._points.items():
                self.about[name] = module.about
                if isinstance(module, torch.nn.Module):
                    hooks.callback(module.register_forward_pre_hook(hook_of(name, module)).remove)
            yield
        self._local.pending = {name: maps for name, maps in self._pending.items() if name in self._points}

    def add(
        self,
        recorded: Recorded,
        corners: Sequence[Place],
        size: tuple[int, int, int],
        weights: Sequence[Sequence[NDArray[np.float32]]],
        box: Box,
    ) -> None:
        """Add what was recorded of a batch of windows.

        recorded: as `taken` returned it, in the thread that computed them. corners: first voxel of each window. size:
        of all windows. weights: along z, y, x, for each window. box: the part of the stage's grid that is computed.
        """
        for name, maps in recorded.items():
            if maps[0].ndim == 2:
                mean = (torch.stack(maps).sum(dim=0) / len(maps)).cpu().numpy()
                entries = self.vectors.setdefault(name, [])
                entries += [
                    ChannelWeights(center=_center(corner, size), weights=row)
                    for corner, row in zip(corners, mean, strict=True)
                ]
                continue
            weighted_sum = self._sums.setdefault(name, WeightedSum(1, box))
            for corner, values, along in zip(corners, _on_tile(maps, size), weights, strict=True):
                weighted_sum.add(corner, values, along)

    @staticmethod
    def has_point_attention(network: torch.nn.Module) -> bool:
        """Whether the network has attention between places, which is recorded from one of them."""
        return any(isinstance(module, PointAttention) for module in network.modules())

    def _recording_hook(self, name: str) -> Any:
        def hook(_: torch.nn.Module, __: tuple[torch.Tensor, ...], weights: torch.Tensor) -> None:
            self._pending.setdefault(name, []).append(weights.float())

        return hook


def check_records_attention(network: torch.nn.Module, name: str) -> None:
    """Raise `ModelError` when a network computes no attention that could be recorded."""
    if not any(isinstance(module, AttentionMap | PointAttention) for module in network.modules()):
        raise ModelError(
            f"the network {name!r} computes no attention that could be saved: choose a model with one of the "
            "attention networks, or leave out the folder for it"
        )


def _center(corner: Place, size: Place) -> tuple[float, float, float]:
    """Return the center of a window as a continuous index (x, y, z)."""
    z, y, x = (first + (length - 1) / 2 for first, length in zip(corner, size, strict=True))
    return x, y, z


def _on_tile(maps: Sequence[torch.Tensor], size: tuple[int, int, int]) -> NDArray[np.float32]:
    """Return the mean of several maps, each resized to the window: (B, 1, z, y, x)."""
    total = torch.zeros(())
    for weights in maps:
        flat = weights.ndim == 4
        target = size[1:] if flat else size
        if tuple(weights.shape[2:]) != target:
            mode = "bilinear" if flat else "trilinear"
            weights = functional.interpolate(weights, size=target, mode=mode)
        total = total + (weights[:, :, None] if flat else weights).cpu()
    return (total / len(maps)).numpy()
