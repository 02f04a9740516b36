"""What the study says of a claim follows from the scores, whichever way they fall."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.recipes.recipe import read_recipe
from training.study.__main__ import main
from training.study.findings import CLAIMS, Claim, Finding, findings, gains_by_type
from training.study.plan import SEEDS, SEEDS_OF, TRAININGS, planned
from training.study.steps import finished, run_folder

CLAIM = Claim(says="more is better", better="more", worse="less", where="a table")
CASES = [f"case-{k}" for k in range(10)]


def scores(means: list[float], swing: float = 0.01) -> dict[str, dict[str, float]]:
    """Return a training's scores with these means of its seeds; cases go up and down by `swing` around them."""
    return {
        str(seed): {case: mean + (swing if k % 2 else -swing) for k, case in enumerate(CASES)}
        for seed, mean in enumerate(means)
    }


def finding(more: dict[str, dict[str, float]], less: dict[str, dict[str, float]]) -> Finding:
    (found,) = findings({"more": more, "less": less}, [CLAIM])
    return found


@pytest.mark.parametrize(
    ("gains", "swing", "verdict"),
    [
        ([0.10, 0.11, 0.12], 0.02, "holds"),
        ([-0.10, -0.11, -0.12], 0.02, "the contrary"),
        ([0.001, -0.001, 0.002], 0.02, "does not show: less than 0.02 if anything"),
        ([0.10, 0.30, -0.05], 0.02, "not decided"),
        ([0.10, 0.11, 0.12], 0.50, "not decided"),
    ],
    ids=["gain", "loss", "none", "seeds differ", "cases differ"],
)
def test_a_claim_comes_out_as_the_scores_fall(gains: list[float], swing: float, verdict: str) -> None:
    less = [0.5, 0.4, 0.45]
    found = finding(
        scores([score + gain for score, gain in zip(less, gains, strict=True)], swing), scores(less, 0)
    )
    assert found.verdict == verdict
    assert found.differences == pytest.approx(gains)
    assert found.crossed.mean == pytest.approx(sum(gains) / 3)
    assert found.seeds_for == sum(gain > 0 for gain in gains)
    assert found.test.cases == 10
    assert found.test.difference == pytest.approx(sum(gains) / 3)


def test_no_verdict_rests_on_a_training_that_learned_nothing() -> None:
    """The third seed of one draws nothing: neither its difference nor its cases count, and three pairs are needed."""
    less = scores([0.5, 0.5, 0.5, 0.5])
    found = finding(scores([0.6, 0.61, 0.0, 0.62], 0.0), less)
    assert found.differences == pytest.approx((0.10, 0.11, 0.12))
    assert found.left_out == 1
    assert found.test.difference == pytest.approx(0.11)
    assert found.verdict == "holds"
    assert finding(scores([0.6, 0.0, 0.61]), scores([0.5] * 3)).verdict == (
        "not decided: 2 pairs of trainings that learned"
    )


def test_seeds_that_one_row_alone_was_trained_with_do_not_count() -> None:
    found = finding(scores([0.6, 0.6, 0.6, 0.9]), scores([0.5, 0.5, 0.5]))
    assert found.differences == pytest.approx((0.1, 0.1, 0.1))
    assert found.test.difference == pytest.approx(0.1)


def test_cases_without_a_score_in_every_training_are_left_out() -> None:
    more, less = scores([0.6, 0.61, 0.62]), scores([0.5] * 3)
    more["1"]["case-0"] = float("nan")
    del less["2"]["case-1"]
    kept = {seed: {case: more[seed][case] - less[seed][case] for case in CASES[2:]} for seed in more}
    expected = sum(sum(row.values()) for row in kept.values()) / 24
    assert finding(more, less).crossed.mean == pytest.approx(expected)


def test_a_claim_without_scores_is_left_out() -> None:
    assert findings({"more": scores([0.5])}, [CLAIM]) == []
    assert findings({"more": {"0": {"a": 0.5}}, "less": {"1": {"a": 0.5}}}, [CLAIM]) == []


def test_gains_stand_in_their_order() -> None:
    less = {"a": 0.2, "b": 0.4, "c": 0.9}
    more = {"a": 0.8, "b": 0.6, "c": 0.9, "d": 0.1}
    gains = gains_by_type(more, less, {"a": "FNH", "b": "FNH", "c": "cyst", "d": "HCC"})
    assert list(gains) == ["FNH", "cyst"]
    assert gains["FNH"] == pytest.approx((0.3, 0.7, 2))
    assert gains["cyst"] == pytest.approx((0.9, 0.9, 1))


def test_a_plan_cut_short_has_whole_seeds_and_most_where_a_verdict_is_close() -> None:
    names = [training.run_name(seed) for training, seed in planned()]
    assert len(names) == len(set(names))
    assert names[: len(TRAININGS)] == [training.run_name(0) for training in TRAININGS]
    assert {training.name for training in TRAININGS if len(training.seeds) > SEEDS} == set(SEEDS_OF)


def test_every_claim_is_about_what_is_trained() -> None:
    names = {training.name for training in TRAININGS}
    assert {name for claim in CLAIMS for name in (claim.better, claim.worse)} <= names


@pytest.mark.parametrize("training", TRAININGS, ids=lambda training: training.name)
def test_the_study_changes_recipes_within_what_they_allow(training) -> None:
    recipe = read_recipe(training.recipe, training.settings)
    assert recipe.preparation.registration == (
        training.prepared if training.prepared != "dpcnet" else "library"
    )
    assert recipe.split.kind == "hold-out"


def test_a_run_is_finished_when_its_log_has_the_last_step(tmp_path: Path) -> None:
    training = next(training for training in TRAININGS if training.name == "msf-pa")
    assert not finished(tmp_path, training)
    for last, done in ((1450, False), (1500, True)):
        (tmp_path / "log.csv").write_text(f"step,loss\n50,0.5\n{last},0.1\n", encoding="utf-8")
        assert finished(tmp_path, training) is done


@pytest.mark.parametrize(
    ("log", "told"),
    [
        (b"step,loss\n1,0.5\ntwo,0.4\n", "has a line without a step"),
        (b"loss\n0.5\n", "has a line without a step"),
        (b"step\n1e999\n", "has a line without a step"),
        (b'step,loss\n1,"' + b"9" * 140_000, "field larger than field limit"),
        (b"step\n\0\n", "NUL characters"),
        (b"\xff\xfe", "utf-8"),
    ],
)
def test_a_damaged_log_is_told_in_one_line(tmp_path: Path, capsys, log: bytes, told: str) -> None:
    run = run_folder(tmp_path, TRAININGS[0], 0)
    run.mkdir(parents=True)
    (run / "log.csv").write_bytes(log)
    make_cohort(tmp_path)
    results = ["--results", str(tmp_path / "results")]
    assert main(["evaluate", "--folder", str(tmp_path), *results, "--only", TRAININGS[0].name]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("the log ")
    assert told in line
    assert line.endswith(f"remove '{run}' and run `train` again")


def make_cohort(folder: Path) -> None:
    (folder / "cohort" / "one").mkdir(parents=True)
    (folder / "cohort" / "cohort.json").write_text("{}", encoding="utf-8")
    (folder / "cohort" / "one" / "portal.nii.gz").write_bytes(b"voxels")


def test_without_a_cohort_nothing_is_trained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--folder", str(tmp_path), "--results", str(tmp_path)]) == 2
    assert "run `prepare` first" in capsys.readouterr().err


def test_a_name_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--folder", str(tmp_path), "--only", "msf-pq"]) == 2
    assert "the study has no training 'msf-pq': name one of single, " in capsys.readouterr().err
