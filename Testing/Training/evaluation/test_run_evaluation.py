"""Runs scored on whole cases: the scores are those of `evaluate_labels` on what their networks are known to predict."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.metrics import evaluate_labels
from Testing.Training.data.preparation.data_set import write_source
from Testing.Training.evaluation.made_runs import (
    HU,
    INVENTED,
    LIVER,
    PREDICTED,
    SHIFTED,
    TRUTH,
    Bright,
    image,
    labels,
    prepare,
    recipe,
    write_run,
)
from training.cli import main
from training.data.case import SourceCase
from training.evaluation import CaseScores, CoarseLiver, EvaluationOptions, evaluate_runs
from training.evaluation.columns import cell, lesion_values, object_values
from training.evaluation.run_evaluation import case_tasks, is_changed
from training.evaluation.score_files import lesions_path, slices_path
from training.recipes.recipe import read_recipe
from training.runs.run_folder import run_name

CPU = EvaluationOptions(device="cpu")


@pytest.fixture(autouse=True)
def bright_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.evaluation.segment.build_network", lambda name, **more: Bright(**more))


@pytest.fixture
def source(tmp_path: Path) -> SourceCase:
    """A case that is bright where a tumor is to be predicted."""
    facts = {"tumor_type": "HCC", "phase": "venous", "site": "3"}
    return write_source(
        tmp_path / "data", "one", image(HU[PREDICTED]), image(TRUTH), facts=facts, patient="P7"
    )


@pytest.fixture
def run(tmp_path: Path, source: SourceCase) -> Path:
    """A run of a tumor stage that tests this case."""
    prepared = prepare(tmp_path / "prepared", recipe(), [source])
    return write_run(tmp_path / "run", recipe(), prepared, test=["one"])


def scored(run: Path, output: Path, options: EvaluationOptions = CPU) -> CaseScores:
    (scores,) = evaluate_runs([run], output, options)
    return scores


def check(scores: CaseScores, predicted: np.ndarray, truth: np.ndarray, *names: str) -> None:
    """Compare all scores of these objects with those of `evaluate_labels`, to the last digit."""
    values = {"liver": (1, 2), "tumor": (2,)}
    wanted = evaluate_labels(image(predicted), image(truth), {name: values[name] for name in names})
    for name in names:
        for column, value in object_values(name, wanted.labels[name]).items():
            assert scores.case[column] == cell(value), column
    if wanted.lesions is not None:
        for column, value in lesion_values(wanted.lesions).items():
            assert scores.case[column] == cell(value), column


def test_a_tumor_stage_is_scored_for_its_tumors(run: Path, tmp_path: Path) -> None:
    scores = scored(run, tmp_path / "scores.csv")
    check(scores, PREDICTED, TRUTH, "tumor")
    row = scores.case
    assert row["liver_dice"] == ""
    assert float(row["tumor_dice"]) == pytest.approx(2 * 480 / (576 + 50 + 576 + 300))
    assert (row["lesions_true"], row["lesions_detected"], row["false_findings"]) == ("2", "1", "1")
    assert (row["recipe"], row["part"], row["seed"], row["case"]) == ("test", "0", "0", "one")
    assert (row["patient"], row["tumor_type"], row["phase"]) == ("P7", "HCC", "venous")
    assert json.loads(row["facts"]) == {"site": "3"}
    assert (row["liver_from"], row["keep"], row["changed"], row["parameters"]) == ("truth", "raw", "yes", "1")
    assert [float(row[f"spacing_{axis}_mm"]) for axis in "zyx"] == pytest.approx([3.0, 0.75, 0.75])


def test_a_probability_is_scored_at_every_threshold(run: Path, tmp_path: Path) -> None:
    """Bright is sure of itself: the Dice is the same at all thresholds; ties of liver and missed tumor count half."""
    row = scored(run, tmp_path / "scores.csv").case
    dice = json.loads(row["tumor_dice_at"])
    assert len(dice) == 19
    assert dice == pytest.approx([float(row["tumor_dice"])] * 19, abs=1e-4)
    right, wrong = 480 / 876, 146 / (22000 - 876)
    assert float(row["tumor_auc"]) == pytest.approx(
        right * (1 - wrong) + 0.5 * (right * wrong + (1 - right) * (1 - wrong)), abs=0.005
    )


def test_lesions_and_slices_have_rows_of_their_own(run: Path, tmp_path: Path) -> None:
    scores = scored(run, tmp_path / "scores.csv")
    first, second = scores.lesions
    assert (first["component"], first["detected"], first["touched"]) == ("1", "yes", "yes")
    assert (second["component"], second["detected"], second["touched"]) == ("2", "no", "no")
    assert float(first["best_dice"]) == pytest.approx(2 * 480 / (576 + 576))
    assert float(first["extent_mm"]) == pytest.approx(12.0)
    assert [row["slice"] for row in scores.slices] == ["3", "4", "5", "6", "7", "8"]
    parts = [row["position"] for row in scores.slices]
    assert parts == ["marginal", "middle", "middle", "marginal", "middle", "marginal"]
    assert float(scores.slices[2]["hd_px"]) == pytest.approx(2.0)
    assert scores.slices[5]["hd_px"] == "nan"
    assert float(scores.slices[0]["dice"]) == pytest.approx(2 * 120 / (144 + 144 + 25))
    assert lesions_path(tmp_path / "scores.csv").is_file()
    assert slices_path(tmp_path / "scores.csv").is_file()


def test_a_stage_for_both_is_scored_for_the_liver_with_its_tumors(source: SourceCase, tmp_path: Path) -> None:
    """Bright thresholds at 0.1 and 0.5 give background, liver and tumor."""
    both = recipe("liver_and_tumor")
    prepared = prepare(tmp_path / "prepared", both, [source])
    run = write_run(tmp_path / "run", both, prepared, test=["one"], thresholds=(0.1, 0.5))
    scores = scored(run, tmp_path / "scores.csv")
    check(scores, PREDICTED, TRUTH, "liver", "tumor")
    assert scores.case["liver_dice"] == "1.0"
    assert scores.case["liver_from"] == ""


def test_a_stage_for_the_liver_has_no_scores_of_tumors(source: SourceCase, tmp_path: Path) -> None:
    liver = recipe("liver")
    prepared = prepare(tmp_path / "prepared", liver, [source])
    run = write_run(tmp_path / "run", liver, prepared, test=["one"], thresholds=(0.1,))
    scores = scored(run, tmp_path / "scores.csv")
    check(scores, np.minimum(PREDICTED, 1), np.minimum(TRUTH, 1), "liver")
    assert scores.case["tumor_dice"] == scores.case["lesions_true"] == ""
    assert not scores.lesions
    assert not scores.slices


def test_the_arterial_phase_is_brought_on_as_it_was_prepared(tmp_path: Path) -> None:
    """The arterial volume lies 5 voxels, 3.75 mm, to the left; the network looks at it alone."""
    displacement = sitk.Compose(*(image(np.full(TRUTH.shape, mm, np.float32)) for mm in (3.75, 0.0, 0.0)))
    moved = np.roll(HU[PREDICTED], 5, axis=2)
    portal, truth = image(HU[labels()]), image(TRUTH)
    source = write_source(tmp_path / "data", "one", portal, truth, image(moved), displacement=displacement)
    two = recipe(
        stage_changes={"network": "paresseg", "phases": ["portal", "arterial"]},
        preparation={"registration": "known"},
    )
    prepared = prepare(tmp_path / "prepared", two, [source])
    run = write_run(tmp_path / "run", two, prepared, test=["one"])
    check(scored(run, tmp_path / "scores.csv"), PREDICTED, TRUTH, "tumor")


def test_known_lesions_are_told_by_their_own_types(source: SourceCase, tmp_path: Path) -> None:
    """Listed smallest first; and one that the labels do not show."""

    def listed(kind: str, index: tuple[float, float, float], diameter_mm: float) -> dict:
        point = image(TRUTH).TransformContinuousIndexToPhysicalPoint(index)
        return {"kind": kind, "center_lps_mm": point, "diameter_mm": diameter_mm, "volume_ml": 0.5}

    lesions = [
        listed("cyst", (54.5, 49.5, 7.0), 11.0),
        listed("FNH", (25.5, 25.5, 4.5), 13.0),
        listed("HCC", (60.0, 20.0, 3.0), 0.6),
    ]
    path = tmp_path / "lesions.json"
    path.write_text(json.dumps({"lesions": lesions}), encoding="utf-8")
    prepared = prepare(tmp_path / "prepared", recipe(), [replace(source, lesions=path)])
    run = write_run(tmp_path / "run", recipe(), prepared, test=["one"])
    rows = scored(run, tmp_path / "scores.csv").lesions
    assert [row["tumor_type"] for row in rows] == ["cyst", "FNH", "HCC"]
    assert [row["component"] for row in rows] == ["2", "1", ""]
    assert [row["detected"] for row in rows] == ["no", "yes", "no"]
    assert [row["best_dice"] == "" for row in rows] == [False, False, True]
    assert rows[0]["diameter_mm"] == "11.0"


def test_what_is_postprocessed_loses_what_is_too_small(tmp_path: Path) -> None:
    """A finding of 2 x 2 x 1 voxels is a ball of 2.3 mm, below the 4 mm that the pipeline keeps."""
    speck = (slice(8, 9), slice(30, 32), slice(40, 42))
    with_speck = labels(SHIFTED, INVENTED, speck)
    source = write_source(tmp_path / "data", "one", image(HU[with_speck]), image(TRUTH))
    for keep, predicted in (("raw", with_speck), ("postprocessed", PREDICTED)):
        of = recipe(evaluation={"keep": keep})
        prepared = prepare(tmp_path / "prepared", of, [source])
        run = write_run(tmp_path / keep, of, prepared, test=["one"])
        check(scored(run, tmp_path / f"{keep}.csv"), predicted, TRUTH, "tumor")


def test_the_coarse_liver_of_another_run(source: SourceCase, run: Path, tmp_path: Path) -> None:
    """Where all is tumor that may be, what is found is the coarse liver and 1 mm around it: a pixel of 0.75 mm."""
    narrow = labels(SHIFTED, INVENTED)
    narrow[..., 60:] = 0
    narrow[LIVER[0], 50:, :] = 0
    seen = write_source(tmp_path / "data", "two", image(HU[narrow]), image(TRUTH))
    masked = recipe(stage_changes={"mask_dilation_mm": 1.0, "box_margin_mm": 0.0})
    prepared = prepare(tmp_path / "masked", masked, [seen])
    tumors = write_run(tmp_path / "tumors", masked, prepared, test=["two"], thresholds=(-0.5,))
    livers = write_run(tmp_path / "livers", recipe("liver"), prepared, test=["two"], thresholds=(0.1,))
    output = tmp_path / "scores.csv"
    by_run = scored(tumors, output, replace(CPU, liver=CoarseLiver(run=livers)))
    assert by_run.case["liver_from"].startswith(f"{run_name(livers)} ")
    write_run(livers, recipe("liver"), prepared, test=["two"], thresholds=(0.12,))
    again = scored(tumors, output, replace(CPU, liver=CoarseLiver(run=livers)))
    assert again.case["liver_from"] != by_run.case["liver_from"]
    by_truth = scored(tumors, output)
    for row, height, width in ((by_run.case, 35, 45), (by_truth.case, 50, 55)):
        found = int(row["tumor_tp_voxels"]) + int(row["tumor_fp_voxels"])
        assert found == 8 * (height * width + 2 * height + 2 * width)


def test_a_coarse_liver_that_is_not_found_counts_as_nothing_found(run: Path, tmp_path: Path) -> None:
    livers = write_run(tmp_path / "livers", recipe("liver"), tmp_path, test=["one"], thresholds=(2.0,))
    scores = scored(run, tmp_path / "scores.csv", replace(CPU, liver=CoarseLiver(run=livers)))
    row = scores.case
    assert (row["tumor_dice"], row["tumor_empty"], row["tumor_assd_mm"]) == ("0.0", "prediction", "nan")
    with pytest.raises(InputError, match=r"'.*run' finds no liver"):
        scored(run, tmp_path / "scores.csv", replace(CPU, liver=CoarseLiver(run=run)))


def test_a_healthy_liver_in_which_nothing_is_found_scores_one(tmp_path: Path) -> None:
    healthy = write_source(tmp_path / "data", "one", image(HU[labels()]), image(labels()))
    prepared = prepare(tmp_path / "prepared", recipe(), [healthy])
    run = write_run(tmp_path / "run", recipe(), prepared, test=["one"])
    scores = scored(run, tmp_path / "scores.csv")
    row = scores.case
    assert (row["tumor_dice"], row["tumor_assd_mm"], row["tumor_empty"]) == ("1.0", "0.0", "both")
    assert (row["lesions_true"], row["lesion_recall"], row["largest_lesion_mm"]) == ("0", "1.0", "0.0")
    assert not scores.lesions
    assert not scores.slices


def test_rows_that_are_there_are_kept_until_the_weights_change(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "scores.csv"
    first = scored(run, output)

    def never(task: object) -> None:
        raise AssertionError("scored again")

    with monkeypatch.context() as patch:
        patch.setattr("training.evaluation.run_evaluation.score_case", never)
        assert scored(run, output) == first
    write_run(run, recipe(), tmp_path / "prepared", test=["one"], thresholds=(0.9,))
    again = scored(run, output)
    assert again.case["tumor_dice"] == "0.0"
    assert again.case["weights_sha256"] != first.case["weights_sha256"]
    assert len(output.read_text(encoding="utf-8").splitlines()) == 2


def test_rows_of_other_weights_do_not_stay_where_a_case_cannot_be_scored_again(
    run: Path, source: SourceCase, tmp_path: Path
) -> None:
    output = tmp_path / "scores.csv"
    scored(run, output)
    write_run(run, recipe(), tmp_path / "prepared", test=["one"], thresholds=(0.9,))
    source.portal.unlink()
    with pytest.raises(InputError, match="1 of 1 cases could not be scored"):
        scored(run, output)
    assert len(output.read_text(encoding="utf-8").splitlines()) == 1


def test_runs_share_a_file_and_its_order_does_not_depend_on_theirs(run: Path, tmp_path: Path) -> None:
    other = write_run(
        tmp_path / "another", recipe(), tmp_path / "prepared", test=["one"], thresholds=(0.9,), seed=1
    )
    evaluate_runs([run, other], tmp_path / "both.csv", CPU)
    evaluate_runs([other], tmp_path / "apart.csv", CPU)
    evaluate_runs([run], tmp_path / "apart.csv", CPU)

    def rows(name: str) -> list[str]:
        return [line.rsplit(",", 1)[0] for line in (tmp_path / name).read_text(encoding="utf-8").splitlines()]

    assert rows("both.csv") == rows("apart.csv")
    assert len(rows("both.csv")) == 3


def test_a_case_that_cannot_be_read_stops_no_other(source: SourceCase, tmp_path: Path) -> None:
    broken = write_source(tmp_path / "data", "broken", image(HU[PREDICTED]), image(TRUTH))
    prepared = prepare(tmp_path / "prepared", recipe(), [source, broken])
    broken.portal.unlink()
    run = write_run(tmp_path / "run", recipe(), prepared, test=["broken", "one"])
    with pytest.raises(InputError, match=r"1 of 2 cases could not be scored, .* broken of run: .*portal"):
        evaluate_runs([run], tmp_path / "scores.csv", CPU)
    assert ",one," in (tmp_path / "scores.csv").read_text(encoding="utf-8")


def test_all_cases_of_a_folder_but_none_that_was_trained_on(run: Path, tmp_path: Path) -> None:
    prepared = tmp_path / "prepared"
    untested = write_run(tmp_path / "untested", recipe(), prepared, test=[])
    with pytest.raises(InputError, match=r"keeps no case for testing: .* --all-of"):
        evaluate_runs([untested], tmp_path / "scores.csv", CPU)
    everything = replace(CPU, all_of=prepared)
    check(scored(untested, tmp_path / "scores.csv", everything), PREDICTED, TRUTH, "tumor")
    seen = write_run(tmp_path / "seen", recipe(), prepared, test=[], training=["one"])
    with pytest.raises(InputError, match=r"was trained on 'one' and 0 more"):
        evaluate_runs([seen], tmp_path / "scores.csv", everything)


def test_what_cannot_be_scored_is_told_before_anything_is_done(run: Path, tmp_path: Path) -> None:
    missing = write_run(tmp_path / "missing", recipe(), tmp_path / "prepared", test=["two"])
    with pytest.raises(InputError, match=r"the case 'two' of the run .* is not prepared in .* --prepared"):
        evaluate_runs([run, missing], tmp_path / "scores.csv", CPU)
    other = write_run(
        tmp_path / "other",
        recipe(stage_changes={"box_margin_mm": 9.0}),
        tmp_path / "prepared",
        test=["one"],
    )
    with pytest.raises(InputError, match=r"was not prepared for the recipe 'test' \(stage.box_margin_mm"):
        evaluate_runs([run, other], tmp_path / "scores.csv", CPU)
    assert not (tmp_path / "scores.csv").exists()


def test_weights_of_another_network_are_named(run: Path, tmp_path: Path) -> None:
    write_run(run, recipe(), tmp_path / "prepared", test=["one"], thresholds=(0.1, 0.5))
    with pytest.raises(InputError, match=r"best\.safetensors' do not fit the network 'resseg'"):
        scored(run, tmp_path / "scores.csv")


def test_label_maps_are_kept_when_asked_for(run: Path, tmp_path: Path) -> None:
    scored(run, tmp_path / "scores.csv", replace(CPU, save_labels=tmp_path / "labels"))
    kept = sitk.ReadImage(str(tmp_path / "labels" / "test-part0-seed0" / "one.nii.gz"))
    tumors = PREDICTED == 2
    assert np.array_equal(sitk.GetArrayFromImage(kept) == 2, tumors)
    assert np.array_equal(
        sitk.GetArrayFromImage(kept)[~tumors], np.minimum(TRUTH, 1)[~tumors] | (TRUTH[~tumors] > 0)
    )


def test_work_can_be_handed_to_another_process(run: Path) -> None:
    (task,) = case_tasks(run, replace(CPU, processes=2))
    assert pickle.loads(pickle.dumps(task)) == task  # noqa: S301
    assert task.threads is not None


def test_a_recipe_that_was_changed_is_told_from_the_original() -> None:
    original = read_recipe("paresseg/table4-single")
    assert not is_changed(original)
    assert not is_changed(replace(original, title="Another name"))
    assert is_changed(read_recipe("paresseg/table4-single", {"schedule.epochs": 3}))


def test_the_command_says_how_well_it_went(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "scores.csv"
    assert main(["evaluate", "--run", str(run), "--output", str(output), "--device", "cpu"]) == 0
    assert f"{run}: 1 case, mean Dice of the tumor 0.639" in capsys.readouterr().out
    assert main(["evaluate", "--run", str(tmp_path), "--output", str(output)]) == 2
    assert "is not a run" in capsys.readouterr().err
