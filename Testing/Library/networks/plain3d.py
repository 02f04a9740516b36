"""Layers of the 3D networks in plain numpy. Volumes are (C, Z, Y, X), in double precision."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from Testing.Library.networks.plain import sigmoid

__all__ = ["convolve3d", "doubled", "group_normalised", "interpolated", "leaky", "sigmoid"]

Triple = tuple[int, int, int]


def leaky(x: np.ndarray, slope: float = 0.01) -> np.ndarray:
    return np.where(x > 0, x, slope * x)


def column(values: np.ndarray | float) -> np.ndarray:
    """One value a channel, so that it meets a volume."""
    return np.reshape(values, (-1, 1, 1, 1))


def convolve3d(
    volume: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | float = 0.0,
    *,
    stride: int = 1,
    dilation: Triple = (1, 1, 1),
) -> np.ndarray:
    """Cross-correlation; an odd kernel keeps the size at stride 1, an even one is not padded."""
    sides, size = weight.shape[2:], volume.shape[1:]
    margins = [d * (side // 2) if side % 2 else 0 for d, side in zip(dilation, sides, strict=True)]
    padded = np.pad(volume, ((0, 0), *((margin, margin) for margin in margins)))
    reach = [
        n + 2 * margin - d * (side - 1)
        for n, margin, d, side in zip(size, margins, dilation, sides, strict=True)
    ]
    out = np.zeros((weight.shape[0], *reach))
    for place in itertools.product(*(range(side) for side in sides)):
        z, y, x = (d * k for d, k in zip(dilation, place, strict=True))
        part = padded[:, z : z + reach[0], y : y + reach[1], x : x + reach[2]]
        out += np.einsum("dc,czyx->dzyx", weight[(slice(None), slice(None), *place)], part)
    return out[:, ::stride, ::stride, ::stride] + column(bias)


def doubled(volume: np.ndarray, weight: np.ndarray, bias: np.ndarray | float) -> np.ndarray:
    """2x2x2 transposed convolution of stride 2: every voxel becomes a block."""
    out = np.zeros((weight.shape[1], *(2 * side for side in volume.shape[1:])))
    for z, y, x in itertools.product((0, 1), repeat=3):
        out[:, z::2, y::2, x::2] = np.einsum("cd,czyx->dzyx", weight[:, :, z, y, x], volume)
    return out + column(bias)


def group_normalised(
    volume: np.ndarray, groups: int, weight: np.ndarray | float = 1.0, bias: np.ndarray | float = 0.0
) -> np.ndarray:
    """Neighboring channels normalized together; as many groups as channels is instance normalization."""
    parts = []
    for group in np.split(volume, groups):
        parts.append((group - group.mean()) / np.sqrt(group.var() + 1e-5))
    return np.concatenate(parts) * column(weight) + column(bias)


def interpolated(volume: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Trilinear, voxels are boxes; outside the outermost centers the values stay."""
    for axis, side in enumerate(size, start=1):
        before = volume.shape[axis]
        centres = ((np.arange(side) + 0.5) * before / side - 0.5).clip(0, before - 1)
        low = np.floor(centres).astype(int)
        high = np.minimum(low + 1, before - 1)
        share = (centres - low).reshape([-1 if k == axis else 1 for k in range(4)])
        volume = (1 - share) * volume.take(low, axis) + share * volume.take(high, axis)
    return volume
