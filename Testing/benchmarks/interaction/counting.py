"""From trials to numbers: the clicks that lesions took to an aim."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from Testing.benchmarks.interaction.user import MOST_CLICKS

Row = dict[str, Any]
"""A trial: seed, lesion, kind, diameter_mm, start, found, tool, dice (before, then after each click), seconds."""


@dataclass(frozen=True)
class Count:
    """The lesions that were not good enough at the start; one that never got there counts as the most clicks."""

    lesions: int
    median: float
    mean: float
    reached: float


def clicks_to(dice: Sequence[float], aim: float) -> int | None:
    """Return the clicks after which a lesion first was as good; None when it never was."""
    return next((clicks for clicks, value in enumerate(dice) if value >= aim), None)


def count(rows: Iterable[Row], aim: float) -> Count | None:
    """Return what trials took to an aim; None where there are none that began below it."""
    clicks = [clicks_to(row["dice"], aim) for row in rows if row["dice"][0] < aim]
    if not clicks:
        return None
    counted = [MOST_CLICKS if each is None else each for each in clicks]
    reached = sum(each is not None for each in clicks) / len(clicks)
    return Count(len(clicks), float(np.median(counted)), float(np.mean(counted)), reached)
