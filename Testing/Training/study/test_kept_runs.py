"""What is kept of a training says whether it has to be repeated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from LiverTumorAttentionLib.errors import InputError
from Testing.Training.tables.made_scores import case_row, write
from training.evaluation.score_files import CaseScores, ScoreFiles
from training.runs.run_folder import run_name
from training.study import steps
from training.study.__main__ import main
from training.study.kept_runs import (
    RUNS,
    KeptRun,
    cohort_digest,
    keep,
    kept_run,
    read_kept_runs,
    settings_digest,
)
from training.study.plan import CASES, TRAININGS
from training.study.steps import Study

LOG = """step,epoch,loss,learning_rate,seconds_a_step,waiting_share
3,0.75,1.0,0.1,0.2,0
4,1.0,2.0,0.1,0.4,0
8,2.0,0.5,0.1,0.2,0
"""
ATTENTION = "step,epoch,inter mean,gamma\n4,1.0,0.7,0.1\n8,2.0,0.8,\n"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "log.csv").write_text(LOG, encoding="utf-8")
    return folder


def test_a_run_is_kept_by_epochs_with_its_last_attention(run: Path, tmp_path: Path) -> None:
    """Rows of the log stand for the steps since the one before; what the attention did not weigh last is left out."""
    (run / "attention.csv").write_text(ATTENTION, encoding="utf-8")
    kept = kept_run(run, "msf-0", settings="ab", cohort="cd")
    assert (kept.run, kept.steps, kept.seconds) == ("msf-0", 8, 1.8)
    assert kept.loss == (1.25, 0.5)
    assert kept.attention == {"inter mean": 0.8}
    other = replace(kept, run="dmp-0", attention={})
    for each in (kept, other, replace(kept, seconds=2.0)):
        keep(tmp_path, each)
    assert read_kept_runs(tmp_path) == {"dmp-0": other, "msf-0": replace(kept, seconds=2.0)}


@pytest.mark.parametrize("log", ["", "step,epoch,loss,seconds_a_step\n", LOG + "9,3.0,nan,0.1,0.2,0\n"])
def test_a_log_that_is_no_trainings_is_refused(run: Path, log: str) -> None:
    (run / "log.csv").write_text(log, encoding="utf-8")
    with pytest.raises(InputError, match="run `train` again"):
        kept_run(run, "msf-0", settings="ab", cohort="cd")


@pytest.mark.parametrize("damage", ["steps,seconds\n", "loss,attention\n"], ids=["columns", "cells"])
def test_damaged_runs_are_told_in_one_line(run: Path, tmp_path: Path, damage: str) -> None:
    assert read_kept_runs(tmp_path) == {}
    keep(tmp_path, kept_run(run, "msf-0", settings="ab", cohort="cd"))
    path = tmp_path / RUNS
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace("run,", "fun,", 1) if "steps" in damage else text.replace("8", "eight"), encoding="utf-8"
    )
    with pytest.raises(InputError, match=r"not one of a training .*: restore it from the repository"):
        read_kept_runs(tmp_path)


def test_settings_and_cohort_are_told_apart(tmp_path: Path) -> None:
    digests = [settings_digest(training) for training in TRAININGS]
    assert len(set(digests)) == len(digests)
    changed = replace(TRAININGS[0], settings={**TRAININGS[0].settings, "optimizer.learning_rate": 0.003})
    assert settings_digest(changed) != settings_digest(TRAININGS[0])
    assert settings_digest(replace(TRAININGS[0], name="other")) == settings_digest(TRAININGS[0])
    volume = tmp_path / "one" / "portal.nii.gz"
    volume.parent.mkdir()
    volume.write_bytes(b"voxels")
    before = cohort_digest(tmp_path)
    (tmp_path / "cohort.json").write_text("{}", encoding="utf-8")
    assert cohort_digest(tmp_path) == before
    volume.write_bytes(b"others")
    assert cohort_digest(tmp_path) != before


def make_cohort(folder: Path) -> str:
    (folder / "cohort" / "one").mkdir(parents=True)
    (folder / "cohort" / "cohort.json").write_text("{}", encoding="utf-8")
    return cohort_digest(folder / "cohort")


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Commands of `python -m training` that were called, in place of running them."""
    commands: list[str] = []
    monkeypatch.setattr(steps, "_call", lambda arguments, **more: commands.append(arguments[0]) or 0)
    return commands


def prepared_cases(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    manifest = SimpleNamespace(cases=lambda: [None] * count)
    monkeypatch.setattr(steps, "Manifest", SimpleNamespace(read=lambda folder: manifest))


@pytest.mark.parametrize(
    ("settings", "beside", "again"),
    [(None, True, False), ("other", True, True), (None, False, True)],
    ids=["same", "changed", "scores are missing"],
)
def test_what_the_results_hold_is_not_trained_again(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run: Path,
    called: list[str],
    settings: str | None,
    *,
    beside: bool,
    again: bool,
) -> None:
    """With the settings of now, on this cohort and under every condition; else the training is repeated."""
    training = TRAININGS[0]
    digest, cohort = settings or settings_digest(training), make_cohort(tmp_path)
    for seed in training.seeds:
        name = training.run_name(seed)
        keep(tmp_path, kept_run(run, name, settings=digest, cohort=cohort))
        if beside:
            scores = CaseScores(case={**case_row("single", "A", tumor_dice=0.5), "run": name})
            ScoreFiles(tmp_path / "found-liver.csv").put([scores])
    prepared_cases(monkeypatch, CASES)
    options = ["--folder", str(tmp_path), "--results", str(tmp_path), "--only", training.name]
    assert main(["train", *options]) == 0
    assert called == ["train"] * (len(training.seeds) if again else 0)


def test_a_preparation_that_is_not_whole_is_not_trained_on(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    called: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The split would be another one."""
    make_cohort(tmp_path)
    prepared_cases(monkeypatch, CASES - 1)
    assert main(["train", "--folder", str(tmp_path), "--results", str(tmp_path)]) == 2
    assert f"holds {CASES - 1} of {CASES} cases: let `prepare` end" in capsys.readouterr().err
    assert called == []


def test_scores_of_a_run_are_kept_under_every_condition_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the name of its folder alone, the row of runs.csv last; what is there is not scored again."""
    make_cohort(tmp_path)
    results = tmp_path / "results"
    results.mkdir()
    training = next(training for training in TRAININGS if training.name == "msf-pa")
    run = steps.run_folder(tmp_path, training, 0)
    run.mkdir(parents=True)
    (run / "log.csv").write_text("step,epoch,loss,seconds_a_step\n1500,15,0.5,0.1\n", encoding="utf-8")
    called: list[list[str]] = []

    def call(arguments: Sequence[str], **more: object) -> int:
        called.append(list(arguments))
        output = Path(arguments[arguments.index("--output") + 1])
        write(output, [case_row(run_name(run), "A", tumor_dice=0.5)])
        return 0

    monkeypatch.setattr(steps, "_call", call)
    options = ["--folder", str(tmp_path), "--results", str(results), "--only", "msf-pa"]
    assert main(["evaluate", *options]) == 0
    assert main(["evaluate", *options]) == 0
    assert len(called) == 2
    assert called[1][-4:-2] == ["--liver-model", "demonstration"]
    for name in ("scores", "found-liver"):
        assert list(ScoreFiles(results / f"{name}.csv").read()) == [("msf-pa-0", "A")]
    assert list(read_kept_runs(results)) == ["msf-pa-0"]
    earlier = replace(read_kept_runs(results)["msf-pa-0"], settings_sha256="earlier")
    for name in ("scores", "found-liver"):
        write(results / f"{name}.csv", [{**case_row("msf-pa", "B", tumor_dice=0.1), "run": "msf-pa-0"}])
    keep(results, earlier)
    assert main(["evaluate", *options]) == 0
    assert len(called) == 4
    for name in ("scores", "found-liver"):  # what another setting gave is gone
        assert list(ScoreFiles(results / f"{name}.csv").read()) == [("msf-pa-0", "A")]
    (tmp_path / "prepared-implanted").mkdir()
    assert main(["evaluate", *options]) == 0
    assert called[4][-4:-2] == ["--all-of", str(tmp_path / "prepared-implanted")]
    assert list(ScoreFiles(results / "implanted.csv").read()) == [("msf-pa-0", "A")]


def test_slices_are_kept_of_the_first_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are half a megabyte a training."""
    make_cohort(tmp_path)
    results = tmp_path / "results"
    results.mkdir()
    training = next(training for training in TRAININGS if training.name == "dmp")
    for seed in (0, 4):
        run = steps.run_folder(tmp_path, training, seed)
        run.mkdir(parents=True)
        (run / "log.csv").write_text("step,epoch,loss,seconds_a_step\n1500,15,0.5,0.1\n", encoding="utf-8")

    def call(arguments: Sequence[str], **more: object) -> int:
        slices = [{"run": "of a folder", "case": "A", "slice": "1"}]
        scores = CaseScores(
            case={**case_row("dmp", "A", tumor_dice=0.5), "run": "of a folder"}, slices=slices
        )
        ScoreFiles(Path(arguments[arguments.index("--output") + 1])).put([scores])
        return 0

    monkeypatch.setattr(steps, "_call", call)
    assert main(["evaluate", "--folder", str(tmp_path), "--results", str(results), "--only", "dmp"]) == 0
    found = ScoreFiles(results / "scores.csv").read()
    assert {key: len(each.slices) for key, each in found.items()} == {("dmp-0", "A"): 1, ("dmp-4", "A"): 0}


def test_pictures_are_drawn_of_runs_that_are_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the names of the cases alone; the curves stand on the page for all."""
    make_cohort(tmp_path)
    trainings = [training for training in TRAININGS if training.name in ("msf-pa", "dpcnet-table2-both")]
    run = steps.run_folder(tmp_path, trainings[0], 0)
    run.mkdir(parents=True)
    (run / "log.csv").write_text("step,loss\n1500,0.5\n", encoding="utf-8")
    (run / "attention.csv").write_text("step\n1500\n", encoding="utf-8")
    called: list[str] = []

    def call(arguments: Sequence[str], **more: object) -> int:
        called.append(arguments[0])
        if arguments[0] == "figures":
            assert "--features" in arguments
            folder = Path(arguments[arguments.index("--output") + 1])
            folder.mkdir(parents=True)
            for name in ("learning-curves.png", "lesion-sizes.png", "msf-pa-0-phantom-7-planes.png"):
                (folder / name).write_bytes(b"picture")
        return 0

    monkeypatch.setattr(steps, "_call", call)
    assert Study(tmp_path, tmp_path / "results").draw(trainings) == 0
    assert called == ["evaluate", "figures"]
    shown = sorted(path.name for path in (tmp_path / "results" / "figures" / "msf-pa-0").iterdir())
    assert shown == ["lesion-sizes.png", "phantom-7-planes.png"]


def test_a_kept_run_reads_as_it_was_written() -> None:
    kept = KeptRun(
        run="a-0",
        settings_sha256="01",
        cohort_sha256="02",
        steps=5,
        seconds=1.5,
        loss=(0.5,),
        attention={"x": 1.0},
    )
    assert KeptRun.from_row(kept.to_row()) == kept
