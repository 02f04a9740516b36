"""Scores as they stand in the files."""

from __future__ import annotations

import csv
import math
import re
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.metrics import match_as_lits, match_lesions, score_as_lits
from LiverTumorAttentionLib.postprocessing import PostprocessingSettings
from Testing.Training.tables.made_scores import case_row, write
from training.evaluation import ScoreFiles, columns
from training.evaluation.columns import (
    CASE_COLUMNS,
    DISCRIMINATION,
    LESION_COLUMNS,
    LITS,
    RUN,
    SLICE_COLUMNS,
    cell,
    lesion_values,
    lits_values,
    row_of,
)
from training.evaluation.run_evaluation import kept_as
from training.evaluation.segment import settings_at, with_tumor
from training.recipes.recipe import read_recipe
from training.recipes.settings import EvaluationSettings


def documented(heading: str) -> set[str]:
    """The columns that a section of the README explains; `tumor_…` are those of the liver."""
    text = (Path(columns.__file__).parent / "README.md").read_text(encoding="utf-8")
    (section,) = re.findall(rf"^## {re.escape(heading)}.*?\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    first = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    names = [name for cell in first for name in re.findall(r"`([^`]+)`", cell)]
    assert len(names) == len(set(names))
    liver = [
        name for name in names if name.startswith("liver_") and "lits" not in name and name != "liver_from"
    ]
    return {name for name in names if name != "tumor_…"} | (
        {f"tumor_{name.removeprefix('liver_')}" for name in liver} if "tumor_…" in names else set()
    )


@pytest.mark.parametrize(
    ("file", "held"),
    [
        ("scores.csv", CASE_COLUMNS),
        ("scores-lesions.csv", LESION_COLUMNS),
        ("scores-slices.csv", SLICE_COLUMNS),
    ],
)
def test_the_readme_explains_every_column_and_no_other(file: str, held: tuple[str, ...]) -> None:
    assert documented("Common to all three") == set(RUN)
    assert documented(file) == set(held) - set(RUN)


def test_cells_lose_nothing_and_tell_undefined_from_not_scored() -> None:
    assert [cell(value) for value in (0.1 + 0.2, 3, np.float64(0.5), True, "truth")] == [
        "0.30000000000000004",
        "3",
        "0.5",
        "yes",
        "truth",
    ]
    assert (cell(math.nan), cell(None)) == ("nan", "")


def test_a_row_has_every_column_and_no_other() -> None:
    row = row_of(CASE_COLUMNS, {"case": "A"})
    assert tuple(row) == CASE_COLUMNS
    assert row["tumor_dice"] == ""
    with pytest.raises(KeyError, match="tumor_dise"):
        row_of(CASE_COLUMNS, {"tumor_dise": 1.0})


def test_lesions_are_counted() -> None:
    """Of three lesions one is found, one grazed by a finding too large for it; a third finding touches none."""
    truth, prediction = np.zeros((4, 12, 30), bool), np.zeros((4, 12, 30), bool)
    truth[1:3, 1:4, 1:5] = truth[1:3, 1:4, 10:12] = truth[0, 10, 0] = True
    prediction[1:3, 1:4, 1:5] = prediction[1:3, 1:9, 11:19] = prediction[1, 10, 28] = True
    values = lesion_values(match_lesions(prediction, truth, (3.0, 1.0, 1.0)))
    assert values == {
        "lesions_true": 3,
        "lesions_found": 3,
        "lesions_detected": 1,
        "findings_right": 1,
        "lesions_touched": 2,
        "false_findings": 1,
        "lesion_recall": pytest.approx(1 / 3),
        "lesion_precision": pytest.approx(1 / 3),
        "largest_lesion_mm": pytest.approx(6.0),
    }


def test_a_file_of_scores_is_a_csv_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"written as \.csv, got '.*scores\.json'"):
        ScoreFiles(tmp_path / "scores.json")


def test_scores_of_lits_fill_their_columns() -> None:
    truth, prediction = np.zeros((1, 1, 9), bool), np.zeros((1, 1, 9), bool)
    truth[0, 0] = True
    prediction[0, 0, [0, 1, 2, 3, 5, 6, 7, 8]] = True
    lesions = match_as_lits(prediction, truth, (1.0, 1.0, 1.0))
    values = lits_values(lesions, score_as_lits(prediction, truth, (1.0, 1.0, 1.0)))
    assert set(values) == set(LITS) < set(CASE_COLUMNS)
    assert (values["lits_lesions"], values["lits_findings"], values["lits_pieces"]) == (1, 2, 1)
    assert values["lits_rvd"] == values["liver_lits_rvd"] == pytest.approx(1 / 8)
    assert values["lits_assd_mm"] == pytest.approx(1 / 17)


@pytest.mark.parametrize("since", [LITS + DISCRIMINATION, DISCRIMINATION], ids=["LiTS", "discrimination"])
def test_scores_of_an_earlier_version_are_read_and_kept(tmp_path: Path, since: tuple[str, ...]) -> None:
    """Its file has no columns of what came since; they are empty, and a row may be added."""
    path = write(tmp_path / "scores.csv", [case_row("a", "A", tumor_dice=0.5)])
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    earlier = [name for name in CASE_COLUMNS if name not in since]
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, earlier, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    (scores,) = ScoreFiles(path).read().values()
    assert (scores.case["tumor_dice"], scores.case[since[-1]]) == ("0.5", "")
    write(path, [case_row("a", "B", tumor_dice=0.7, **{since[-1]: 2})])
    both = ScoreFiles(path).read().values()
    assert {each.case["case"]: each.case[since[-1]] for each in both} == {"A": "", "B": "2"}


def test_scores_without_columns_that_every_version_had_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "scores.csv", [case_row("a", "A")])
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([header.replace(",tumor_dice,", ",tumor_dise,"), *lines]), encoding="utf-8")
    with pytest.raises(InputError, match="it has no column 'tumor_dice'"):
        ScoreFiles(path).read()


def test_the_threshold_of_a_tumor_stage_is_the_recipes() -> None:
    """Above 0.6, as PA-ResSeg's release has it; what is kept says so, and other settings keep their names."""
    coarse = sitk.GetImageFromArray(np.array([[[1, 1, 1, 0]]], np.uint8))
    probability = sitk.GetImageFromArray(np.array([[[0.55, 0.6, 0.61, 0.2]]], np.float64))
    usual, higher = (with_tumor(coarse, probability, threshold) for threshold in (0.5, 0.6))
    assert sitk.GetArrayFromImage(usual).ravel().tolist() == [2, 2, 2, 0]
    assert sitk.GetArrayFromImage(higher).ravel().tolist() == [1, 1, 2, 0]
    release = read_recipe("paresseg/release-msf-pa")
    assert (kept_as(release.evaluation), kept_as(EvaluationSettings())) == ("raw above 0.6", "raw")
    assert settings_at(0.5) == PostprocessingSettings()
    assert settings_at(0.6).tumor_threshold == 0.6
    assert settings_at(0.9).minimum_peak_probability == 0.9
    with pytest.raises(InputError, match=r"tumor_threshold must lie between 0 and 1, got 1"):
        EvaluationSettings(tumor_threshold=1.0)
    with pytest.raises(InputError, match=r"tumor_threshold is for tumor stages"):
        read_recipe("paresseg/liver", {"evaluation.tumor_threshold": 0.6})
    with pytest.raises(InputError, match=r"quarter_turns is for samples as wide as high"):
        read_recipe("bundled/liver", {"augmentation.quarter_turns": True})
