"""The benchmark of lines: diameters of masks with known ones, and the errors in the table."""

from __future__ import annotations

import numpy as np
import pytest

from Testing.benchmarks.interaction.lines import longest_of, table, trial
from Testing.benchmarks.interaction.task import Task
from Testing.Library.correction.made_case import DARK, SPACING_MM, ball, made_case


def test_the_longest_diameter_lies_in_the_slice_of_the_center() -> None:
    z, chord = longest_of(ball(DARK.center, DARK.radius_mm), SPACING_MM)
    assert z == DARK.center[0]
    assert chord.length_mm == pytest.approx(2 * DARK.radius_mm, abs=0.9 * SPACING_MM[2])


def test_a_trial_has_two_readers_and_what_their_lines_draw() -> None:
    case = made_case((DARK,))
    truth = ball(DARK.center, DARK.radius_mm)
    task = Task(
        portal=case.portal, arterial=case.arterial, probability=None,
        labels=np.asarray(case.start), start=None, hu=case.portal_hu,
    )  # fmt: skip
    row = trial(task, truth, {"walker": None}, np.random.default_rng(1))
    assert row is not None
    assert row["readers"][0] != row["readers"][1]
    assert row["walker"] == pytest.approx(row["readers"], abs=3.5)
    assert min(row["walker, Dice"]) > 0.8
    assert trial(task, ball(DARK.center, 3.0), {}, np.random.default_rng(1)) is None


def test_the_table_has_the_errors() -> None:
    rows = [
        {"truth": 20.0, "readers": [21.0, 18.0], "walker": [20.0, 20.5], "walker, Dice": [0.9, 0.8]},
        {"truth": 10.0, "readers": [10.0, 11.0], "walker": [9.0, 10.0], "walker, Dice": [0.7, 0.6]},
    ]
    lines = table(rows, ["walker"], "plain")
    assert lines[-2] == "| readers' lines | 1.00 | 1.00 | 2.00 |  |"
    assert lines[-1] == "| mask, walker | 0.38 | 0.25 | 0.75 | 0.750 |"
