"""The study's page says what its scores say."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from LiverTumorAttentionLib.errors import InputError
from training.evaluation.columns import CASE_COLUMNS, LESION_COLUMNS, SLICE_COLUMNS, row_of
from training.evaluation.score_files import lesions_path, slices_path
from training.study.report import write_report

RECIPES = {
    "single": "paresseg/table4-single",
    "msf": "paresseg/table4-msf",
    "msf-pa": "paresseg/table4-msf-pa",
}
DICE = {"single": 0.2, "msf": 0.5, "msf-pa": 0.7}
"""Of the first case with seed 0; every later case has 0.01 more, seed 1 has 0.02 more."""
TYPES = ("FNH", "cyst", "none")


def write_scores(folder: Path, training: str, seed: int) -> None:
    rows = []
    for k, kind in enumerate(TYPES):
        healthy = kind == "none"
        values = {
            "run": f"runs/{training}-{seed}",
            "recipe": RECIPES[training],
            "part": 0,
            "seed": seed,
            "case": f"case-{k}",
            "tumor_type": kind,
            "facts": "{}",
            "changed": "yes",
            "liver_from": "truth",
            "keep": "raw",
            "tumor_tp_voxels": 60,
            "tumor_fp_voxels": 40,
            "tumor_fn_voxels": 40,
            "tumor_tn_voxels": 900,
            "tumor_true_ml": 0.0 if healthy else 1.0,
            "tumor_dice": 1.0 if healthy else DICE[training] + 0.01 * k + 0.02 * seed,
            "lesions_true": 0 if healthy else 2,
            "lesions_detected": 0 if healthy else 1,
            "lesions_found": 1,
            "false_findings": 3,
            "largest_lesion_mm": 20.0,
        }
        rows.append(row_of(CASE_COLUMNS, values))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{training}-{seed}.csv"
    for file, columns, some in (
        (path, CASE_COLUMNS, rows),
        (lesions_path(path), LESION_COLUMNS, []),
        (slices_path(path), SLICE_COLUMNS, []),
    ):
        with file.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, columns)
            writer.writeheader()
            writer.writerows(some)


@pytest.fixture
def page(tmp_path: Path) -> str:
    for training in RECIPES:
        for seed in (0, 1):
            write_scores(tmp_path / "study" / "scores", training, seed)
    write_report(tmp_path / "study", tmp_path / "results")
    return (tmp_path / "results" / "README.md").read_text(encoding="utf-8")


def test_a_row_is_the_mean_over_seeds_and_cases_with_tumor(page: str) -> None:
    # seed 0: (0.20 + 0.21) / 2, seed 1: (0.22 + 0.23) / 2; the healthy case's 1.0 does not count
    line = next(line for line in page.splitlines() if line.startswith("| single |"))
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[:5] == ["single", "0.205, 0.225", "0.215", "0.014", "0.600"]
    assert cells[8:10] == ["0.500", "3.00"]


def test_a_study_that_is_not_finished_says_so(page: str) -> None:
    assert "Not finished: 6 of 48 trainings" in page


def test_findings_are_told_with_their_difference(page: str) -> None:
    line = next(line for line in page.splitlines() if "two phases (MSF) are better than one" in line)
    assert "+0.300" in line
    assert "| 2 of 2 |" in line


def test_trainings_that_learned_nothing_are_named(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "All 6 trainings learned to find tumors" in page
    monkeypatch.setitem(DICE, "single", -0.015)
    write_scores(tmp_path / "study" / "scores", "single", 0)
    write_report(tmp_path / "study", tmp_path / "results")
    page = (tmp_path / "results" / "README.md").read_text(encoding="utf-8")
    assert "**1 of 6 trainings learned to find next to no tumor**" in page
    assert "single (seed 0)." in page


def test_gains_are_told_by_type(page: str) -> None:
    assert "| FNH | 1 | 0.210 | 0.710 | +0.500 |" in page


def test_the_tables_of_the_paper_and_the_scores_are_written(page: str, tmp_path: Path) -> None:
    table = (tmp_path / "results" / "tables" / "paresseg-table-4.md").read_text(encoding="utf-8")
    assert "77.26" in table
    with (tmp_path / "results" / "scores.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 18
    assert {row["run"] for row in rows} == {f"{training}-{seed}" for training in RECIPES for seed in (0, 1)}


def test_without_scores_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="train and evaluate first"):
        write_report(tmp_path, tmp_path / "results")
    assert not (tmp_path / "results").exists()
