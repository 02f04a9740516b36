"""Mutual information of two samples of intensities, with its derivative by the second.

Source: Mattes et al., IEEE Trans. Med. Imaging 22 (2003): a joint histogram whose windows are a box for the
fixed and a cubic B-spline for the moving values.
    MI = sum_fm p(f, m) log(p(f, m) / (p(f) p(m)))
    dMI/dv_i = -(1/N) sum_m beta3'(m - v_i) log(p(f_i, m) / p(m))
"""

from __future__ import annotations

import numpy as np

TINY = 1e-12


class MutualInformation:
    """Mutual information with the fixed sample (n,) held."""

    def __init__(self, fixed: np.ndarray, moving_range: tuple[float, float], bins: int) -> None:
        """Take the fixed values, the range of the moving ones, and the number of bins of each."""
        low, high = float(fixed.min()), float(fixed.max())
        width = max(high - low, 1e-6) / bins
        self._bins = bins
        self._fixed_bin = np.minimum((fixed - low) / width, bins - 1).astype(np.intp)
        self._low = moving_range[0]
        # the B-spline reaches two bins to each side, so the values keep that far from the border
        self._width = max(moving_range[1] - moving_range[0], 1e-6) / (bins - 4)

    def __call__(self, moving: np.ndarray, known: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the mutual information (nat) and its derivative (n,) by the moving values (n,).

        known: boolean (n,), which values count; the derivative of the others is 0.
        """
        bins = self._bins
        position = (moving - self._low) / self._width + 1.5
        first = np.clip(np.floor(position) - 1, 0, bins - 4).astype(np.intp)
        f = np.clip(position - first - 1, 0.0, 1.0).astype(np.float32)
        weight = np.stack([(1 - f) ** 3, 3 * f**3 - 6 * f**2 + 4, -3 * f**3 + 3 * f**2 + 3 * f + 1, f**3]) / 6
        weight *= known
        cell = self._fixed_bin * bins + first
        joint = np.sum([np.bincount(cell + k, weight[k], bins * bins) for k in range(4)], axis=0)
        count = max(float(known.sum()), 1.0)
        p = (joint / count).reshape(bins, bins)
        p_moving = p.sum(axis=0)
        log_ratio = np.log((p + TINY) / (p_moving + TINY))
        p_fixed = p.sum(axis=1)
        value = float((p * log_ratio).sum() - (p_fixed * np.log(p_fixed + TINY)).sum())

        slope = np.stack([-((1 - f) ** 2), 3 * f**2 - 4 * f, -3 * f**2 + 2 * f + 1, f**2]) / 2
        table = log_ratio.astype(np.float32).ravel()
        derivative = sum(slope[k] * table[cell + k] for k in range(4))
        return value, derivative * known / (count * self._width)
