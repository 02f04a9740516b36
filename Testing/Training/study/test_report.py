"""The study's page says what its scores say."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from LiverTumorAttentionLib.errors import InputError
from training.evaluation.columns import CASE_COLUMNS, row_of
from training.evaluation.score_files import CaseScores, ScoreFiles
from training.study.kept_runs import KeptRun, keep, settings_digest
from training.study.plan import FOUND_LIVER, TRAININGS, Training, planned
from training.study.report import write_report

RECIPES = {
    "single": "paresseg/table4-single",
    "msf": "paresseg/table4-msf",
    "msf-pa": "paresseg/table4-msf-pa",
}
DICE = {"single": 0.2, "msf": 0.5, "msf-pa": 0.7}
"""Of the first case with seed 0; every later case has 0.01 more, every later seed 0.02 more."""
TYPES = ("FNH", "cyst", "none")


def scores_of(training: str, seed: int) -> list[CaseScores]:
    rows = []
    for k, kind in enumerate(TYPES):
        healthy = kind == "none"
        dice = 1.0 if healthy else DICE[training] + 0.01 * k + 0.02 * seed
        values = {
            "run": f"{training}-{seed}",
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
            "tumor_dice": dice,
            "tumor_auc": math.nan if healthy else 0.9,
            "tumor_dice_at": json.dumps([dice + (0.1 if at == 5 else 0.0) for at in range(19)]),
            "lesions_true": 0 if healthy else 2,
            "lesions_detected": 0 if healthy else 1,
            "lesions_found": 1,
            "false_findings": 3,
            "largest_lesion_mm": 20.0,
        }
        rows.append(CaseScores(case=row_of(CASE_COLUMNS, values)))
    return rows


def by_name(name: str) -> Training:
    return next(training for training in TRAININGS if training.name == name)


def write_scores(
    results: Path, training: str, seed: int, name: str = "scores", *, settings: str = "", cohort: str = "cd"
) -> None:
    results.mkdir(exist_ok=True)
    ScoreFiles(results / f"{name}.csv").put(scores_of(training, seed))
    keep(
        results,
        KeptRun(
            run=f"{training}-{seed}",
            settings_sha256=settings or settings_digest(by_name(training)),
            cohort_sha256=cohort,
            steps=20,
            seconds=1800.0,
            loss=(1.0, 0.5),
            attention={},
        ),
    )


def told(results: Path) -> str:
    write_report(results)
    return (results / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def results(tmp_path: Path) -> Path:
    for training in RECIPES:
        for seed in range(3):
            write_scores(tmp_path / "results", training, seed)
    return tmp_path / "results"


@pytest.fixture
def page(results: Path) -> str:
    return told(results)


def cells_of(page: str, start: str) -> list[str]:
    line = next(line for line in page.splitlines() if line.startswith(start))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_row_is_the_mean_over_seeds_and_cases_with_tumor(page: str) -> None:
    # seed 0: (0.20 + 0.21) / 2, seed 1: 0.02 more, seed 2: 0.04 more; the healthy case's 1.0 does not count
    cells = cells_of(page, "| single |")
    assert cells[:5] == ["single", "3 of 3", "0.205, 0.225, 0.245", "0.225", "0.020"]
    assert cells[5:8] == ["0.900", "0.325 (0.30)", "0.600"]
    assert cells[-3:] == ["0.500", "3.00", "3.00 (0%)"]
    assert cells_of(page, "| msf |")[1] == "3 of 15"


def test_a_study_that_is_not_finished_says_so(page: str) -> None:
    assert f"Not finished: 9 of {len(planned())} trainings" in page


def test_findings_are_told_with_their_difference_and_interval(page: str) -> None:
    cells = cells_of(page, "| two phases (MSF) are better than one |")
    assert cells[2:6] == ["3 (3)", "+0.300", "+0.300 to +0.300", "0.000"]


def test_trainings_that_learned_nothing_are_named_and_left_out(
    page: str, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "All 9 trainings learned to find tumors" in page
    monkeypatch.setitem(DICE, "single", -0.015)
    write_scores(results, "single", 0)
    page = told(results)
    assert "**1 of 9 trainings learned to find next to no tumor**" in page
    assert "single (seed 0)." in page
    cells = cells_of(page, "| two phases (MSF) are better than one |")
    assert cells[2] == "2 (2), 1 left out"
    assert cells[4:6] == ["", ""]
    assert cells[-1] == "**not decided: 2 pairs of trainings that learned**"
    table = (results / "tables" / "paresseg-table-4.md").read_text(encoding="utf-8")
    assert "3 cases, 2 trainings" in table  # of single


def test_scores_under_other_conditions_stand_beside_those_of_the_same_seeds(
    page: str, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "With the liver that was found" not in page
    monkeypatch.setitem(DICE, "msf", 0.3)
    for seed in (0, 1):
        write_scores(results, "msf", seed, FOUND_LIVER.name)
    section = told(results).partition(f"## {FOUND_LIVER.title}")[2].partition("\n## ")[0]
    assert "3 cases with 4 lesions." in section
    assert cells_of(section, "| msf |") == ["msf", "2", "0.315", "0.515", "0.500", "3.00"]


def test_pictures_stand_under_their_training(page: str, results: Path) -> None:
    assert "## Pictures" not in page
    (results / "figures" / "msf-pa-0").mkdir(parents=True)
    (results / "figures" / "msf-pa-0" / "lesion-sizes.png").write_bytes(b"")
    assert (
        "**msf-pa-0, lesion sizes**\n\n![msf-pa-0: lesion-sizes.png](figures/msf-pa-0/lesion-sizes.png)"
        in told(results)
    )
    (results / "figures" / "msf-pa-be-0").mkdir()
    (results / "figures" / "msf-pa-be-0" / "lesion-sizes.png").write_bytes(b"of earlier settings")
    assert "msf-pa-be-0" not in told(results)


def test_trainings_with_other_settings_are_left_out(results: Path) -> None:
    write_scores(results, "msf", 0, settings="earlier")
    assert cells_of(told(results), "| msf |")[1] == "2 of 15"


def test_trainings_on_several_cohorts_are_refused(results: Path) -> None:
    write_scores(results, "msf", 0, cohort="ef")
    with pytest.raises(InputError, match="were trained on different cohorts: train one of them again"):
        write_report(results)


def test_curves_and_hours_are_told(page: str, results: Path) -> None:
    assert "9 trainings took 4.5 hours of one core" in page
    assert (results / "learning-curves.png").stat().st_size > 5000


def test_what_a_row_sets_otherwise_than_the_others_is_told(page: str) -> None:
    assert "- the row with the BE-loss, beside these: `loss.kind` boundary_enhanced_dice." in page
    assert "- msf-pa-unregistered: `preparation.registration` none." in page


def test_gains_are_told_by_type(page: str) -> None:
    assert "| FNH | 1 | 0.220 | 0.720 | +0.500 |" in page


def test_the_tables_of_the_paper_are_written(page: str, results: Path) -> None:
    table = (results / "tables" / "paresseg-table-4.md").read_text(encoding="utf-8")
    assert "77.26" in table
    stale = results / "tables" / "dpcnet-table-2.md"
    stale.write_text("of earlier trainings", encoding="utf-8")
    write_report(results)
    assert not stale.exists()
    assert "3 cases, 3 trainings" in table


def test_without_scores_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="train and evaluate first"):
        write_report(tmp_path / "results")
    assert not (tmp_path / "results").exists()
