"""The command `compare`: page, table and numbers of two time points; what cannot be compared is refused in one line."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.cli import main
from LiverTumorAttentionLib.errors import Cancelled, InputError
from LiverTumorAttentionLib.followup.measures import FollowUpMeasures, comparison_values
from LiverTumorAttentionLib.followup.response import Chosen
from LiverTumorAttentionLib.io import write_segmentation
from LiverTumorAttentionLib.pipeline.jobs import ComparisonJob
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.report import report_comparison
from Testing.Library.registration.abdomen import empty_grid, points_of, rendered

MOVED = np.array([6.0, -4.0, 9.0])
PLACES = ((-45.0, -25.0, 140.0), (-15.0, -50.0, 160.0), (-60.0, -10.0, 175.0))


def write_visit(
    folder: Path, name: str, moved: np.ndarray, lesions: dict[str, tuple[int, float]]
) -> dict[str, str]:
    """Write a moved abdomen with balls. lesions: (which of `PLACES`, radius in mm) by name."""
    grid = empty_grid()
    points = points_of(grid) - moved
    portal, liver = rendered(grid, "portal", points, sum(map(ord, name)))
    labels = sitk.GetArrayFromImage(liver).astype(np.uint16)
    for value, (place, radius) in enumerate(lesions.values(), start=2):
        labels[np.linalg.norm(points - np.array(PLACES[place]), axis=-1) <= radius] = value
    instances = sitk.GetImageFromArray(labels)
    instances.CopyInformation(portal)
    sitk.WriteImage(portal, str(folder / f"{name}.nii.gz"))
    write_segmentation(folder / f"{name}.seg.nrrd", instances)
    return {f"{name}_portal": str(folder / f"{name}.nii.gz"), name: str(folder / f"{name}.seg.nrrd")}


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("visits")
    before = {"a": (0, 9.0), "b": (1, 10.0)}
    after = {"c": (2, 8.0), "a": (0, 14.0)}
    return {
        **write_visit(folder, "baseline", np.zeros(3), before),
        **write_visit(folder, "followup", MOVED, after),
    }


def options(paths: dict[str, str]) -> list[str]:
    return [part for name, path in paths.items() for part in (f"--{name.replace('_', '-')}", path)]


def test_it_writes_page_table_and_numbers(
    paths: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = {kind: tmp_path / f"out.{kind}" for kind in ("html", "csv", "json")}
    written = ["--output", str(out["html"]), "--csv", str(out["csv"]), "--json", str(out["json"])]
    told = [
        *("--baseline-arterial", paths["baseline_portal"]),
        *("--followup-arterial", paths["followup_portal"]),
        "--arterial-registered",
        "--transform",
        str(tmp_path / "way.h5"),
        "--baseline-date",
        "2024-01-31",
        "--followup-date",
        "2024-04-30",
        "--targets",
        "1,2",
        "--progress",
        "none",
    ]
    assert main(["compare", *options(paths), *written, *told, "--patient-name", "<b>Doe</b>"]) == 0
    printed = capsys.readouterr()
    assert "RECIST 1.1 in the liver: PD" in printed.out
    assert "Not for clinical use." in printed.out
    values = json.loads(out["json"].read_text(encoding="utf-8"))
    way = sitk.ReadTransform(str(tmp_path / "way.h5"))
    assert way.TransformPoint(PLACES[1]) == pytest.approx(np.array(PLACES[1]) + MOVED, abs=3.0)
    measures = FollowUpMeasures.from_dict(values)
    comparison = measures.compared((), 90.0)
    again = comparison_values(comparison, measures.assessed(comparison, Chosen(targets=(1, 2))))
    assert {name: values[name] for name in again} == json.loads(json.dumps(again))
    assert [part["number"] for part in values["viable"]["baseline"]] == [1, 2]
    assert values["baseline"]["arterial_registration"] is None, "taken as it is"
    assert values["registration"]["grade"] in ("good", "doubtful")
    assert values["interval_days"] == 90.0
    pairs = [(p["baseline"], p["followup"], p["status"], p["uncertain"]) for p in values["pairs"]]
    assert pairs == [(1, 2, "matched", False), (2, None, "gone", False), (None, 1, "new", False)]
    grown = values["pairs"][0]
    assert grown["diameters"]["baseline_mm"] == pytest.approx(18.0, abs=4.0)
    assert grown["diameters"]["followup_mm"] == pytest.approx(28.0, abs=4.0)
    before_ml, after_ml = grown["volumes"]["baseline_ml"], grown["volumes"]["followup_ml"]
    assert grown["changes"]["volume_ml"] == pytest.approx(after_ml - before_ml)
    assert grown["changes"]["doubling_time_days"] == pytest.approx(
        90 * np.log(2) / np.log(after_ml / before_ml)
    )
    assert values["pairs"][1]["changes"]["diameter_percent"] == -100.0
    assert (values["response"]["new"], values["response"]["recist_overall"]) == ([1], "PD")
    with out["csv"].open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["baseline"], row["followup"], row["status"]) for row in rows] == [
        ("1", "2", "matched"),
        ("2", "", "gone"),
        ("", "1", "new"),
    ]
    page = out["html"].read_text(encoding="utf-8")
    assert "<b>Doe</b>" not in page
    assert "&lt;b&gt;Doe" in page
    assert page.count("<article>") == 3
    assert not re.search(r"""(?:src|href)=["'](?!data:|#)""", page)
    for text in (page, json.dumps(values)):
        assert Path(paths["baseline"]).parent.name not in text


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--targets", "7"], "no lesion 7"),
        (["--targets", "1,1"], "chosen twice"),
        (["--pair", "1=9"], "the follow-up has no lesion 9"),
        (["--pair", "one"], "give it as 2=3"),
        (["--baseline-date", "2024-13-01"], "YYYY-MM-DD"),
        (["--baseline-date", "2024-05-01", "--followup-date", "2024-01-01"], "is before the baseline"),
        (["--viable", "1=12"], "no target was chosen"),
        (["--viable", "2=12", "--targets", "1"], "which is no target"),
        (["--viable", "1=long", "--targets", "1"], "2=14.5"),
        (["--nadir-sum", "40"], "no target that it is of"),
        (["--nadir-sum", "-4", "--targets", "1"], "between 0 and"),
    ],
)
def test_one_line_for_what_cannot_be(
    paths: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], message: str
) -> None:
    code = main(["compare", *options(paths), "--json", str(tmp_path / "x.json"), *more, "--progress", "none"])
    printed = capsys.readouterr()
    assert code == 2
    assert message in printed.err
    assert len(printed.err.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_of_a_cancelled_comparison(paths: dict[str, str], tmp_path: Path) -> None:
    job = ComparisonJob(**paths, output=str(tmp_path / "page.html"))
    with pytest.raises(Cancelled):
        report_comparison(job, Progress(None, lambda: True))
    assert list(tmp_path.iterdir()) == []


def test_a_job_needs_something_to_write_and_never_writes_over_what_it_reads(paths: dict[str, str]) -> None:
    with pytest.raises(InputError, match="nothing is asked for"):
        ComparisonJob(**paths)
    with pytest.raises(InputError, match="would be written over"):
        ComparisonJob(**paths, json=paths["baseline"])
