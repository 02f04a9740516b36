"""Learning curves of runs: loss and validation scores over epochs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.csv_file import read_csv
from training.figures.canvas import COLORS, figure
from training.loop.logs import LOG, SCORES
from training.runs.run_folder import Run


def draw_learning_curves(path: Path, folders: Sequence[Path]) -> None:
    """Draw the runs' curves, one picture a recipe, one color a run. Raises `InputError` for runs without a log."""
    recipes: dict[str, list[Run]] = {}
    for folder in folders:
        run = Run.read(folder)
        recipes.setdefault(run.recipe.name, []).append(run)
    with figure(path, list(recipes)) as axes:
        for each, runs in zip(axes, recipes.values(), strict=True):
            scores = each.twinx()
            for number, run in enumerate(runs):
                color, name = COLORS[number % len(COLORS)], run.folder.name
                each.plot(
                    *column(run.folder / LOG, "loss"),
                    color=color,
                    linewidth=1,
                    marker=".",
                    markersize=3,
                    label=name,
                )
                if (run.folder / SCORES).is_file():
                    scores.plot(
                        *column(run.folder / SCORES, "dice"),
                        color=color,
                        linewidth=1,
                        marker=".",
                        markersize=3,
                        linestyle="--",
                    )
            each.set_xlabel("epoch", fontsize=8)
            each.set_ylabel("loss (solid)", fontsize=8)
            scores.set_ylabel("validation Dice (dashed)", fontsize=8)
            scores.set_ylim(0, 1)
            scores.tick_params(labelsize=8)
            each.legend(fontsize=6, loc="upper right")


def column(path: Path, name: str) -> tuple[list[float], list[float]]:
    """Return the epochs and the values of a column of a run's table. Raises `InputError` when it has none."""
    if not path.is_file():
        raise InputError(f"the run '{path.parent}' has no {path.name}: train it first")
    rows = read_csv(path, "the log", "train again").rows()
    try:
        return [float(row["epoch"]) for row in rows], [float(row[name]) for row in rows]
    except (KeyError, ValueError) as error:
        raise InputError(f"{path} has no numbers for {name}: train again") from error
