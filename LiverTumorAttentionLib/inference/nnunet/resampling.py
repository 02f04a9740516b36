"""Change of grid as nnU-Net does it: splines along each axis, or slice by slice where slices lie far apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from LiverTumorAttentionLib.models.nnunet_settings import ResamplingSettings
from LiverTumorAttentionLib.preprocessing.axis_weights import AxisWeights, sampled_weights, zoom_weights

Between = Callable[[torch.Tensor, slice], torch.Tensor]

ROWS_AT_ONCE = 64
"""Rows of a weight matrix that are multiplied together; a band of it is not 0."""


def new_shape(
    shape: Sequence[int], spacing: Sequence[float], new_spacing: Sequence[float]
) -> tuple[int, ...]:
    """Return the shape of a volume on another spacing, rounded."""
    return tuple(
        round(old / new * length) for old, new, length in zip(spacing, new_spacing, shape, strict=True)
    )


def separate_axis(
    spacing: Sequence[float], new_spacing: Sequence[float], settings: ResamplingSettings
) -> int | None:
    """Return the axis across which slices are resampled one by one; None where all axes are resampled alike.

    It is the axis of the one largest spacing: of the old grid where that is anisotropic, else of the new one.
    """
    if settings.separate_z is False:
        return None
    if settings.separate_z or max(spacing) / min(spacing) > settings.anisotropy_threshold:
        chosen = spacing
    elif max(new_spacing) / min(new_spacing) > settings.anisotropy_threshold:
        chosen = new_spacing
    else:
        return None
    largest = [axis for axis, step in enumerate(chosen) if step == max(chosen)]
    return largest[0] if len(largest) == 1 else None


@dataclass(frozen=True, kw_only=True)
class GridChange:
    """Resampling of a volume of three axes from one grid to another."""

    axes: tuple[AxisWeights, AxisWeights, AxisWeights]
    """The weights along each axis."""
    separate: int | None
    """The axis across which slices are resampled one by one, after the other two."""
    clips: bool
    """Whether the result is clipped to the range of what it was made of: of each slice, or of the whole volume."""

    @classmethod
    def of(
        cls,
        shape: Sequence[int],
        target: Sequence[int],
        spacing: Sequence[float],
        new_spacing: Sequence[float],
        settings: ResamplingSettings,
    ) -> GridChange:
        """Return the change from `shape` at `spacing` to `target` at `new_spacing`, all in the array's axis order."""
        separate = separate_axis(spacing, new_spacing, settings)
        weights = []
        for axis, (old, new) in enumerate(zip(shape, target, strict=True)):
            if axis == separate:
                weights.append(sampled_weights(old, new, settings.order_z))
            else:
                weights.append(zoom_weights(old, new, settings.order))
        first, second, third = weights
        return cls(axes=(first, second, third), separate=separate, clips=settings.order > 1)

    @property
    def is_identity(self) -> bool:
        """Whether both grids are one."""
        return all(weights.is_identity for weights in self.axes)

    def needed(self, start: int, stop: int) -> slice:
        """Return the part of the first axis that is needed for rows start to stop - 1 of the new one."""
        return self.axes[0].needed(start, stop)

    def rows(
        self, values: torch.Tensor, start: int, stop: int, between: Between | None = None
    ) -> torch.Tensor:
        """Return rows start to stop - 1 along the first axis of the resampled volume: (..., rows, a, b) float32.

        values: what `needed` names of the old volume, (..., n, y, x) float32. between: what is done to the values after
        the splines, before slices are taken across `separate`; it is told which rows of the old first axis they are,
        where that axis is not resampled yet, else which of the new one.
        """
        if self.is_identity:
            return values
        for axis in (0, 1, 2):
            if axis != self.separate:
                values = self._along(values, axis, start, stop)
        if between is not None:
            values = between(values, self.needed(start, stop) if self.separate == 0 else slice(start, stop))
        return values if self.separate is None else self._along(values, self.separate, start, stop)

    def _along(self, values: torch.Tensor, axis: int, start: int, stop: int) -> torch.Tensor:
        weights = self.axes[axis]
        if axis == 0:
            return resampled(values, -3, weights, start, stop, weights.needed(start, stop).start)
        return resampled(values, axis - 3, weights, 0, weights.new_length)


def resampled(
    values: torch.Tensor, axis: int, weights: AxisWeights, start: int, stop: int, first: int = 0
) -> torch.Tensor:
    """Return voxels start to stop - 1 of the resampled axis (-3, -2 or -1) of (..., z, y, x).

    first: the voxel of the old axis at which `values` begins.
    """
    if weights.is_identity:
        return values.narrow(axis, start - first, stop - start)
    pieces = []
    for low in range(start, stop, ROWS_AT_ONCE):
        high = min(low + ROWS_AT_ONCE, stop)
        used = weights.needed(low, high)
        matrix = torch.from_numpy(weights.weights[low:high, used]).to(values.device)
        part = values.narrow(axis, used.start - first, used.stop - used.start)
        pieces.append(_product(matrix, part, axis))
    return pieces[0] if len(pieces) == 1 else torch.cat(pieces, dim=axis)


def _product(matrix: torch.Tensor, values: torch.Tensor, axis: int) -> torch.Tensor:
    if axis == -1:
        return values @ matrix.T
    if axis == -2:
        return matrix @ values
    flat = values.reshape(*values.shape[:-2], -1)
    return (matrix @ flat).reshape(*values.shape[:-3], matrix.shape[0], *values.shape[-2:])


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Lowest and highest value of a volume, or of each of its slices along an axis: what resampling must not leave."""

    low: torch.Tensor
    """(), or (n,) for the n slices along `axis`."""
    high: torch.Tensor
    """Likewise."""
    axis: int | None
    """The axis of the slices; None for the volume."""

    @classmethod
    def over(cls, axis: int | None) -> Limits:
        """Return limits of nothing yet, to be widened."""
        return cls(low=torch.tensor(torch.inf), high=torch.tensor(-torch.inf), axis=axis)

    def widened(self, values: torch.Tensor) -> Limits:
        """Return the limits of some more rows (n, y, x) of the volume, which follow those seen so far."""
        if self.axis is None:
            return Limits(
                low=torch.minimum(self.low, values.min()),
                high=torch.maximum(self.high, values.max()),
                axis=None,
            )
        others = [axis for axis in (0, 1, 2) if axis != self.axis]
        low, high = values.amin(others), values.amax(others)
        if self.axis == 0 and self.low.ndim:
            low, high = torch.cat([self.low, low]), torch.cat([self.high, high])
        elif self.axis != 0:
            low, high = torch.minimum(self.low, low), torch.maximum(self.high, high)
        return Limits(low=low, high=high, axis=self.axis)

    def clipped(self, values: torch.Tensor, rows: slice) -> torch.Tensor:
        """Return (n, y, x) values within the limits; rows: which they are along the first axis."""
        low, high = self.low, self.high
        if self.axis is not None:
            shape = [1, 1, 1]
            shape[self.axis] = -1
            if self.axis == 0:
                low, high = low[rows], high[rows]
            low, high = low.reshape(shape), high.reshape(shape)
        return torch.minimum(torch.maximum(values, low.to(values.device)), high.to(values.device))
