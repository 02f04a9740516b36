"""From the scores of the study to `training/results`: the papers' tables, what holds and what does not."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from LiverTumorAttentionLib.errors import InputError
from training.evaluation.columns import CASE_COLUMNS, LESION_COLUMNS, SLICE_COLUMNS, Row
from training.evaluation.score_files import CaseScores, ScoreFiles, lesions_path, slices_path
from training.study.curves import draw_curves
from training.study.findings import learned
from training.study.kept_runs import KeptRun, read_kept_runs, settings_digest
from training.study.page import CURVES, readme, shows_tumor
from training.study.plan import CONDITIONS, FIGURES, SCORES, TRAININGS, planned
from training.tables import write_tables
from training.tables.scores import number

IN_PAPERS = [
    training.name for training in TRAININGS if not training.name.endswith(("unregistered", "true-field"))
]
"""What stands in the papers' tables; the others share a recipe with one of these."""


def write_report(results: Path) -> None:
    """Write the tables, the learning curves and README.md from the scores and runs that are kept there.

    What was trained with other settings than those of now is left out. Raises `InputError` when nothing was scored, and
    for runs of several cohorts.
    """
    runs = _runs_of_now(results)
    scored = _scored(results, SCORES, runs)
    if not scored:
        raise InputError(f"there are no scores in {results / SCORES}: train and evaluate first")
    rows = by_training([each.case for each in scored])
    with_tumor = {name: [row for row in some if shows_tumor(row)] for name, some in rows.items()}
    with tempfile.TemporaryDirectory() as folder:
        papers = Path(folder) / SCORES
        _write_papers(papers, _that_learned(scored))
        for stale in [*(results / "tables").glob("*.csv"), *(results / "tables").glob("*.md")]:
            stale.unlink()  # of rows that are scored no more
        write_tables([papers], results / "tables")
    draw_curves(results / CURVES, runs)
    others = {
        condition: by_training([each.case for each in _scored(results, f"{condition.name}.csv", runs)])
        for condition in CONDITIONS
    }
    pictures = sorted(
        path.relative_to(results).as_posix()
        for path in (results / FIGURES).glob("*/*.png")
        if path.parent.name in runs
    )
    text = readme(rows, with_tumor, runs, others, pictures)
    (results / "README.md").write_text(text, encoding="utf-8")


def _runs_of_now(results: Path) -> dict[str, KeptRun]:
    """Return the kept runs whose settings are those of the plan."""
    kept = read_kept_runs(results)
    runs = {
        name: kept[name]
        for training, seed in planned()
        if (name := training.run_name(seed)) in kept
        and kept[name].settings_sha256 == settings_digest(training)
    }
    cohorts = {run.cohort_sha256: name for name, run in runs.items()}
    if len(cohorts) > 1:
        first, other, *_ = cohorts.values()
        raise InputError(f"{first} and {other} were trained on different cohorts: train one of them again")
    return runs


def _scored(results: Path, name: str, runs: Mapping[str, KeptRun]) -> list[CaseScores]:
    """Return the scores of these runs in a file."""
    return [each for each in ScoreFiles(results / name).read().values() if each.case["run"] in runs]


def by_training(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Return the rows of each training, all seeds together, in the order of the plan."""
    trainings: dict[str, list[Row]] = {training.name: [] for training in TRAININGS}
    for row in rows:
        trainings.get(training_of(row), []).append(row)
    return {name: some for name, some in trainings.items() if some}


def training_of(row: Row) -> str:
    """Return the training's name, without its seed."""
    return row["run"].rpartition("-")[0]


def _that_learned(scored: Sequence[CaseScores]) -> list[CaseScores]:
    """Return the scores of trainings that learned to draw tumors: a mean with another tells of luck."""
    runs: dict[str, dict[str, float]] = {}
    for each in scored:
        if shows_tumor(each.case):
            runs.setdefault(each.case["run"], {})[each.case["case"]] = number(each.case, "tumor_dice") or 0.0
    return [each for each in scored if learned(runs.get(each.case["run"], {}))]


def _write_papers(path: Path, scored: Sequence[CaseScores]) -> None:
    """Write the scores of what stands in the papers' tables."""
    chosen = [each for each in scored if training_of(each.case) in IN_PAPERS]
    _write_csv(path, [each.case for each in chosen], CASE_COLUMNS)
    _write_csv(lesions_path(path), [row for each in chosen for row in each.lesions], LESION_COLUMNS)
    _write_csv(slices_path(path), [row for each in chosen for row in each.slices], SLICE_COLUMNS)


def _write_csv(path: Path, rows: Sequence[Row], columns: Sequence[str]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
