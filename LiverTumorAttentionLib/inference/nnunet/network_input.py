"""Input of a network of nnU-Net, made row by row: crop, intensities, the network's grid, padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from LiverTumorAttentionLib.inference.nnunet.label_resampling import LabelResampling
from LiverTumorAttentionLib.inference.nnunet.normalization import (
    Mask,
    Pieces,
    Scaling,
    Values,
    nonzero_mask,
    scaling,
)
from LiverTumorAttentionLib.inference.nnunet.patches import padding
from LiverTumorAttentionLib.inference.nnunet.resampling import GridChange, Limits, new_shape
from LiverTumorAttentionLib.models.nnunet_settings import NetworkPass, ResamplingSettings

ROWS_AT_ONCE = 8
"""Rows of the volume that are measured at a time."""


@dataclass(frozen=True, kw_only=True)
class PassGrid:
    """The grid of a network over a cropped volume; all in the network's axis order."""

    shape: tuple[int, ...]
    """Of the cropped volume."""
    spacing: tuple[float, ...]
    """Of the volume, mm."""
    network_shape: tuple[int, ...]
    """Of the network's grid."""
    network_spacing: tuple[float, ...]
    """Of the network's grid, mm."""
    patch: tuple[int, int, int]
    """Voxels of a patch; of a network for slices, one slice."""
    pad: tuple[tuple[int, int], ...]
    """Voxels added before and after each axis of the network's grid."""

    @classmethod
    def of(cls, run: NetworkPass, shape: Sequence[int], spacing: Sequence[float]) -> PassGrid:
        """Return the grid of a pass over a cropped volume."""
        slices = run.dimensions == 2
        network_spacing = (spacing[0], *run.spacing_mm) if slices else run.spacing_mm
        network_shape = tuple(max(1, length) for length in new_shape(shape, spacing, network_spacing))
        first, second, third = (1, *run.patch) if slices else run.patch
        return cls(
            shape=tuple(shape),
            spacing=tuple(spacing),
            network_shape=network_shape,
            network_spacing=tuple(network_spacing),
            patch=(first, second, third),
            pad=tuple(padding(network_shape, (first, second, third))),
        )

    @property
    def padded_shape(self) -> tuple[int, int, int]:
        """Of the network's grid with what is added."""
        first, second, third = (
            length + before + after
            for length, (before, after) in zip(self.network_shape, self.pad, strict=True)
        )
        return first, second, third

    def without_padding(self, rows: torch.Tensor, first: int) -> torch.Tensor:
        """Return (..., rows, y, x) of the padded grid, which begin at row `first` of it, without what was added."""
        (before, _), (y, _), (x, _) = self.pad
        length, height, width = self.network_shape
        inside = slice(max(0, before - first), max(0, before + length - first))
        return rows[..., inside, y : y + height, x : x + width]

    def to_network(self, settings: ResamplingSettings) -> GridChange:
        """Return the change from the volume's grid to the network's."""
        return GridChange.of(self.shape, self.network_shape, self.spacing, self.network_spacing, settings)

    def to_volume(self, settings: ResamplingSettings) -> GridChange:
        """Return the change back."""
        return GridChange.of(self.network_shape, self.shape, self.network_spacing, self.spacing, settings)

    def seen(self, corner: Sequence[int]) -> tuple[slice, ...]:
        """Return the box of the volume that a patch at `corner` of the padded grid sees, a voxel more at each side."""
        box = []
        for at, side, (before, _), length, voxels in zip(
            corner, self.patch, self.pad, self.network_shape, self.shape, strict=True
        ):
            scale = voxels / length
            low, high = (at - before) * scale, (at - before + side) * scale
            box.append(slice(max(0, int(low) - 1), min(voxels, int(np.ceil(high)) + 1)))
        return tuple(box)


class NetworkInput:
    """The input of a network on its padded grid, rows of its first axis at a time.

    volumes: one cropped volume a channel, (z, y, x) in the network's axis order, HU. labels: of the previous network of
    a cascade on the same grid, and `label_values` the values that become a channel each; None where there is none.
    """

    def __init__(
        self,
        run: NetworkPass,
        grid: PassGrid,
        volumes: Sequence[NDArray[np.generic]],
        device: torch.device,
        labels: NDArray[np.generic] | None = None,
        label_values: Sequence[int] = (),
    ) -> None:
        self._run = run
        self._grid = grid
        self._volumes = volumes
        self._device = device
        self._label_values = label_values if labels is not None else ()
        self._change = grid.to_network(run.image_resampling)
        masked = any(channel.only_nonzero for channel in run.channels)
        self._mask = nonzero_mask(volumes) if masked else None
        self._network_mask: LabelResampling | None = None
        if self._mask is not None and not run.normalize_first:
            image = run.image_resampling
            along = ResamplingSettings(
                order=1, separate_z=image.separate_z, anisotropy_threshold=image.anisotropy_threshold
            )
            self._network_mask = self._label_map(self._mask, along)
        self._labels: LabelResampling | None = None
        if labels is not None:
            labels = self._with_outside(labels) if run.tells_outside else labels
            self._labels = self._label_map(labels, run.label_resampling)
        self._scalings: list[Scaling] = []
        self._limits: list[Limits] = []
        for number, channel in enumerate(run.channels):
            if run.normalize_first:
                self._scalings.append(scaling(channel, self._pieces(number)))
                self._limits.append(self._measured(number))
            else:
                self._limits.append(self._measured(number))
                self._scalings.append(scaling(channel, self._resampled_pieces(number)))

    @property
    def channels(self) -> int:
        """Channels of the input."""
        return len(self._volumes) + len(self._label_values)

    def rows(self, start: int, stop: int) -> torch.Tensor:
        """Return rows start to stop - 1 of the padded grid, (channels, rows, y, x) float32 on the device."""
        (before, _), *plane_pad = self._grid.pad
        first, last = max(start - before, 0), min(stop - before, self._grid.network_shape[0])
        result = torch.zeros((self.channels, stop - start, *self._grid.padded_shape[1:]), device=self._device)
        if first >= last:
            return result
        (y, _), (x, _) = plane_pad
        _, height, width = self._grid.network_shape
        at = first + before - start
        inside = result[:, at : at + last - first, y : y + height, x : x + width]
        for number in range(len(self._volumes)):
            inside[number] = self._image_rows(number, first, last)
        for number, found in enumerate(self._label_rows(first, last), start=len(self._volumes)):
            inside[number] = found
        return result

    def _image_rows(self, number: int, start: int, stop: int) -> torch.Tensor:
        """Return rows of a channel on the network's grid."""
        if self._run.normalize_first:
            return self._resampled(number, start, stop)
        mask = None if self._network_mask is None else self._mask_rows(start, stop)
        values = self._scalings[number](self._resampled(number, start, stop).cpu().numpy(), mask)
        return torch.from_numpy(values).to(self._device)

    def _resampled(self, number: int, start: int, stop: int) -> torch.Tensor:
        needed = self._change.needed(start, stop)
        values = torch.from_numpy(self._volume_rows(number, needed)).to(self._device)
        between = self._limits[number].clipped if self._change.clips else None
        return self._change.rows(values, start, stop, between)

    def _volume_rows(self, number: int, rows: slice) -> Values:
        """Return rows of a channel on the volume's grid, scaled where that comes first."""
        values = np.ascontiguousarray(self._volumes[number][rows], dtype=np.float32)
        if not self._run.normalize_first:
            return values
        return self._scalings[number](values, None if self._mask is None else self._mask[rows])

    def _measured(self, number: int) -> Limits:
        """Return the range of a channel on the volume's grid, which a spline must not leave."""
        limits = Limits.over(self._change.separate)
        if self._change.clips and not self._change.is_identity:
            for start in range(0, self._grid.shape[0], ROWS_AT_ONCE):
                rows = slice(start, start + ROWS_AT_ONCE)
                limits = limits.widened(torch.from_numpy(self._volume_rows(number, rows)))
        return limits

    def _pieces(self, number: int) -> Pieces:
        def pieces() -> Iterator[tuple[Values, Mask | None]]:
            for start in range(0, self._grid.shape[0], ROWS_AT_ONCE):
                rows = slice(start, start + ROWS_AT_ONCE)
                mask = None if self._mask is None else self._mask[rows]
                yield np.ascontiguousarray(self._volumes[number][rows], dtype=np.float32), mask

        return pieces

    def _resampled_pieces(self, number: int) -> Pieces:
        def pieces() -> Iterator[tuple[Values, Mask | None]]:
            length = self._grid.network_shape[0]
            for start in range(0, length, ROWS_AT_ONCE):
                stop = min(start + ROWS_AT_ONCE, length)
                mask = None if self._network_mask is None else self._mask_rows(start, stop)
                yield self._resampled(number, start, stop).cpu().numpy(), mask

        return pieces

    def _label_map(self, labels: NDArray[np.generic], settings: ResamplingSettings) -> LabelResampling:
        grid = self._grid
        return LabelResampling(
            labels, grid.network_shape, grid.spacing, grid.network_spacing, settings, self._device
        )

    def _mask_rows(self, start: int, stop: int) -> Mask:
        """Return rows of the mask of what is not 0 on the network's grid."""
        if self._network_mask is None:
            raise ValueError("no channel needs a mask")
        return self._network_mask.rows(start, stop) != 0

    def _label_rows(self, start: int, stop: int) -> Iterator[torch.Tensor]:
        """Yield rows of each label of the previous network on the network's grid, 1 where it is, else 0."""
        if self._labels is None:
            return
        found = torch.from_numpy(self._labels.rows(start, stop)).to(self._device)
        for value in self._label_values:
            yield (found == value).float()

    def _with_outside(self, labels: NDArray[np.generic]) -> NDArray[np.generic]:
        """Return labels with -1 instead of 0 for background outside of what is not 0 in some channel."""
        mask = nonzero_mask(self._volumes) if self._mask is None else self._mask
        if mask.all():
            return labels
        return np.where(mask | (labels != 0), labels.astype(np.int32), -1)
