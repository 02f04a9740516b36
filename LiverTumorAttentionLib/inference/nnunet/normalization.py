"""Intensities of a channel as nnU-Net scales them, and the box outside of which all is 0."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.models.nnunet_settings import ChannelSettings
from LiverTumorAttentionLib.voxels.boxes import Box, bounding_box, enclosing_box, full_box

SMALLEST_SPREAD = 1e-8

Values = NDArray[np.float32]
Mask = NDArray[np.bool_]
Scaling = Callable[[Values, Mask | None], Values]
"""From voxels of a channel, and which of them are not 0 in all channels, to the network's input."""
Pieces = Callable[[], Iterable[tuple[Values, Mask | None]]]
"""Gives a channel piece by piece, likewise, as often as it is asked."""


def nonzero_box(channels: Sequence[NDArray[np.generic]]) -> Box:
    """Return the smallest box of (z, y, x) channels outside of which all are 0; all of them where all are 0."""
    boxes = [box for channel in channels if (box := bounding_box(channel)) is not None]
    return enclosing_box(boxes) if boxes else full_box(channels[0].shape)


def nonzero_mask(channels: Sequence[NDArray[np.generic]]) -> Mask:
    """Return where any of the (z, y, x) channels is not 0, holes filled."""
    mask = channels[0] != 0
    for channel in channels[1:]:
        mask |= channel != 0
    if all(face.all() for axis in (0, 1, 2) for face in (mask.take(0, axis), mask.take(-1, axis))):
        return np.ones_like(mask)  # what is 0 lies in holes alone, and filling them takes long
    filled: Mask = ndimage.binary_fill_holes(mask)
    return filled


def scaling(settings: ChannelSettings, pieces: Pieces) -> Scaling:
    """Return the scaling of a channel; what it takes from the channel itself is measured here."""
    if settings.normalization == "ct" and settings.clip_hu and settings.spread_hu is not None:
        low, high = (np.float32(value) for value in settings.clip_hu)
        mean, spread = settings.mean_hu or 0.0, settings.spread_hu
        return lambda values, _: _standard(np.clip(values, low, high), mean, spread)
    if settings.normalization == "rescale":
        lowest = min(float(values.min()) for values, _ in pieces())
        highest = max(float(values.max()) for values, _ in pieces())
        return lambda values, _: _standard(values, lowest, highest - lowest)
    if settings.normalization == "zscore":
        mean, spread = _mean_and_spread(pieces, settings.only_nonzero)
        if settings.only_nonzero:
            return lambda values, mask: np.where(
                True if mask is None else mask, _standard(values, mean, spread), values
            )
        return lambda values, _: _standard(values, mean, spread)
    return lambda values, _: values


def _standard(values: Values, mean: float, spread: float) -> Values:
    result = values - np.float32(mean)
    result /= np.float32(max(spread, SMALLEST_SPREAD))
    return result


def _mean_and_spread(pieces: Pieces, only_nonzero: bool) -> tuple[float, float]:
    """Return mean and standard deviation of a channel, or of its part that is not 0, summed up in float64."""

    def chosen() -> Iterable[NDArray[np.float64]]:
        for values, mask in pieces():
            yield (values[mask] if only_nonzero else values).astype(np.float64)

    count, total = 0, 0.0
    for values in chosen():
        count, total = count + values.size, total + float(values.sum())
    mean = total / max(count, 1)
    squares = sum(float(np.square(values - mean).sum()) for values in chosen())
    return mean, float(np.sqrt(squares / max(count, 1)))
