"""Bright tubes of a volume: curvature across, at several widths, beside what noise alone would give.

    tube(s) = s^2 c2 w            c2 the smaller of the two curvatures across a tube, in HU per mm^2, 0 where it is dark
    w = sqrt(1 - c3 / c2)         where the volume curves along the tube as well, as in a ball
    w = 1 - |c3| / (4 c2)         where it curves up along it; never below 0
    response = max over s of tube(s) / noise(s)

with c1 >= c2 >= c3 the negative eigenvalues of the Hessian at the scale s. A straight tube of radius r and contrast C
gives at most 0.37 C, at s = r / sqrt(2). noise(s) is a high quantile of the same measure on the inverted volume: noise
is as often dark as bright, and beside veins little in a liver in the portal phase is tubular.

Source: Sato et al., Three-dimensional multi-scale line filter, Medical Image Analysis 1998; 2: 143-168.
Departs: each scale is measured by the case's own noise instead of by a weight.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.progress import Progress

Floats = NDArray[np.float32]

BLOCK = 1 << 18
"""So many voxels are looked at at a time."""
_PAIRS = ((0, 1), (0, 2), (1, 2))


def tubeness(
    volume: Floats,
    mask: NDArray[np.bool_],
    voxel_mm: float,
    scales_mm: Sequence[float],
    noise_quantile: float,
    least_noise: float,
    progress: Progress,
) -> Floats:
    """Return the response of each voxel: how many times the noise it is as a bright tube.

    volume: (z, y, x) of cubes, HU, without steps at the mask's border. mask: where it is looked at; elsewhere 0.
    noise_quantile: which quantile of the inverted volume's response in the mask is noise. least_noise: HU.
    Raises `Cancelled`.
    """
    padded = np.pad(volume, 1, mode="edge")
    inner = np.flatnonzero(np.pad(mask, 1))
    best = np.zeros(inner.size, np.float32)
    steps = [int(step) for step in np.array(padded.strides) // padded.itemsize]
    for number, scale in enumerate(scales_mm):
        progress.update(number / len(scales_mm))
        smooth = ndimage.gaussian_filter(padded, scale / voxel_mm, mode="nearest", truncate=3.0).reshape(-1)
        bright, dark = np.empty(inner.size, np.float32), np.empty(inner.size, np.float32)
        for begin in range(0, inner.size, BLOCK):
            progress.check()
            part = slice(begin, begin + BLOCK)
            values = _eigenvalues(smooth, inner[part], steps) * np.float32((scale / voxel_mm) ** 2)
            bright[part], dark[part] = _tube(-values), _tube(values[::-1])
        noise = max(float(np.quantile(dark, noise_quantile)) if dark.size else 0.0, least_noise)
        best = np.maximum(best, bright / np.float32(noise))
    response = np.zeros(volume.shape, np.float32)
    response[mask] = best
    progress.update(1.0)
    return response


def _tube(curvature: Floats) -> Floats:
    """Return the measure of bright tubes. curvature: (3, n), falling: minus eigenvalues by squared scale."""
    _, across, along = curvature
    safe = np.maximum(across, np.float32(1e-6))
    ball = np.sqrt(np.clip(1 - along / safe, 0, 1))
    waist = np.clip(1 - np.abs(along) / (4 * safe), 0, 1)
    return np.where(across > 0, across * np.where(along > 0, ball, waist), np.float32(0))


def _eigenvalues(smooth: Floats, at: NDArray[np.intp], steps: Sequence[int]) -> Floats:
    """Return the eigenvalues (3, n), rising, of the Hessian at flat indices, per squared voxel."""
    middle = 2 * smooth[at]
    xx, yy, zz = (smooth[at + step] + smooth[at - step] - middle for step in steps)
    xy, xz, yz = (
        (
            smooth[at + steps[i] + steps[j]]
            + smooth[at - steps[i] - steps[j]]
            - smooth[at + steps[i] - steps[j]]
            - smooth[at - steps[i] + steps[j]]
        )
        / 4
        for i, j in _PAIRS
    )
    # Smith, Eigenvalues of a symmetric 3 x 3 matrix, Communications of the ACM 1961; 4: 168
    mean = (xx + yy + zz) / 3
    a, b, c = xx - mean, yy - mean, zz - mean
    size = np.sqrt((a * a + b * b + c * c + 2 * (xy * xy + xz * xz + yz * yz)) / 6)
    safe = np.maximum(size, np.float32(1e-12))
    a, b, c, d, e, f = (value / safe for value in (a, b, c, xy, xz, yz))
    half = (a * (b * c - f * f) - d * (d * c - f * e) + e * (d * f - b * e)) / 2
    angle = np.arccos(np.clip(half, -1, 1)) / 3
    highest = mean + 2 * size * np.cos(angle)
    lowest = mean + 2 * size * np.cos(angle + 2 * np.pi / 3)
    return np.stack([lowest, 3 * mean - highest - lowest, highest]).astype(np.float32)
