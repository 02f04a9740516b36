"""Tables from a small file of scores to Markdown and CSV, with means and p-values worked out by hand."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import pytest

from LiverTumorAttentionLib.errors import InputError
from Testing.Training.tables.made_scores import case_row, lesion_row, slice_row, write
from training.cli import main
from training.tables import make_tables, write_tables
from training.tables.published import Metric, PublishedPaper, PublishedRow, PublishedTable
from training.tables.scores import Scores
from training.tables.select import SizeLimits
from training.tables.write import csv_text, markdown

SIZES = SizeLimits()
COUNTS = {"tumor_tp_voxels": 2, "tumor_fp_voxels": 1, "tumor_fn_voxels": 1, "tumor_tn_voxels": 6}
BASE = {"A": 0.10, "B": 0.20, "C": 0.30, "D": 0.40}
BETTER = {"A": 0.11, "B": 0.22, "C": 0.33, "D": 0.46}
"""Differences 0.01, 0.02, 0.03, 0.06: t = 3 / sqrt(14/12) with 3 degrees of freedom, p = 0.0691."""
FAR_BETTER = {"A": 0.30, "B": 0.41, "C": 0.50, "D": 0.61}
"""Standard deviation sqrt(0.0521 / 3). Differences 0.20, 0.21, 0.20, 0.21: t = 0.205 / (0.01 / sqrt(3) / 2) = 71.01,
p far below 0.0001."""


def paper() -> PublishedPaper:
    def row(name: str, recipe: str | None, **values: float) -> PublishedRow:
        return PublishedRow(
            row=name, recipe=recipe, values=values, why="" if recipe else "quoted from its paper"
        )

    table = PublishedTable(
        title="A small ablation",
        dataset="their data",
        metrics=(
            Metric(name="DPC", measure="dice", of="tumor", unit="%", better="higher"),
            Metric(name="ASSD", measure="assd", of="tumor", unit="mm", better="lower"),
        ),
        rows=(
            row("Single", "test/single", DPC=67.87, ASSD=2.5),
            row("MSF", "test/msf", DPC=74.99),
            row("PA", "test/pa"),
            row("Other", None, DPC=70.0),
            row("BE", "test/be", DPC=77.87),
        ),
    )
    return PublishedPaper(paper="test", citation="A test, 2026", tables={"4": table})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Scores of three of the four recipes; PA by two seeds of which one is changed."""
    cases = [case_row("test/single", name, tumor_dice=dice, tumor_assd_mm=1.0) for name, dice in BASE.items()]
    cases += [
        case_row("test/msf", name, tumor_dice=dice, liver_from="truth") for name, dice in BETTER.items()
    ]
    for seed, step in ((0, -0.05), (1, 0.05)):
        cases += [
            case_row("test/pa", name, seed=seed, tumor_dice=dice + step, changed="yes" if seed else "no")
            for name, dice in FAR_BETTER.items()
        ]
    cases[0]["tumor_assd_mm"] = "nan"
    return write(tmp_path / "scores.csv", cases)


def lines_of(path: Path, reference: str | None = None) -> dict[tuple[str, str], dict[str, str]]:
    """The CSV of the table, by row and metric."""
    tables = make_tables(paper(), Scores.read([path]), SIZES, reference)
    rows = csv.DictReader(io.StringIO(csv_text(tables)))
    return {(row["row"], row["metric"]): row for row in rows}


def test_means_and_deviations_stand_beside_what_was_published(path: Path) -> None:
    lines = lines_of(path)
    single = lines["Single", "DPC"]
    assert (float(single["published"]), single["published_sd"]) == (67.87, "")
    assert float(single["ours"]) == pytest.approx(25.0)
    assert float(single["ours_sd"]) == pytest.approx(100 * math.sqrt(0.05 / 3))
    assert (single["cases"], single["scores"], single["undefined"], single["seeds"]) == ("4", "4", "0", "1")
    far = lines["PA", "DPC"]
    assert float(far["ours"]) == pytest.approx(45.5)
    assert (far["cases"], far["scores"], far["seeds"], far["trainings"]) == ("4", "8", "2", "2")
    assert far["published"] == ""
    assert far["changed"] == "yes"
    assert lines["Single", "ASSD"]["undefined"] == "1"
    assert lines["MSF", "ASSD"]["ours"] == lines["Other", "DPC"]["ours"] == lines["BE", "DPC"]["ours"] == ""


def test_rows_are_tested_against_the_first(path: Path) -> None:
    lines = lines_of(path)
    assert lines["Single", "DPC"]["p_t_test"] == ""
    better = lines["MSF", "DPC"]
    assert (better["reference"], better["tested_cases"]) == ("Single", "4")
    assert float(better["difference"]) == pytest.approx(3.0)
    assert float(better["p_t_test"]) == pytest.approx(0.0691, abs=5e-5)
    assert float(better["p_wilcoxon"]) == pytest.approx(2 / 16)
    assert float(lines["PA", "DPC"]["p_t_test"]) < 1e-4


def test_rows_are_tested_against_the_one_that_is_asked_for(path: Path) -> None:
    lines = lines_of(path, reference="MSF")
    assert float(lines["Single", "DPC"]["difference"]) == pytest.approx(-3.0)
    assert lines["MSF", "DPC"]["p_t_test"] == ""
    with pytest.raises(InputError, match=r"no table of test has a row 'Other' .* there are 'BE', 'MSF'"):
        lines_of(path, reference="Other")


def test_the_table_can_be_read(path: Path) -> None:
    (table,) = make_tables(paper(), Scores.read([path]), SIZES)
    text = markdown(table)
    assert "Published on: their data." in text
    assert "on other data than ours" in text
    assert "against the row “Single”" in text
    assert "| **Single** | published | 67.87 | 2.50 |" in text
    assert "|  | ours, 4 cases, 1 training | 25.00 ± 12.91 | 1.00 ± 0.00 (1 undefined) |" in text
    assert "|  | p | 0.0691 | - |" in text
    assert "| **PA** | ours (changed recipe), 4 cases, 2 trainings | 45.50 ± 13.18 | - |" in text
    assert "|  | p | < 0.0001 * | - |" in text
    assert "|  | not scored | - | - |" in text
    assert "“BE” has no scores: train and evaluate test/be." in text
    assert "“Other” is not trained here: quoted from its paper." in text
    assert "Coarse livers of our tumor stages: truth." in text


def test_a_reference_without_scores_is_said(path: Path) -> None:
    (table,) = make_tables(paper(), Scores.read([path]), SIZES, "BE")
    assert "Nothing is tested, since “BE” has no scores" in markdown(table)
    assert all(cell.test is None for row in table.rows for cell in row.cells.values())
    (tested,) = make_tables(paper(), Scores.read([path]), SIZES)
    assert "Nothing is tested" not in markdown(tested)


def test_scores_of_several_files_count_as_one(path: Path, tmp_path: Path) -> None:
    more = write(
        tmp_path / "more.csv",
        [case_row("test/be", name, tumor_dice=dice) for name, dice in BASE.items()],
    )
    tables = make_tables(paper(), Scores.read([path, more]), SIZES)
    assert tables[0].missing == []
    assert [row.published.row for row in tables[0].rows if row.scored] == ["Single", "MSF", "PA", "BE"]


def test_a_case_that_two_runs_score_is_refused(path: Path, tmp_path: Path) -> None:
    row = case_row("test/msf", "A", tumor_dice=0.5)
    row["run"] = "/elsewhere"
    more = write(tmp_path / "more.csv", [row])
    with pytest.raises(InputError, match=r"'A' is scored twice for test/msf, part 0, seed 0.*'elsewhere "):
        Scores.read([path, more])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("case,dice\nA,0.5\n", r"no file of scores of this version: it has no column 'run'"),
        ("", r"no file of scores"),
    ],
)
def test_a_file_of_another_format_is_refused(tmp_path: Path, text: str, message: str) -> None:
    other = tmp_path / "other.csv"
    other.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        Scores.read([other])


def test_a_file_that_was_damaged_is_refused(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    path.write_text(text.rsplit(",", 3)[0] + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"line 17: .* cells in place of"):
        Scores.read([path])
    path.write_text(text.replace("0.46", "much"), encoding="utf-8")
    with pytest.raises(InputError, match=r"case 'D' hold 'much' for tumor_dice"):
        make_tables(paper(), Scores.read([path]), SIZES)


def test_scores_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'.*none\.csv' cannot be read"):
        Scores.read([tmp_path / "none.csv"])
    with pytest.raises(InputError, match="name at least one"):
        Scores.read([])


def test_everything_is_written_into_one_folder(tmp_path: Path) -> None:
    """A recipe that is in no paper's table: the overview alone, by type, by size, by slices and lesion by lesion."""
    case = case_row(
        "own/recipe", "A", tumor_dice=0.5, tumor_type="HCC", largest_lesion_mm=60.0, lesions_true=2
    )
    lesions = [
        lesion_row(case, 1, tumor_type="HCC", diameter_mm=30.0, detected=True, touched=True, best_dice=0.8),
        lesion_row(case, 2, tumor_type="cyst", diameter_mm=5.0, detected=False, touched=True, best_dice=0.2),
        lesion_row(case, 3, tumor_type="cyst", diameter_mm=1.0, detected=False, touched=False),
    ]
    slices = [slice_row(case, 1, "marginal", (1, 1, 0, 8), dice=2 / 3)]
    other = case_row("own/recipe", "B", tumor_dice=0.9, tumor_type="cyst", lesions_true=0)
    path = write(tmp_path / "scores.csv", [case, other], lesions, slices)
    written = write_tables([path], tmp_path / "tables")
    assert sorted(each.name for each in (tmp_path / "tables").iterdir()) == sorted(
        each.name for each in written
    )
    by_type = (tmp_path / "tables" / "overview-table-tumor-type.md").read_text(encoding="utf-8")
    assert "| Row |  | cyst (%) | HCC (%) |" in by_type
    assert "ours, 2 cases, 1 training | 90.00 | 50.00 |" in by_type
    by_size = (tmp_path / "tables" / "overview-table-tumor-size.md").read_text(encoding="utf-8")
    assert "| Row |  | middle (%) |" in by_size
    assert "small below 50 mm" in by_size
    of_slices = (tmp_path / "tables" / "overview-table-slices.md").read_text(encoding="utf-8")
    assert "66.67" in of_slices
    one_by_one = (tmp_path / "tables" / "overview-lesions.md").read_text(encoding="utf-8")
    assert "| own/recipe | all | 3 | 33.3 | 66.7 | 50.0 |" in one_by_one
    assert "| own/recipe | cyst | 2 | 0.0 | 50.0 | 20.0 |" in one_by_one
    assert "| own/recipe | below 10 mm | 2 | 0.0 | 50.0 | 20.0 |" in one_by_one
    assert "| own/recipe | below 50 mm | 1 | 100.0 | 100.0 | 80.0 |" in one_by_one


def test_a_paper_that_is_asked_for_is_written_even_without_scores(tmp_path: Path) -> None:
    path = write(tmp_path / "scores.csv", [case_row("own/recipe", "A", tumor_dice=0.5)])
    write_tables([path], tmp_path / "tables", papers=["darn"])
    text = (tmp_path / "tables" / "darn-table-iii.md").read_text(encoding="utf-8")
    assert "| **DARN (Spa + Sem)** | published | 75.90 | 82.80 |" in text
    assert "train and evaluate darn/table3-spa-sem" in text


def test_the_command_names_what_it_wrote_and_what_it_cannot_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "scores.csv", [case_row("darn/table3-spa-sem", "A", tumor_dice=0.5, **COUNTS)])
    assert main(["tables", str(path), "--output", str(tmp_path / "tables")]) == 0
    assert "darn-table-iii.md" in capsys.readouterr().out
    text = (tmp_path / "tables" / "darn-table-iii.md").read_text(encoding="utf-8")
    assert "ours, 1 case, 1 training | 50.00 | 66.67 |" in text
    assert main(["tables", str(tmp_path / "none.csv"), "--output", str(tmp_path / "tables")]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_folds_stand_beside_what_is_pooled_and_cases_without_tumor_are_told(tmp_path: Path) -> None:
    """Fold 0: 0.2 and 0.4; fold 1: 0.6 and a healthy liver that was left as it is. Pooled 40, over folds 45."""
    cases = [
        case_row("test/single", name, part=part, tumor_dice=dice, tumor_true_ml=volume, tumor_empty=empty)
        for name, part, dice, volume, empty in (
            ("A", 0, 0.2, 1.0, ""),
            ("B", 0, 0.4, 1.0, ""),
            ("C", 1, 0.6, 1.0, ""),
            ("D", 1, 1.0, 0.0, "both"),
        )
    ]
    scores = Scores.read([write(tmp_path / "scores.csv", cases)])
    (table,) = make_tables(paper(), scores, SIZES)
    text = markdown(table)
    assert "| 40.00 ± 20.00 | - |" in text
    assert "|  | ours, over folds | 45.00 ± 21.21 (2) | - |" in text
    assert (
        "“Single”, ours: 1 case without tumor left out of the means over cases, with a false finding in 0"
        in text
    )
    line = next(csv.DictReader(io.StringIO(csv_text([table]))))
    assert (line["folds"], line["without_tumor"]) == ("2", "1")
    assert float(line["over_folds"]) == pytest.approx(45.0)
    (counted,) = make_tables(paper(), scores, SIZES, count_empty=True)
    assert "| 55.00 ± " in markdown(counted)
    assert "left out" not in markdown(counted)
