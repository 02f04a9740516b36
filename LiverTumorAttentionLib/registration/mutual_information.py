"""Similarity of two volumes: mutual information, by a histogram and with its derivative.

`similarity` measures by a plain joint histogram. `MutualInformation` has the derivative by the moving values.
Source: Mattes et al., IEEE Trans. Med. Imaging 22 (2003): a joint histogram whose windows are a box for the
fixed and a cubic B-spline for the moving values.
    MI = sum_fm p(f, m) log(p(f, m) / (p(f) p(m)))
    dMI/dv_i = -(1/N) sum_m beta3'(m - v_i) log(p(f_i, m) / p(m))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

TINY = 1e-12
BLOCK = 16384
"""Values that are computed at a time."""

OUTSIDE = -32768.0
"""Value that marks a voxel outside the moving image; no clipped HU value comes near it."""


@dataclass(frozen=True, kw_only=True)
class Similarity:
    """Similarity of two volumes inside a region.

    normalized: (H(A) + H(B)) / H(A, B) - 1 of the intensities A, B: 0 for independent, 1 for one-to-one.
        Source: Studholme, Hill, Hawkes, Pattern Recognition 32 (1999), shifted to start at 0.
    mutual: mutual information in nat, less its bias from counting (Miller, Madow).
    coverage: share of the region that lies inside the moving volume.
    """

    normalized: float
    mutual: float
    coverage: float

    @property
    def score(self) -> float:
        """Mutual information times coverage: voxels outside the moving volume contribute none."""
        return self.mutual * self.coverage


def similarity(
    fixed: sitk.Image, moving: sitk.Image, transform: sitk.Transform, region: sitk.Image, *, bins: int = 32
) -> Similarity:
    """Return the similarity of `fixed` and `moving`, moved by `transform`, in `region` (on fixed's grid).

    Both volumes are clipped to the same window beforehand; the histogram covers the values that occur.
    """
    return similarity_to(fixed, moved_onto(fixed, moving, transform), region, bins=bins)


def moved_onto(fixed: sitk.Image, moving: sitk.Image, transform: sitk.Transform) -> sitk.Image:
    """Return `moving`, moved by `transform`, at the voxels of `fixed`, float32; `OUTSIDE` where it does not reach."""
    return sitk.Resample(moving, fixed, transform, sitk.sitkLinear, OUTSIDE, sitk.sitkFloat32)


def similarity_to(fixed: sitk.Image, moved: sitk.Image, region: sitk.Image, *, bins: int = 32) -> Similarity:
    """Return the similarity of `fixed` and what `moved_onto` returned, in `region`; see `similarity`."""
    inside = sitk.GetArrayViewFromImage(region) > 0
    a = sitk.GetArrayViewFromImage(fixed)[inside]
    b = sitk.GetArrayViewFromImage(moved)[inside]
    known = b > OUTSIDE / 2
    if np.count_nonzero(known) < 64:
        return Similarity(normalized=0.0, mutual=0.0, coverage=float(known.mean()) if len(b) else 0.0)
    normalized, mutual = mutual_information(a[known], b[known], bins)
    return Similarity(normalized=normalized, mutual=mutual, coverage=float(known.mean()))


def mutual_information(a: np.ndarray, b: np.ndarray, bins: int = 32) -> tuple[float, float]:
    """Return (normalized mutual information 0..1, mutual information in nat) of two samples (n,)."""
    joint = np.histogram2d(a, b, bins=bins)[0]
    count = joint.sum()

    def entropy(histogram: np.ndarray) -> float:
        p = histogram[histogram > 0] / count
        return float(-(p * np.log(p)).sum() + (len(p) - 1) / (2 * count))

    h_a, h_b, h_ab = entropy(joint.sum(axis=1)), entropy(joint.sum(axis=0)), entropy(joint)
    mutual = max(h_a + h_b - h_ab, 0.0)
    return (mutual / h_ab if h_ab > 0 else 0.0), mutual


class MutualInformation:
    """Mutual information with the fixed sample (n,) held."""

    def __init__(self, fixed: np.ndarray, moving_range: tuple[float, float], bins: int) -> None:
        """Take the fixed values, the range that moving ones are clipped to, and the number of bins of each."""
        low, high = float(fixed.min()), float(fixed.max())
        width = max(high - low, 1e-6) / bins
        self._bins = bins
        self._fixed_bin = np.minimum((fixed - low) / width, bins - 1).astype(np.intp)
        self._low, self._high = moving_range
        # the B-spline reaches two bins to each side, so the values keep that far from the border
        self._width = max(moving_range[1] - moving_range[0], 1e-6) / (bins - 4)

    def __call__(self, moving: np.ndarray, known: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the mutual information (nat) and its derivative (n,) by the moving values (n,).

        known: boolean (n,), which values count; the derivative of the others is 0, and that of clipped ones.
        """
        bins, count = self._bins, max(float(np.count_nonzero(known)), 1.0)
        cells = np.empty(len(moving), np.intp)
        fractions = np.empty(len(moving), np.float32)
        joint = np.zeros(bins * bins)
        for part in blocks(len(moving)):
            position = (np.clip(moving[part], self._low, self._high) - self._low) / self._width + 1.5
            first = np.clip(np.floor(position) - 1, 0, bins - 4).astype(np.intp)
            f = np.clip(position - first - 1, 0.0, 1.0).astype(np.float32)
            cell = self._fixed_bin[part] * bins + first
            fractions[part], cells[part] = f, cell
            for k, weight in enumerate(_spline_weights(f)):
                joint += np.bincount(cell + k, weight * known[part], bins * bins)
        p = (joint / count).reshape(bins, bins)
        p_moving = p.sum(axis=0)
        log_ratio = np.log((p + TINY) / (p_moving + TINY))
        p_fixed = p.sum(axis=1)
        value = float((p * log_ratio).sum() - (p_fixed * np.log(p_fixed + TINY)).sum())

        table = log_ratio.astype(np.float32).ravel()
        derivative = np.empty(len(moving), np.float32)
        for part in blocks(len(moving)):
            slope = sum(s * table[cells[part] + k] for k, s in enumerate(_spline_slopes(fractions[part])))
            free = known[part] & (moving[part] >= self._low) & (moving[part] <= self._high)
            derivative[part] = slope * free / np.float32(count * self._width)
        return value, derivative


def blocks(count: int) -> list[slice]:
    """Return the slices of `count` values that are computed one after the other, to stay in the processor's cache."""
    return [slice(first, first + BLOCK) for first in range(0, count, BLOCK)]


def _spline_weights(f: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the four weights of a cubic B-spline at fractions f (n,) of a bin."""
    g = 1 - f
    f2, g2 = f * f, g * g
    return g2 * g / 6, 2 / 3 - f2 * (1 - f / 2), 2 / 3 - g2 * (1 - g / 2), f2 * f / 6


def _spline_slopes(f: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the derivatives of the four weights by f (n,)."""
    g = 1 - f
    return -g * g / 2, f * (1.5 * f - 2), g * (2 - 1.5 * g), f * f / 2


@dataclass(frozen=True)
class Part:
    """One part of the compared voxels: which of them (indices), how they are compared, what each counts."""

    members: np.ndarray
    measure: MutualInformation
    weight: float


class ConditionalMutualInformation:
    """Mutual information within each part of the compared voxels, added up: sum_k w_k (n_k / N) MI_k.

    Source: Loeckx et al., IEEE Trans. Med. Imaging 29 (2010): the mutual information under the condition of the
    place, I(fixed; moving | place). There the place is a grid of B-splines; here it is the liver or what
    surrounds it, each with a range of intensities, bins and a weight of its own.

    With one histogram for both, fat, lung and bone take nearly all bins and nearly all of the information, and
    a vessel 20 HU brighter than the liver hardly shows in it: the error inside the liver was nearly twice as large.
    """

    def __init__(self, parts: Sequence[Part], count: int) -> None:
        """Take the parts of `count` compared voxels."""
        self._parts, self._count = tuple(parts), count

    def __call__(self, moving: np.ndarray, known: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the sum (nat) and its derivative (n,) by the moving values (n,)."""
        total, derivative = 0.0, np.zeros(self._count, np.float32)
        for part in self._parts:
            value, by_value = part.measure(moving[part.members], known[part.members])
            share = part.weight * len(part.members) / self._count
            total += share * value
            derivative[part.members] = share * by_value
        return total, derivative
