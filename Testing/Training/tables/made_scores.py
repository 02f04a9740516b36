"""Scores written by hand, as `evaluate` writes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training.evaluation.columns import CASE_COLUMNS, LESION_COLUMNS, SLICE_COLUMNS, Row, row_of
from training.evaluation.score_files import CaseScores, ScoreFiles


def case_row(recipe: str, case: str, *, seed: int = 0, part: int = 0, **values: Any) -> Row:
    """Return a row of scores.csv, with what is given by the names of its columns."""
    run = f"/runs/{recipe.replace('/', '-')}-{part}-{seed}"
    return row_of(
        CASE_COLUMNS, {"run": run, "recipe": recipe, "part": part, "seed": seed, "case": case, **values}
    )


def slice_row(of: Row, number: int, position: str, counts: tuple[int, int, int, int], **values: Any) -> Row:
    """Return a row of scores-slices.csv for a slice with these TP, FP, FN and TN."""
    names = ("tp_voxels", "fp_voxels", "fn_voxels", "tn_voxels")
    given = {"slice": number, "position": position, **dict(zip(names, counts, strict=True)), **values}
    return row_of(SLICE_COLUMNS, {**_same(of), **given})


def lesion_row(of: Row, number: int, **values: Any) -> Row:
    """Return a row of scores-lesions.csv."""
    return row_of(LESION_COLUMNS, {**_same(of), "lesion": number, **values})


def write(path: Path, cases: Sequence[Row], lesions: Sequence[Row] = (), slices: Sequence[Row] = ()) -> Path:
    """Write the three files of scores."""

    def of(row: Row, rows: Sequence[Row]) -> list[Row]:
        return [each for each in rows if (each["run"], each["case"]) == (row["run"], row["case"])]

    ScoreFiles(path).put(
        CaseScores(case=row, lesions=of(row, lesions), slices=of(row, slices)) for row in cases
    )
    return path


def _same(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in ("run", "recipe", "part", "seed", "case")}
