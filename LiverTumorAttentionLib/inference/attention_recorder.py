"""Watching the attention that a network computes, on the grid that it works on."""

from __future__ import annotations

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
from LiverTumorAttentionLib.inference.accumulator import Canvas
from LiverTumorAttentionLib.networks import AttentionMap, PointAttention
from LiverTumorAttentionLib.voxels.boxes import Box, crop_image

Place = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class ChannelWeights:
    """The weights that a module gave to channels in one piece of the volume."""

    center: tuple[float, float, float]
    """The middle of the piece on the stage's grid, as a continuous index (x, y, z)."""
    weights: NDArray[np.float32]
    """One weight a channel, (C,)."""


class AttentionWatch:
    """Sees what passes the network's `AttentionMap`s, and brings maps of places onto the stage's grid.

    A module that saw a tile several times (at several scales) is averaged over them. Maps on coarser levels
    are interpolated linearly to the tile, and blended as the probabilities are.
    """

    def __init__(self) -> None:
        self.about: dict[str, str] = {}
        """What each module's weights say, by the module's name in the network."""
        self.grid = sitk.Image()
        """The grid that the network worked on."""
        self.vectors: dict[str, list[ChannelWeights]] = {}
        """Weights of channels by module, one entry a piece, in the order in which they were computed."""
        self._canvases: dict[str, Canvas] = {}
        self._fresh: dict[str, list[torch.Tensor]] = {}
        self._points: dict[str, PointAttention] = {}

    @property
    def maps(self) -> dict[str, sitk.Image]:
        """Weights of places by module, float32, on the part of the stage's grid that was kept."""
        images = {}
        for name, canvas in self._canvases.items():
            images[name] = sitk.GetImageFromArray(canvas.total[0])
            images[name].CopyInformation(crop_image(self.grid, canvas.box))
        return images

    @contextmanager
    def over(self, network: torch.nn.Module, grid: sitk.Image) -> Iterator[None]:
        """Watch this network while the block runs; `grid` is what its input lies on."""
        self.grid = grid
        with ExitStack() as hooks:
            for name, module in network.named_modules():
                if isinstance(module, AttentionMap):
                    self.about[name] = module.about
                    hook = module.register_forward_hook(self._seeing(name))
                    hooks.callback(hook.remove)
                elif isinstance(module, PointAttention):
                    self._points[name] = module
            yield
        self._fresh.clear()
        self._points.clear()

    @contextmanager
    def looking_from(self, point: tuple[int, int], tile: tuple[int, int]) -> Iterator[None]:
        """While the block runs, see what the modules that relate places attend to from one pixel of the tile.

        point: row and column in the tile. tile: its height and width.
        """

        def hook_of(name: str, module: PointAttention) -> Any:
            def hook(_: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
                x = inputs[0]
                row, column = (
                    min(at * size // side, size - 1)
                    for at, size, side in zip(point, x.shape[2:], tile, strict=True)
                )
                self._fresh.setdefault(name, []).append(module.attention_of(x, row, column).float())

            return hook

        with ExitStack() as hooks:
            for name, module in self._points.items():
                self.about[name] = module.about
                if isinstance(module, torch.nn.Module):
                    hooks.callback(module.register_forward_pre_hook(hook_of(name, module)).remove)
            yield
        self._fresh = {name: seen for name, seen in self._fresh.items() if name in self._points}

    def place(
        self,
        corners: Sequence[Place],
        size: tuple[int, int, int],
        weights: Sequence[Sequence[NDArray[np.float32]]],
        box: Box,
    ) -> None:
        """Put what was seen since the last call, of a batch of pieces, where the pieces lie.

        corners: first voxel of each piece. size: that of all pieces. weights: along z, y, x, for each piece.
        box: the part of the stage's grid that is kept.
        """
        for name, seen in self._fresh.items():
            if seen[0].ndim == 2:
                mean = (torch.stack(seen).sum(dim=0) / len(seen)).cpu().numpy()
                entries = self.vectors.setdefault(name, [])
                entries += [
                    ChannelWeights(center=_center(corner, size), weights=row)
                    for corner, row in zip(corners, mean, strict=True)
                ]
                continue
            canvas = self._canvases.setdefault(name, Canvas(1, box))
            for corner, piece, along in zip(corners, _on_tile(seen, size), weights, strict=True):
                canvas.add(corner, piece, along)
        self._fresh.clear()

    @staticmethod
    def relates_places(network: torch.nn.Module) -> bool:
        """Whether the network has attention between places, which is looked at from one of them."""
        return any(isinstance(module, PointAttention) for module in network.modules())

    def _seeing(self, name: str) -> Any:
        def hook(_: torch.nn.Module, __: tuple[torch.Tensor, ...], weights: torch.Tensor) -> None:
            self._fresh.setdefault(name, []).append(weights.float())

        return hook


def check_watchable(network: torch.nn.Module, name: str) -> None:
    """Raise `ModelError` when a network computes no attention that could be looked at."""
    if not any(isinstance(module, AttentionMap | PointAttention) for module in network.modules()):
        raise ModelError(
            f"the network {name!r} computes no attention that could be saved: choose a model with one of the "
            "attention networks, or leave out the folder for it"
        )


def _center(corner: Place, size: Place) -> tuple[float, float, float]:
    """Return the middle of a piece as a continuous index (x, y, z)."""
    z, y, x = (first + (length - 1) / 2 for first, length in zip(corner, size, strict=True))
    return x, y, z


def _on_tile(seen: Sequence[torch.Tensor], size: tuple[int, int, int]) -> NDArray[np.float32]:
    """Return (B, 1, z, y, x) of a piece's size from maps of its level's size, averaged over all of them."""
    total = torch.zeros(())
    for weights in seen:
        flat = weights.ndim == 4
        target = size[1:] if flat else size
        if tuple(weights.shape[2:]) != target:
            mode = "bilinear" if flat else "trilinear"
            weights = functional.interpolate(weights, size=target, mode=mode)
        total = total + (weights[:, :, None] if flat else weights).cpu()
    return (total / len(seen)).numpy()
