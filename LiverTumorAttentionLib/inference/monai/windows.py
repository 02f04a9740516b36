"""Sliding window of a network over a volume, plane by plane as they are finished: logits are never kept whole.

Source: MONAI's documentation of `SlidingWindowInferer`: windows begin at every multiple of the window less its overlap,
    the last one is moved back to end with the volume; their logits are averaged with equal or Gaussian weights.
Departs: as many windows go through the network at once as `together` says, whatever the bundle says, which changes the
    last digits at most.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.models.monai_settings import MonaiSettings
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import Box, full_box

Run = Callable[[torch.Tensor], torch.Tensor]
"""From (windows, channels, i, j, k) to logits (windows, outputs, i, j, k), on the CPU."""
MOST_TOGETHER = 4
VOXELS_TOGETHER = 2 * 96**3
"""Of the windows that go through a network at once. For one window alone torch takes a slow convolution on the CPU in
layers of few channels by voxels: a U-Net of five levels takes almost twice as long on 96³ voxels."""
Place = tuple[slice, slice]
"""A window along j and k."""
SMALLEST_WEIGHT = 1e-3
"""Weight of a window's voxels where its Gaussian is smaller, so that every voxel counts."""
_NUMPY_PADDING = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def blended_planes(
    values: NDArray[np.float32],
    settings: MonaiSettings,
    run: Run,
    progress: Progress,
    *,
    unseen: Sequence[float],
    wanted: Box | None = None,
) -> Iterator[NDArray[np.float32]]:
    """Yield the logits of a volume in order of i, (outputs, planes, j, k) at a time.

    values: (channels, i, j, k). wanted: only windows that hold a part of this box of it are run; inside of it the
    logits are the same as with all windows, but for the last digits. unseen: the logits of a voxel that no window
    holds, one an output. Memory is that of one row of windows. Raises `Cancelled` between windows.
    """
    sizes = values.shape[1:]
    window = [side or size for side, size in zip(settings.window, sizes, strict=True)]
    missing = [max(side - size, 0) for side, size in zip(window, sizes, strict=True)]
    before = [one // 2 for one in missing]
    filled = _filled(values, missing, before, settings)
    starts = [
        window_starts(length, side, share)
        for length, side, share in zip(filled.shape[1:], window, settings.overlap, strict=True)
    ]
    weight = window_weights(window, settings)
    first, last = before[0], before[0] + sizes[0]
    inner = [slice(start, start + size) for start, size in zip(before[1:], sizes[1:], strict=True)]
    sought = wanted or full_box(sizes)
    needed = [
        [start for start in along if start < b + side.stop and start + length > b + side.start]
        for along, length, b, side in zip(starts, window, before, sought, strict=True)
    ]
    empty = np.asarray(unseen, dtype=np.float32)[:, None, None, None]
    total = np.zeros((len(unseen), window[0], *filled.shape[2:]), dtype=np.float32)
    weights = np.zeros(total.shape[1:], dtype=np.float32)
    rows, done, count = starts[0], 0, max(1, math.prod(len(along) for along in needed))
    for number, row in enumerate(rows):
        places = [
            (slice(column, column + window[1]), slice(depth, depth + window[2]))
            for column, depth in (product(needed[1], needed[2]) if row in needed[0] else ())
        ]
        for chosen in groups_of(places, together(window)):
            progress.update(done / count, f"window {done + 1} of {count}")
            parts = [filled[:, row : row + window[0], across, down] for across, down in chosen]
            answers = run(torch.from_numpy(np.stack(parts))).float().numpy()
            if answers.shape[1] != len(unseen):
                raise ModelError(
                    f"the network returns {answers.shape[1]} outputs, and model.json names {len(unseen)}: get the "
                    "model again"
                )
            for (across, down), logits in zip(chosen, answers, strict=True):
                total[:, :, across, down] += logits * weight
                weights[:, across, down] += weight
            done += len(chosen)
        following = rows[number + 1] if number + 1 < len(rows) else filled.shape[1]
        ready = min(following - row, window[0])
        low, high = max(row, first), min(row + ready, last)
        if low < high:
            planes = slice(low - row, high - row)
            weighed = weights[planes, inner[0], inner[1]]
            seen = weighed > 0
            mean = total[:, planes, inner[0], inner[1]] / np.where(seen, weighed, np.float32(1))
            yield np.asarray(mean if seen.all() else np.where(seen, mean, empty), dtype=np.float32)
        for kept in (total, weights[None]):
            kept[:, : window[0] - ready] = kept[:, ready:].copy()
            kept[:, window[0] - ready :] = 0


def together(window: Sequence[int]) -> int:
    """Return how many windows of a size go through a network at once."""
    return min(MOST_TOGETHER, max(1, VOXELS_TOGETHER // math.prod(window)))


def groups_of(places: Sequence[Place], most: int) -> Iterator[Sequence[Place]]:
    """Yield places in their order, in as few groups of at most `most` as there can be, and as even ones."""
    groups = math.ceil(len(places) / most)
    for number in range(groups):
        yield places[number * len(places) // groups : (number + 1) * len(places) // groups]


def window_starts(length: int, window: int, overlap: float) -> list[int]:
    """Return where the windows over an axis of at least one window's length begin."""
    if length == window:
        return [0]
    stride = max(1, int(window * (1 - overlap)))
    starts = list(range(0, length - window, stride))
    return [*starts, length - window]


def window_weights(window: Sequence[int], settings: MonaiSettings) -> NDArray[np.float32]:
    """Return the weight of each voxel of a window, (i, j, k)."""
    weight = np.ones((1, 1, 1), dtype=np.float32)
    if settings.gaussian:
        for axis, (side, share) in enumerate(zip(window, settings.gaussian_scale, strict=True)):
            offset = np.arange(side, dtype=np.float32) - (side - 1) / 2.0
            along = np.exp(-(offset**2) / (2.0 * (share * side) ** 2)).astype(np.float32)
            weight = weight * along.reshape([-1 if k == axis else 1 for k in range(3)])
        weight = np.maximum(weight, max(float(weight.min()), SMALLEST_WEIGHT))
    return np.broadcast_to(weight, tuple(window))


def _filled(
    values: NDArray[np.float32], missing: Sequence[int], before: Sequence[int], settings: MonaiSettings
) -> NDArray[np.float32]:
    """Return a volume that is filled up on both sides to one window."""
    if not any(missing):
        return values
    widths = [(0, 0), *((b, m - b) for b, m in zip(before, missing, strict=True))]
    if settings.padding == "constant":
        return np.pad(values, widths, constant_values=np.float32(settings.padding_value))
    return np.pad(values, widths, mode=_NUMPY_PADDING[settings.padding])  # type: ignore[call-overload]
