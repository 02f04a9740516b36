"""nnU-Net's inference in plain numpy and scipy, the whole volume at once: what its papers and documents say it does."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy import ndimage

Network = Callable[[np.ndarray], np.ndarray]
"""From (channels, *spatial) to logits (maps, *spatial)."""


def resized(volume: np.ndarray, shape: Sequence[int], order: int) -> np.ndarray:
    """Resize an array of any dimension as a picture library does: borders on borders, edges repeated, no overshoot."""
    if tuple(shape) == volume.shape:
        return volume
    zoom = [new / old for new, old in zip(shape, volume.shape, strict=True)]
    result = ndimage.zoom(volume.astype(float), zoom, order=order, mode="nearest", grid_mode=True)
    return np.clip(result, volume.min(), volume.max())


def resampled(
    volume: np.ndarray, shape: Sequence[int], order: int, *, separate: int | None = None, order_z: int = 0
) -> np.ndarray:
    """Resample a volume; where `separate` names an axis, slice by slice, then across the slices."""
    if separate is None:
        return resized(volume, shape, order)
    slices = np.moveaxis(volume, separate, 0)
    plane = [length for axis, length in enumerate(shape) if axis != separate]
    slices = np.stack([resized(part, plane, order) for part in slices])
    length = shape[separate]
    at = len(slices) / length * (np.arange(length) + 0.5) - 0.5
    index = np.stack(np.meshgrid(at, *(np.arange(n) for n in plane), indexing="ij"))
    return np.moveaxis(ndimage.map_coordinates(slices, index, order=order_z, mode="nearest"), 0, separate)


def sliding_window(
    image: np.ndarray,
    network: Network,
    patch: Sequence[int],
    *,
    step: float = 0.5,
    mirror_axes: Sequence[int] = (),
) -> np.ndarray:
    """Return the blended logits (maps, *spatial) of an image (channels, *spatial) that a patch may be larger than."""
    missing = [max(0, side - length) for side, length in zip(patch, image.shape[1:], strict=True)]
    pad = [(m // 2, m - m // 2) for m in missing]
    padded = np.pad(image, [(0, 0), *pad])
    starts = []
    for length, side in zip(padded.shape[1:], patch, strict=True):
        count = math.ceil((length - side) / (side * step)) + 1
        gap = (length - side) / max(count - 1, 1)
        starts.append([round(gap * number) for number in range(count)])
    middle = np.zeros(patch)
    middle[tuple(side // 2 for side in patch)] = 1
    weight = ndimage.gaussian_filter(middle, [side / 8 for side in patch], mode="constant")
    weight = (weight / weight.max() * 10).astype(np.float16).astype(float)
    weight[weight == 0] = weight[weight > 0].min()
    total: np.ndarray | float = 0.0
    weights = np.zeros(padded.shape[1:])
    for corner in itertools.product(*starts):
        box = tuple(slice(at, at + side) for at, side in zip(corner, patch, strict=True))
        found = mirrored_mean(network, padded[(slice(None), *box)], mirror_axes)
        if isinstance(total, float):
            total = np.zeros((len(found), *padded.shape[1:]))
        total[(slice(None), *box)] += found * weight
        weights[box] += weight
    inside = tuple(slice(before, before + n) for (before, _), n in zip(pad, image.shape[1:], strict=True))
    return (np.asarray(total) / weights)[(slice(None), *inside)]


def mirrored_mean(network: Network, patch: np.ndarray, axes: Sequence[int]) -> np.ndarray:
    """Return the mean of the network's answers to a patch and to all its mirror images, mirrored back."""
    answers = []
    for count in range(len(axes) + 1):
        for chosen in itertools.combinations(axes, count):
            flip = tuple(axis + 1 for axis in chosen)
            answers.append(np.flip(network(np.flip(patch, flip)), flip))
    return np.mean(answers, axis=0)


def separated(spacing: Sequence[float], new_spacing: Sequence[float]) -> int | None:
    """Return the axis of the coarsest spacing where that is over three times the finest, of the old grid or the new."""
    for steps in (spacing, new_spacing):
        if max(steps) / min(steps) > 3:
            coarsest = [axis for axis, step in enumerate(steps) if step == max(steps)]
            return coarsest[0] if len(coarsest) == 1 else None
    return None


def normalized(volume: np.ndarray, channel: dict) -> np.ndarray:
    """Scale a channel by its settings in model.json."""
    kind = channel["normalization"]
    if kind == "ct":
        return (np.clip(volume, *channel["clip_hu"]) - channel["mean_hu"]) / channel["spread_hu"]
    if kind == "zscore":
        return (volume - volume.mean()) / volume.std()
    if kind == "rescale":
        return (volume - volume.min()) / (volume.max() - volume.min())
    return volume


def averaged_logits(
    channels: Sequence[np.ndarray],
    spacing: Sequence[float],
    run: dict,
    networks: Sequence[Network],
    *,
    mirror: bool = False,
    before: np.ndarray | None = None,
    labels: Sequence[int] = (),
    activate: Network = lambda logits: logits,
) -> tuple[np.ndarray, tuple[slice, ...]]:
    """Return the averaged output of a pass of model.json on the grid of the cropped volume, and the crop.

    channels: in the network's axis order, HU. before: labels of the network before it in a cascade, on the same grid.
    activate: what is done to logits before they are averaged.
    """
    used = np.any([channel != 0 for channel in channels], axis=0)
    box = tuple(
        slice(places.min(), places.max() + 1)
        for places in map(np.array, zip(*np.argwhere(used), strict=True))
    )
    cropped_hu = cropped = [channel[box].astype(float) for channel in channels]
    shape = cropped[0].shape
    target = list(run["spacing_mm"]) if len(run["patch"]) == 3 else [spacing[0], *run["spacing_mm"]]
    grid = [round(old / new * n) for old, new, n in zip(spacing, target, shape, strict=True)]
    axis = separated(spacing, target)
    order = run["image_resampling"]["order"]
    settings = run["channels"]
    if run["normalize_first"]:
        cropped = [normalized(values, channel) for values, channel in zip(cropped, settings, strict=True)]
    given = [resampled(values, grid, order, separate=axis) for values in cropped]
    if not run["normalize_first"]:
        given = [normalized(values, channel) for values, channel in zip(given, settings, strict=True)]
    if before is not None:
        inside = ndimage.binary_fill_holes(np.any([channel != 0 for channel in cropped_hu], axis=0))
        known = (
            np.where((before[box] == 0) & ~inside, -1, before[box]) if run["normalize_first"] else before[box]
        )
        given += list(one_hot(known, grid, labels, axis))
    image = np.stack(given)
    axes = run["mirror_axes"] if mirror else ()
    found = 0.0
    for network in networks:
        if len(run["patch"]) == 3:
            one = sliding_window(image, lambda x, n=network: activate(n(x)), run["patch"], mirror_axes=axes)
        else:
            slices = [
                sliding_window(
                    image[:, z], lambda x, n=network: activate(n(x)), run["patch"], mirror_axes=axes
                )
                for z in range(image.shape[1])
            ]
            one = np.stack(slices, axis=1)
        found = found + one / len(networks)
    axis = separated(target, spacing)
    back = [
        resampled(part, shape, run["output_resampling"]["order"], separate=axis) for part in np.asarray(found)
    ]
    return np.stack(back), box


def one_hot(found: np.ndarray, grid: Sequence[int], labels: Sequence[int], axis: int | None) -> np.ndarray:
    """Return a map a label, 1 where it has the largest share of a voxel of the grid."""
    if axis is None:
        result = largest_share(found, grid)
    else:
        plane = [n for k, n in enumerate(grid) if k != axis]
        slices = np.stack([largest_share(part, plane) for part in np.moveaxis(found, axis, 0)])
        result = resampled(np.moveaxis(slices, 0, axis), grid, 0, separate=axis)
    return np.stack([result == label for label in labels]).astype(float)


def largest_share(found: np.ndarray, shape: Sequence[int], order: int = 1) -> np.ndarray:
    """Return a label map on another grid; of labels with one share that of the nearest voxel, else the smallest."""
    if tuple(shape) == found.shape:
        return found
    known = np.unique(found)
    shares = np.stack([resized(found == value, shape, order) for value in known])
    tied = shares == shares.max(0)
    nearest = resized(found, shape, 0)
    is_nearest = (tied & (nearest == known.reshape(-1, *[1] * found.ndim))).any(0)
    return np.where(is_nearest, nearest, known[tied.argmax(0)])


def labels_of(
    averaged: np.ndarray,
    box: tuple[slice, ...],
    shape: Sequence[int],
    values: Sequence[int],
    border: float | None,
) -> np.ndarray:
    """Return the label map: the highest class, or with `border` the last region above it; 0 outside the crop."""
    whole = np.zeros(shape, dtype=int)
    if border is None:
        whole[box] = np.asarray(values)[averaged.argmax(0)]
        return whole
    inside = np.zeros(averaged.shape[1:], dtype=int)
    for part, value in zip(averaged, values, strict=True):
        inside[part > border] = value
    whole[box] = inside
    return whole
