"""How well lesions are found by their size: Dice with the finding that fits best, over the diameter."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

from training.evaluation.columns import Row
from training.figures.canvas import COLORS, figure
from training.tables.lesion_groups import DIAMETERS_MM
from training.tables.scores import Scores, number

LIMITS_MM = (0.0, *DIAMETERS_MM, math.inf)
SHOWN_MM, TICKS_MM = (3.0, 200.0), (5, 10, 20, 50, 100)
FEWEST = 2
"""Lesions in a group for which a share of detected ones is drawn."""


def draw_lesion_sizes(path: Path, scores: Scores) -> None:
    """Draw one picture a recipe: a dot a lesion and training, colored by type, and the detected share by size."""
    recipes = sorted({row["recipe"] for row in scores.lesions})
    types = sorted({row["tumor_type"] for row in scores.lesions})
    with figure(path, recipes) as axes:
        for each, recipe in zip(axes, recipes, strict=True):
            rows = [row for row in scores.lesions if row["recipe"] == recipe]
            for place, name in enumerate(types):
                of_type = [row for row in rows if row["tumor_type"] == name and _dice(row) is not None]
                each.scatter(
                    [number(row, "diameter_mm") for row in of_type],
                    [_dice(row) for row in of_type],
                    s=9,
                    color=COLORS[place % len(COLORS)],
                    label=name or "type not told",
                    alpha=0.7,
                )
            for low, high, share, count in detected_shares(rows):
                left, right = max(low, SHOWN_MM[0]), min(high, SHOWN_MM[1])
                each.plot([left, right], [share, share], color="black", linewidth=1.5)
                each.text(left, share + 0.02, f" {share:.0%} of {count}", fontsize=6)
            each.set_xscale("log")
            each.set_xlim(*SHOWN_MM)
            each.set_xticks(TICKS_MM, [f"{tick:g}" for tick in TICKS_MM])
            each.minorticks_off()
            each.set_ylim(-0.03, 1.1)
            each.set_xlabel("diameter, mm", fontsize=8)
            each.set_ylabel("best Dice; detected share (lines)", fontsize=8)
            each.legend(fontsize=6, loc="upper left")


def detected_shares(rows: list[Row]) -> list[tuple[float, float, float, int]]:
    """Return (from mm, to mm, share detected, lesions) of each group of diameters that has some lesions."""
    groups = []
    for low, high in itertools.pairwise(LIMITS_MM):
        found = [
            row["detected"] == "yes" for row in rows if low <= (number(row, "diameter_mm") or 0.0) < high
        ]
        if len(found) >= FEWEST:
            groups.append((low, high, sum(found) / len(found), len(found)))
    return groups


def _dice(row: Row) -> float | None:
    value = number(row, "best_dice")
    return None if value is None or math.isnan(value) else value
