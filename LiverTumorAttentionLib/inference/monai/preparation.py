"""From volumes in Hounsfield units to the input of a network that was trained with MONAI."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.inference.monai.axes import Axis, respaced
from LiverTumorAttentionLib.models.monai_steps import (
    CropForeground,
    PadTo,
    ScaleExtremes,
    ScalePercentiles,
    ScaleRange,
    Spacing,
    Step,
    Threshold,
    ZScore,
)
from LiverTumorAttentionLib.voxels.geometry import interpolate_axis

Volume = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """The input of a network."""

    values: Volume
    """(channel, i, j, k)."""
    axes: tuple[Axis, Axis, Axis]
    """What was done along i, j and k."""


def prepare(channels: Volume, spacing_mm: Sequence[float], steps: Sequence[Step]) -> Prepared:
    """Return the input of a network.

    channels: (channel, i, j, k) in HU; they are changed. spacing_mm: along i, j and k. steps: carried out in order.
    Raises `InputError` where nothing is left of the volume.
    """
    values = channels
    axes = tuple(Axis.of(length) for length in values.shape[1:])
    for step in steps:
        if isinstance(step, Spacing):
            axes = respaced(axes, spacing_mm, step.spacing_mm)
            for number, axis in enumerate(axes, start=1):
                if axis.step != 1.0:
                    values = interpolate_axis(values, number, 0.0, 1.0, axis.sources)
        elif isinstance(step, CropForeground):
            box = _foreground(values, step.margin)
            axes = tuple(axis.cropped(s.start, s.stop - s.start) for axis, s in zip(axes, box, strict=True))
            rows, columns, depth = box
            values = values[:, rows, columns, depth]
        elif isinstance(step, PadTo):
            sides = [_sides(axis.kept, size, step) for axis, size in zip(axes, step.size, strict=True)]
            axes = tuple(axis.filled(*side) for axis, side in zip(axes, sides, strict=True))
            values = np.pad(values, [(0, 0), *sides], constant_values=np.float32(step.value))
        else:
            values = changed(values, step)
    i, j, k = axes
    return Prepared(values=np.ascontiguousarray(values, dtype=np.float32), axes=(i, j, k))


def changed(values: Volume, step: Step) -> Volume:
    """Return values, (channel, i, j, k), after a step that leaves their places as they are."""
    if isinstance(step, ScaleRange):
        return _scaled(values, step.source, step.target, step.clip)
    if isinstance(step, Threshold):
        kept = values > step.threshold if step.above else values < step.threshold
        return np.where(kept, values, np.float32(step.otherwise))
    if isinstance(step, (ZScore, ScaleExtremes, ScalePercentiles)):
        if not step.channel_wise:
            return _measured(values, step, 0)
        return np.stack([_measured(channel, step, number) for number, channel in enumerate(values)])
    raise TypeError(f"{type(step).__name__} moves voxels")


def _measured(values: Volume, step: ZScore | ScaleExtremes | ScalePercentiles, channel: int) -> Volume:
    """Return values scaled by what is measured of them all. channel: which of the step's own numbers are theirs."""
    if isinstance(step, ZScore):
        return _standardized(values, step, channel)
    if isinstance(step, ScaleExtremes):
        low, high = float(values.min()), float(values.max())
        if low == high:
            return values * np.float32(step.target[0])
        return _scaled(values, (low, high), step.target, clip=False)
    low, high = (float(value) for value in np.percentile(values, step.percentiles))
    target = step.target
    if step.relative:
        start, width = target[0], target[1] - target[0]
        target = (
            start + width * step.percentiles[0] / 100.0,
            start + width * step.percentiles[1] / 100.0,
        )
    if low == high:
        return values - np.float32(low) + np.float32(target[0])
    return _scaled(values, (low, high), target, step.clip)


def _standardized(values: Volume, step: ZScore, channel: int) -> Volume:
    chosen = values != 0 if step.nonzero else None
    counted = values if chosen is None else values[chosen]
    if not counted.size:
        return values
    mean = counted.mean(dtype=np.float64) if step.mean is None else _own(step.mean, channel)
    deviation = counted.std(dtype=np.float64) if step.deviation is None else _own(step.deviation, channel)
    scaled = (counted - np.float32(mean)) / np.float32(deviation or 1.0)
    if chosen is None:
        return scaled
    result = np.zeros_like(values)
    result[chosen] = scaled
    return result


def _own(numbers: Sequence[float], channel: int) -> float:
    return numbers[channel] if len(numbers) > 1 else numbers[0]


def _scaled(values: Volume, source: Sequence[float], target: Sequence[float], clip: bool) -> Volume:
    """Return values on the straight line that takes a range to another."""
    scaled = (values - np.float32(source[0])) / np.float32(source[1] - source[0])
    scaled *= np.float32(target[1] - target[0])
    scaled += np.float32(target[0])
    return np.clip(scaled, min(target), max(target)) if clip else scaled


def _foreground(values: Volume, margin: Sequence[int]) -> tuple[slice, slice, slice]:
    """Return the box of the values above 0 of any channel with a margin, within the volume."""
    inside = np.any(values > 0, axis=0)
    if not inside.any():
        raise InputError(
            "nothing in the volume is bright enough for this model, which cuts out what lies above its lowest "
            "intensity: check that it is a CT in Hounsfield units, or choose another series"
        )
    sides = []
    for axis in range(3):
        found = np.flatnonzero(np.any(inside, axis=tuple(k for k in range(3) if k != axis)))
        first, last = int(found[0]) - margin[axis], int(found[-1]) + 1 + margin[axis]
        sides.append(slice(max(first, 0), min(last, inside.shape[axis])))
    i, j, k = sides
    return i, j, k


def _sides(length: int, size: int, step: PadTo) -> tuple[int, int]:
    missing = max(size - length, 0)
    before = missing // 2 if step.symmetric else 0
    return before, missing - before
