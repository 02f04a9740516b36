"""What the study says of a claim follows from the scores, whichever way they fall."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.recipes.recipe import read_recipe
from training.study.__main__ import finished, main, run_folder
from training.study.findings import CLAIMS, Claim, findings, gains_by_type
from training.study.plan import TRAININGS

CLAIM = Claim(says="more is better", better="more", worse="less", where="a table")
LESS = {f"case-{k}": 0.5 + 0.01 * k for k in range(10)}


def shifted(by: float, swing: float) -> dict[str, float]:
    """Return scores that differ from LESS by `by` on average, up and down by `swing`."""
    return {case: score + by + (swing if k % 2 else -swing) for k, (case, score) in enumerate(LESS.items())}


@pytest.mark.parametrize(
    ("by", "swing", "verdict"),
    [
        (0.10, 0.01, "holds"),
        (0.01, 0.10, "points that way, within chance"),
        (-0.01, 0.10, "does not show"),
        (-0.10, 0.01, "the contrary"),
    ],
)
def test_a_claim_comes_out_as_the_scores_fall(by: float, swing: float, verdict: str) -> None:
    seeds = {"more": {"0": 0.5 + by, "1": 0.6 + by}, "less": {"0": 0.5, "1": 0.6}}
    (finding,) = findings({"more": shifted(by, swing), "less": LESS}, seeds, [CLAIM])
    assert finding.verdict == verdict
    assert finding.test.difference == pytest.approx(by)
    assert finding.test.cases == 10


@pytest.mark.parametrize("by", [0.10, -0.10])
def test_what_one_seed_does_not_show_depends_on_the_seed(by: float) -> None:
    seeds = {"more": {"0": 0.5 + 2 * by, "1": 0.0, "2": 0.9}, "less": {"0": 0.5, "1": 0.0}}
    (finding,) = findings({"more": shifted(by, 0.01), "less": LESS}, seeds, [CLAIM])
    assert finding.seeds == pytest.approx((2 * by, 0.0)), (
        "the third seed was trained for one of the two alone"
    )
    assert finding.seeds_for == (1 if by > 0 else 0)
    assert finding.verdict == "depends on the seed"


def test_a_claim_without_scores_is_left_out() -> None:
    assert findings({"more": LESS}, {"more": {"0": 0.5}}, [CLAIM]) == []


def test_gains_stand_in_their_order() -> None:
    less = {"a": 0.2, "b": 0.4, "c": 0.9}
    more = {"a": 0.8, "b": 0.6, "c": 0.9, "d": 0.1}
    gains = gains_by_type(more, less, {"a": "FNH", "b": "FNH", "c": "cyst", "d": "HCC"})
    assert list(gains) == ["FNH", "cyst"]
    assert gains["FNH"] == pytest.approx((0.3, 0.7, 2))
    assert gains["cyst"] == pytest.approx((0.9, 0.9, 1))


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
    assert main(["evaluate", "--folder", str(tmp_path), "--only", TRAININGS[0].name]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("the log ")
    assert told in line
    assert line.endswith(f"remove '{run}' and run `train` again")
