"""The published numbers, held against each other and against what the papers say of them in their text."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
import yaml

from LiverTumorAttentionLib.errors import InputError
from training.tables.published import (
    FOLDER,
    PublishedRow,
    PublishedTable,
    published_from,
    published_papers,
    read_published,
)

PAPERS = {name: read_published(name) for name in published_papers()}


def table(paper: str, number: str) -> PublishedTable:
    return PAPERS[paper].tables[number]


def value(paper: str, number: str, row: str, metric: str) -> float:
    return table(paper, number).row(row).values[metric]


def all_rows() -> Iterator[tuple[str, PublishedTable, PublishedRow]]:
    for name, paper in PAPERS.items():
        for number, one in paper.tables.items():
            for row in one.rows:
                yield f"{name} {number} {row.row}", one, row


# ----------------------------------------------------------------- the numbers


def test_all_tables_of_results_are_here() -> None:
    assert {name: list(paper.tables) for name, paper in PAPERS.items()} == {
        "context": ["1"],
        "darn": ["III"],
        "dpcnet": ["1", "2", "3", "4", "5"],
        "paresseg": ["4", "5", "6", "7", "8", "9", "10", "11", "12"],
        "sfan": ["Fig. 3", "Fig. 4", "LiTS"],
    }


def test_what_was_not_trained_is_known() -> None:
    quoted = ["SFF-Net", "AH-Net", "H-DenseUNet", "LW-HCN", "VA-MaskRCNN"]
    assert [place for place, _, row in all_rows() if row.recipe is None] == [
        "context 1 Average Gain",
        *("darn III " + name for name in ("3D AH-Net", "H-DenseUNet", "LW-HCN", "VA-MaskRCNN")),
        *("dpcnet 5 " + name for name in quoted),
        "paresseg 11 improvement",
        "paresseg 12 P",
        "sfan LiTS best of the open leaderboard",
    ]


def test_rows_are_complete_but_for_what_is_drawn_or_lost() -> None:
    for place, one, row in all_rows():
        missing = {metric.name for metric in one.metrics} - set(row.values)
        lost = place.startswith("sfan Fig.") or (place.startswith("dpcnet 5") and row.recipe is None)
        assert bool(missing) == lost, place
        assert set(row.sd) <= set(row.values), place


@pytest.mark.parametrize("number", ["5", "6", "7", "10"])
def test_acc_is_the_mean_of_tpr_and_tnr(number: str) -> None:
    for row in table("paresseg", number).rows:
        assert row.values["ACC"] == pytest.approx((row.values["TPR"] + row.values["TNR"]) / 2, abs=0.0101)


def test_acc_of_slices_is_the_mean_of_tpr_and_tnr_but_where_a_note_says_so() -> None:
    for row in ("Lce", "Lbe"):
        values = table("paresseg", "12").row(row).values
        off = {
            part: abs(values[f"{part} ACC"] - (values[f"{part} TPR"] + values[f"{part} TNR"]) / 2)
            for part in ("marginal", "middle", "all")
        }
        assert [part for part, by in off.items() if by > 0.000101] == (["all"] if row == "Lbe" else [])


def test_f1_follows_from_precision_and_recall_but_where_a_note_says_so() -> None:
    *rows, _ = table("context", "1").rows
    off = []
    for row in rows:
        precision, recall = row.values["Precision"], row.values["Recall"]
        if abs(row.values["F1"] - 2 * precision * recall / (precision + recall)) > 0.0101:
            off.append((row.row, "F1" in row.note))
    assert off == [("Ours", True)]


def test_the_average_gain_is_that_over_the_nine_others() -> None:
    *others, ours, gain = table("context", "1").rows
    assert len(others) == 9
    for metric, printed in gain.values.items():
        difference = abs(ours.values[metric] - mean(row.values[metric] for row in others))
        assert difference == pytest.approx(printed, abs=0.006), metric


@pytest.mark.parametrize(
    ("paper", "number", "row"), [("context", "1", "Ours"), ("paresseg", "8", "PA-ResSeg")]
)
def test_the_papers_own_network_is_the_best_where_they_say_so(paper: str, number: str, row: str) -> None:
    one = table(paper, number)
    rows = [each for each in one.rows if each.recipe]
    for metric in one.metrics:
        best = {"higher": max, "lower": min}[metric.better]
        assert best(rows, key=lambda each, name=metric.name: each.values[name]).row == row


def test_improvements_by_type_are_the_differences() -> None:
    single, ours, improvement = table("paresseg", "11").rows
    for metric, printed in improvement.values.items():
        assert ours.values[metric] - single.values[metric] == pytest.approx(printed, abs=0.006)


@pytest.mark.parametrize(
    ("paper", "number", "better", "worse", "metric", "gain"),
    [
        ("dpcnet", "1", "+ SemCor, mean and max", "Baseline", "Tumor DSC", 5.44),
        ("dpcnet", "1", "+ SemCor, mean and max", "Baseline", "Liver DSC", 3.19),
        ("dpcnet", "1", "+ SpaCor, mean and max", "+ SemCor, mean and max", "Tumor DSC", 1.66),
        ("dpcnet", "1", "+ SpaCor, mean and max", "+ SemCor, mean and max", "Liver DSC", 1.25),
        ("dpcnet", "2", "SpaCor", "Baseline", "Tumor DSC", 3.45),
        ("dpcnet", "2", "SpaCor", "Baseline", "Liver DSC", 0.82),
        ("dpcnet", "2", "Baseline", "SpaCor", "Tumor ASSD", 0.57),
        ("dpcnet", "2", "Baseline", "SpaCor", "Liver ASSD", 0.43),
        ("dpcnet", "2", "Baseline", "SemCor", "Tumor ASSD", 0.05),
        ("dpcnet", "2", "Baseline", "SemCor", "Liver ASSD", 1.49),
        ("dpcnet", "2", "SpaCor + SemCor", "Baseline", "Tumor DSC", 7.10),
        ("dpcnet", "2", "PFE + SpaCor + SemCor", "SpaCor + SemCor", "Tumor DSC", 6.27),
        ("dpcnet", "2", "PFE + SpaCor + SemCor", "SpaCor + SemCor", "Liver DSC", 2.62),
        ("dpcnet", "2", "PFE + SpaCor + SemCor", "Baseline", "Tumor DSC", 13.37),
        ("dpcnet", "2", "PFE + SpaCor + SemCor", "Baseline", "Liver DSC", 7.06),
        ("dpcnet", "4", "DPC-Net (SpaCor-first)", "Baseline", "Para.", 0.52),
        ("dpcnet", "4", "AG", "Baseline", "Para.", 1.02),
        ("dpcnet", "4", "DAF", "Baseline", "Para.", 0.68),
        ("paresseg", "4", "MSF + PA + BE-loss", "MSF + PA", "DPC", 0.61),
        ("paresseg", "6", "MSF with PA", "DMP", "DPC", 5.37),
        ("paresseg", "6", "MSF with PA", "MPF", "DPC", 4.02),
        ("paresseg", "10", "PA-ResSeg", "MSF-ResSeg", "DPC", 2.85),
        ("context", "1", "Ours", "DANet", "Dice", 2.19),
        ("context", "1", "Ours", "Nested UNet", "Dice", 8.58),
        ("context", "1", "Ours", "DANet", "Precision", 2.46),
        ("context", "1", "Ours", "Nested UNet", "Precision", 9.57),
    ],
)
def test_gains_are_those_of_the_text(
    paper: str, number: str, better: str, worse: str, metric: str, gain: float
) -> None:
    difference = value(paper, number, better, metric) - value(paper, number, worse, metric)
    assert difference == pytest.approx(gain, abs=0.0101)


@pytest.mark.parametrize(
    ("paper", "number", "row", "printed"),
    [
        (
            "dpcnet",
            "5",
            "DPC-Net",
            {"Tumor DSC": 76.4, "Tumor ASSD": 0.838, "Liver DSC": 96.0, "Liver ASSD": 1.636},
        ),
        (
            "paresseg",
            "4",
            "MSF + PA + BE-loss",
            {"DPC": 77.87, "DG": 86.82, "VOE": 33.28, "RVD": 4.43},
        ),
        ("paresseg", "10", "PA-ResSeg", {"DPC": 82.90, "DG": 91.32, "VOE": 26.37, "RVD": 1.63}),
        ("sfan", "LiTS", "SFAN", {"Dice per case": 71.0}),
    ],
)
def test_results_are_those_of_the_abstract(
    paper: str, number: str, row: str, printed: Mapping[str, float]
) -> None:
    assert printed.items() <= table(paper, number).row(row).values.items()


def test_a_training_has_the_same_scores_in_every_table_but_where_a_note_says_so() -> None:
    seen: dict[tuple[str, str, str, tuple[Any, ...]], tuple[str, float]] = {}
    different = []
    for place, one, row in all_rows():
        for metric in one.metrics:
            if row.recipe is None or metric.name not in row.values:
                continue
            kind = (metric.of, tuple(metric.only.items()), metric.slices)
            key = (place.split()[0], row.recipe, metric.measure, kind)
            first, known = seen.setdefault(key, (place, row.values[metric.name]))
            if known != row.values[metric.name]:
                different.append((first, place, metric.name))
                assert f"{metric.name} is {known:.2f} in Table" in row.note, place
    assert different == [
        ("paresseg 4 MSF", "paresseg 6 MSF w/o PA", "DPC"),
        ("paresseg 4 MSF + PA", "paresseg 6 MSF with PA", "DG"),
    ]


# ----------------------------------------------------------------- reading


def darn() -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((FOLDER / "darn.yaml").read_text(encoding="utf-8"))
    return copy.deepcopy(values)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.update(titel="x"), "table III: unknown key 'titel'; did you mean 'title'"),
        (lambda t: t["metrics"][0].update(measure="dise"), "measure: unknown 'dise'; did you mean 'dice'"),
        (lambda t: t["metrics"][0].update(unit="cm"), "unit: unknown 'cm'"),
        (lambda t: t["metrics"][0].update(better="more"), "better: unknown 'more'"),
        (lambda t: t["metrics"][0].update(of="tumr"), "of: unknown 'tumr'; did you mean 'tumor'"),
        (
            lambda t: t["metrics"][0].update(slices="middel"),
            "slices: unknown 'middel'; did you mean 'middle'",
        ),
        (
            lambda t: t["metrics"][0].update(only={"type": "HCC"}),
            "only: unknown 'type'; did you mean 'tumor_type'",
        ),
        (lambda t: t["metrics"][0].update(name="Dice global"), "two metrics or two rows have one name"),
        (lambda t: t["rows"][0].update(row="H-DenseUNet"), "two metrics or two rows have one name"),
        (lambda t: t["rows"][0].pop("why"), "'3D AH-Net': a row has either a recipe or a reason"),
        (lambda t: t["rows"][-1].update(why="x"), "a row has either a recipe or a reason"),
        (lambda t: t["rows"][0]["values"].update({"Dice per case": "63,4"}), "must be a number, got '63,4'"),
        (lambda t: t["rows"][0]["values"].update(Dice=1.0), "unknown metric 'Dice'; did you mean 'Dice"),
        (lambda t: t["rows"][0].pop("values"), "the key 'values' is missing"),
    ],
)
def test_what_does_not_fit_is_refused(change: Any, message: str) -> None:
    values = darn()
    change(values["tables"]["III"])
    with pytest.raises(InputError, match=message):
        published_from(values, "darn")


def test_a_file_is_about_its_paper() -> None:
    with pytest.raises(InputError, match="the file is about 'darn'"):
        published_from(darn(), "sfan")


def test_an_unknown_paper_is_told_with_the_nearest() -> None:
    with pytest.raises(InputError, match="'paresnet'; did you mean 'paresseg'"):
        read_published("paresnet")


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("tables: {", encoding="utf-8")
    with pytest.raises(InputError, match=r"mine\.yaml is not valid YAML"):
        read_published("mine", tmp_path)


def test_an_unknown_row_is_told_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"no row 'DARN \(Spa\+Sem\)'; did you mean 'DARN \(Spa \+ Sem\)'"):
        table("darn", "III").row("DARN (Spa+Sem)")


def test_a_unit_stands_behind_its_metric() -> None:
    titles = [metric.title for metric in table("dpcnet", "4").metrics]
    assert titles == ["Para. (M)", "Tumor DSC (%)", "Tumor RVD", "Tumor ASSD (mm)", "Tumor HD (mm)"]
