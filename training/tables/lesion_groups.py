"""Detection of lesions by type and size."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from training.evaluation.columns import Row
from training.tables.pooling import mean_of_defined
from training.tables.scores import Scores, number

DIAMETERS_MM = (10.0, 20.0, 50.0)
"""Where groups of diameter end."""
COLUMNS = ("recipe", "group", "lesions", "scored", "detected", "touched", "mean_best_dice")


@dataclass(frozen=True, kw_only=True)
class LesionGroup:
    """The lesions of one kind under one recipe."""

    recipe: str
    group: str
    lesions: int
    """Lesions of the truth, each counted once."""
    scored: int
    """Scores of them: one a lesion and training."""
    detected: float
    """Share of the scores with a finding of 50 % overlap (IoU)."""
    touched: float
    """Share with at least one voxel found."""
    mean_best_dice: float
    """nan where none has a score, for being too small for the labels."""


def lesion_groups(scores: Scores) -> list[LesionGroup]:
    """Return all lesions, those of each type, and those of each group of diameter, recipe by recipe."""
    result = []
    for recipe in sorted({row["recipe"] for row in scores.lesions}):
        rows = [row for row in scores.lesions if row["recipe"] == recipe]
        result.append(_group(recipe, "all", rows))
        for name_of in (_type, _diameter):
            for name in sorted({name_of(row) for row in rows} - {""}, key=_in_order):
                result.append(_group(recipe, name, [row for row in rows if name_of(row) == name]))
    return result


def lesions_markdown(groups: Sequence[LesionGroup]) -> str:
    """Return the groups as Markdown."""
    lines = [
        "# Lesions one by one",
        "",
        "Detected: a finding overlaps by half (IoU); touched: at least a voxel of it was found. Shares are of all "
        "lesions of all trainings together. Diameters are those of the ball of equal volume.",
        "",
        "| Recipe | Lesions | Number | Detected (%) | Touched (%) | Mean best Dice (%) |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for each in groups:
        shares = " | ".join(_percent(value) for value in (each.detected, each.touched, each.mean_best_dice))
        lines.append(f"| {each.recipe} | {each.group} | {each.lesions} | {shares} |")
    return "\n".join(lines) + "\n"


def lesions_csv(groups: Sequence[LesionGroup]) -> str:
    """Return the groups as CSV."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([getattr(each, name) for name in COLUMNS] for each in groups)
    return stream.getvalue()


def _group(recipe: str, name: str, rows: Sequence[Row]) -> LesionGroup:
    dice = [number(row, "best_dice") for row in rows]
    return LesionGroup(
        recipe=recipe,
        group=name,
        lesions=len({(row["case"], row["lesion"]) for row in rows}),
        scored=len(rows),
        detected=_share(rows, lambda row: row["detected"] == "yes"),
        touched=_share(rows, lambda row: row["touched"] == "yes"),
        mean_best_dice=mean_of_defined(value for value in dice if value is not None),
    )


def _share(rows: Sequence[Row], hit: Callable[[Row], bool]) -> float:
    return sum(hit(row) for row in rows) / len(rows)


def _type(row: Row) -> str:
    return row["tumor_type"]


def _diameter(row: Row) -> str:
    diameter = number(row, "diameter_mm")
    if diameter is None:
        return ""
    below = next((limit for limit in DIAMETERS_MM if diameter < limit), None)
    return f"below {below:g} mm" if below is not None else f"{DIAMETERS_MM[-1]:g} mm and more"


def _in_order(name: str) -> tuple[float, str]:
    """Sort diameters by size, types by name."""
    words = name.split()
    if words[-1] == "more":
        return math.inf, name
    return (float(words[1]), name) if words[0] == "below" and len(words) == 3 else (-1.0, name.lower())


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.1f}"
