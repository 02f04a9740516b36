"""Learning curves of the study's trainings, from the rows that are kept of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from training.figures.canvas import COLORS, figure
from training.study.kept_runs import KeptRun
from training.study.plan import TRAININGS


def draw_curves(path: Path, runs: Mapping[str, KeptRun]) -> None:
    """Draw the loss over epochs, one plot a training, one line a seed; nothing where no run is kept."""
    kept = {
        training.name: [
            (seed, runs[training.run_name(seed)])
            for seed in training.seeds
            if training.run_name(seed) in runs
        ]
        for training in TRAININGS
    }
    shown = {name: seeds for name, seeds in kept.items() if seeds}
    if not shown:
        return
    with figure(path, list(shown), columns=4) as plots:
        for plot, seeds in zip(plots, shown.values(), strict=True):
            for seed, run in seeds:
                color = COLORS[seed % len(COLORS)]
                plot.plot(
                    range(1, len(run.loss) + 1), run.loss, color=color, linewidth=1, label=f"seed {seed}"
                )
            plot.set_xlabel("epoch", fontsize=8)
            plot.set_ylabel("loss", fontsize=8)
            plot.set_ylim(bottom=0)
            if len(seeds) <= 3:
                plot.legend(fontsize=6, loc="upper right")
