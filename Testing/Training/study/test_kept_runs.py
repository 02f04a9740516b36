"""What is kept of a training says whether it has to be repeated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from LiverTumorAttentionLib.errors import InputError
from training.study import __main__ as study
from training.study.kept_runs import (
    RUNS,
    KeptRun,
    cohort_digest,
    keep,
    kept_run,
    read_kept_runs,
    settings_digest,
)
from training.study.plan import TRAININGS

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


@pytest.mark.parametrize(("settings", "again"), [(None, False), ("other", True)], ids=["same", "changed"])
def test_what_the_results_hold_is_not_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Path, settings: str | None, *, again: bool
) -> None:
    """With the settings of now, on this cohort; with other ones the training is repeated."""
    (tmp_path / "cohort" / "one").mkdir(parents=True)
    (tmp_path / "cohort" / "cohort.json").write_text("{}", encoding="utf-8")
    training = TRAININGS[0]
    digest = settings or settings_digest(training)
    cohort = cohort_digest(tmp_path / "cohort")
    for seed in training.seeds:
        keep(tmp_path, kept_run(run, training.run_name(seed), settings=digest, cohort=cohort))
    called: list[str] = []
    monkeypatch.setattr(study, "_call", lambda arguments, **more: called.append(arguments[0]) or 0)
    options = ["--folder", str(tmp_path), "--results", str(tmp_path), "--only", training.name]
    assert study.main(["train", *options]) == 0
    assert called == ["train"] * (len(training.seeds) if again else 0)


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
