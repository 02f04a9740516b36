"""Calibration of probabilities: expected calibration error, and the reliability diagram.

Source: Guo et al., On calibration of modern neural networks, ICML 2017: bins of equal width, weighted by their size.
Departs: the probability is that of being a lesion, and its complement is not looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.io import replacing

BINS = 10
BLUE, GRAY, ORANGE = "#1f5f99", "#8a8a8a", "#d9822b"


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """Candidates in bins of their probability; arrays (BINS,).

    counts: how many. said: their mean probability. true: the share of them that are lesions; both NaN in empty bins.
    """

    counts: NDArray[np.int64]
    said: NDArray[np.float64]
    true: NDArray[np.float64]

    @classmethod
    def of(cls, probabilities: NDArray[np.float64], truth: NDArray[np.bool_]) -> Reliability:
        """Put candidates into bins. probabilities, truth: (candidates,)."""
        bins = np.minimum((probabilities * BINS).astype(int), BINS - 1)
        counts = np.bincount(bins, minlength=BINS)
        with np.errstate(invalid="ignore"):
            said = np.bincount(bins, weights=probabilities, minlength=BINS) / counts
            true = np.bincount(bins, weights=truth, minlength=BINS) / counts
        return cls(counts=counts, said=said, true=true)

    @property
    def expected_calibration_error(self) -> float:
        """Mean distance of what was said from what was true, over the candidates."""
        error = np.nansum(self.counts * np.abs(self.said - self.true)) / max(self.counts.sum(), 1)
        return float(error)

    def half_widths(self) -> NDArray[np.float64]:
        """Return half the 95 % interval of the true shares by Wilson, (2, BINS): below and above them."""
        z = 1.96
        with np.errstate(invalid="ignore", divide="ignore"):
            n, p = self.counts, self.true
            middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
            half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
        return np.abs(np.stack([p - (middle - half), middle + half - p]))


def draw(
    path: Path, probabilities: NDArray[np.float64], truth: NDArray[np.bool_], thresholds: dict[str, float]
) -> None:
    """Write the reliability diagram as PNG: share of lesions against probability, and how many there are.

    thresholds: operating points by name, drawn as lines. Raises `OutputError`.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    bins = Reliability.of(probabilities, truth)
    filled = bins.counts > 0
    figure = Figure(figsize=(5.2, 6.2), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 1, height_ratios=(3, 1), sharex=True)
    upper.plot([0, 1], [0, 1], color=GRAY, linewidth=1, linestyle="--")
    upper.errorbar(
        bins.said[filled],
        bins.true[filled],
        yerr=bins.half_widths()[:, filled],
        color=BLUE,
        marker="o",
        markersize=5,
        linewidth=1.2,
        capsize=2,
    )
    for threshold in sorted(set(thresholds.values())):
        names = ", ".join(name for name, own in thresholds.items() if own == threshold)
        upper.axvline(threshold, color=ORANGE, linewidth=0.9)
        upper.text(
            threshold, 1.01, f" {names}", color=ORANGE, rotation=45, fontsize=7, va="bottom", ha="left"
        )
    upper.set(xlim=(0, 1), ylim=(0, 1), ylabel="Share that are lesions")
    upper.text(
        0.97,
        0.03,
        f"{len(truth)} candidates, {int(truth.sum())} lesions\n"
        f"expected calibration error {bins.expected_calibration_error:.3f}",
        ha="right",
        va="bottom",
        fontsize=8,
        transform=upper.transAxes,
    )
    edges = np.linspace(0, 1, BINS + 1)
    lower.hist(
        [probabilities[~truth], probabilities[truth]],
        bins=edges,
        color=[GRAY, BLUE],
        stacked=True,
        label=["no lesion", "lesion"],
    )
    lower.set(xlabel="Lesion probability", ylabel="Candidates")
    lower.legend(fontsize=7, frameon=False)
    with replacing(path, name="reliability diagram") as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})
