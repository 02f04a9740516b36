"""The table of a plan: a row for each resection and each cut, with the numbers of the JSON and the limits' sources."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib import report
from LiverTumorAttentionLib.analysis import Vessels
from LiverTumorAttentionLib.analysis.segments import LiverSegments
from LiverTumorAttentionLib.cli import main
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.report.plan import compute_plan
from LiverTumorAttentionLib.report.plan_table import COLUMNS, LIMIT_COLUMNS, plan_csv
from LiverTumorAttentionLib.report.wanted_plan import WantedPlan
from Testing.Library.report.cases import PLAN, Small, write_case

MIDDLE = (-42.0, 17.5, 103.0)
"""Of every grid of the cases."""
SURFACE = {
    "points_lps_mm": [[-42, 0, 85], [-42, 35, 85], [-42, 0, 121], [-42, 35, 121], [-40, 17.5, 103]],
    "toward_lps": [-1, 0, 0],
}


UPPER = {"point_lps_mm": MIDDLE, "normal_lps": [0, 0, 1]}


def planned(**changes: Any) -> dict[str, Any]:
    """Return a plan of planes, a curved cut, segments V and VI (the right half) and a cut through a vein."""
    case = Small.on("straight")
    image = case.instances
    where = sitk.PhysicalPointSource(
        sitk.sitkVectorFloat64, image.GetSize(), image.GetOrigin(), image.GetSpacing(), image.GetDirection()
    )
    across = sitk.VectorIndexSelectionCast(where, 0)
    labels = sitk.Cast(across < MIDDLE[0], sitk.sitkUInt8) * 3 + 2
    labels = sitk.Mask(labels, sitk.Cast(image > 0, sitk.sitkUInt8))  # 5 at the right, 2 at the left
    assert case.vessels is not None
    vessels = Vessels(labels=case.vessels.labels, names={1: "=Portal vein", 2: "Hepatic veins"})
    wanted = WantedPlan.from_dict(
        {
            **PLAN,
            "resections": [
                *PLAN["resections"],
                {"name": "=curved", "surface": SURFACE},
                {"name": "both", "surface": SURFACE, "planes": [UPPER]},
            ],
            "segment_resections": [{"resection": "V VI", "name": "right part"}],
            "vessel_cuts": [{"point_lps_mm": [-42, 17.5 + 10, 103]}],
            "height_cm": 170,
            **changes,
        }
    )
    segments = LiverSegments(labels=labels, source="drawn by hand")
    return compute_plan(wanted, case.instances, vessels, None, Progress(), segments).as_dict()


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_row_for_each_resection_and_each_cut() -> None:
    plan = planned()
    rows = rows_of(plan_csv(plan))
    assert [(row["name"], row["kind"], row["takes_out"]) for row in rows] == [
        ("right side", "planes", "beyond 1 plane"),
        ("Resection 2", "planes", "beyond any of 2 planes"),
        ("'=curved", "curved cut", "beyond a surface through 5 points"),
        ("both", "curved cut and planes", "beyond all of a surface through 5 points and 1 plane"),
        ("right part", "segments", "segments V, VI (drawn by hand)"),
        ("Cut 1", "vessel cut", "drainage beyond the cut"),
        ("All cuts", "vessel cuts together", "supply or drainage beyond any cut"),
    ]
    names = {"functional_liver_ml": "parenchyma_ml", "flr_ml": "remnant_parenchyma_ml"}
    names |= {"flr_percent": "remnant_parenchyma_percent", "standardized_flr_percent": "standardized_percent"}
    names |= {"flr_to_body_weight_percent": "weight_percent"}
    for row, told in zip(rows, [*plan["resections"], *plan["segment_resections"]], strict=False):
        for column in ("liver_ml", "resected_ml", "resected_percent", "remnant_ml", *names):
            assert float(row[column]) == pytest.approx(told[names.get(column, column)], abs=6e-3), column
        assert (row["height_cm"], row["weight_kg"]) == ("170.0", "62.5")
        assert (row["vessel"], row["lost_ml"]) == ("", "")
    flr, percent, weight = (
        float(rows[0][n]) for n in ("flr_ml", "flr_percent", "flr_to_body_weight_percent")
    )
    assert percent == pytest.approx(100 * flr / float(rows[0]["functional_liver_ml"]), abs=6e-3)
    assert weight == pytest.approx(flr / 625, abs=6e-4)  # 62,500 g, a mL weighing a gram
    assert float(rows[0]["standardized_flr_percent"]) == pytest.approx(
        100 * flr / float(rows[0]["estimated_liver_ml"]), abs=6e-3
    )
    assert (rows[0]["resected_tumors"], rows[0]["remnant_tumors"]) == ("1", "2")
    assert rows[1]["cut_tumors"] == "1"
    assert rows[4]["smallest_margin_mm"] == "", "no margin is measured to borders of segments"
    cut, together = rows[5:]
    assert (cut["vessel"], cut["supply_lost_ml"], cut["flr_ml"]) == ("Hepatic veins", "", "")
    assert cut["drainage_lost_ml"] == cut["lost_ml"] == together["lost_ml"]
    assert float(cut["lost_ml"]) > 0


def test_each_limit_stands_beside_its_source() -> None:
    plan = planned(
        limits=[
            {"name": "ours", "measure": "functional", "least_percent": 60.5, "source": "the team, 2026"},
            {"name": "by weight", "measure": "weight", "least_percent": 0.001},
        ]
    )
    text = plan_csv(plan)
    row = rows_of(text)[0]
    assert tuple(row) == (*COLUMNS, *(f"limit_{n}{part}" for n in (1, 2) for part in LIMIT_COLUMNS))
    first = [row[f"limit_1{part}"] for part in LIMIT_COLUMNS]
    assert first == ["ours", "flr_percent", "60.50", "no", "the team, 2026"]
    assert float(row[row["limit_1_compared_with"]]) < 60.5
    assert [row["limit_2_compared_with"], row["limit_2_reached"]] == ["flr_to_body_weight_percent", "yes"]
    unknown = rows_of(plan_csv(planned(weight_kg=None)))[0]
    reached = {unknown[f"limit_{n}_compared_with"]: unknown[f"limit_{n}_reached"] for n in range(1, 5)}
    assert reached["flr_to_body_weight_percent"] == reached["standardized_flr_percent"] == ""
    assert reached["flr_percent"] in ("yes", "no")


def test_a_plan_of_margins_alone_has_the_heading_alone() -> None:
    assert plan_csv(None).splitlines() == [",".join(COLUMNS)]
    case = Small.on("straight")
    wanted = WantedPlan.from_dict({"margins": [{"margin_mm": 5}]})
    plan = compute_plan(wanted, case.instances, None, None, Progress()).as_dict()
    assert plan_csv(plan).splitlines() == [",".join(COLUMNS)]


def test_the_documentation_tells_every_column() -> None:
    text = (Path(report.__file__).parent / "README.md").read_text(encoding="utf-8")
    part = text[text.index("### The plan's table") :]
    told = {name for name in (*COLUMNS, *(f"limit_1{part}" for part in LIMIT_COLUMNS)) if f"`{name}`" in part}
    assert told == {*COLUMNS, *(f"limit_1{part}" for part in LIMIT_COLUMNS)}


def test_review_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = write_case(tmp_path)
    given = ["--portal", paths["portal"], "--segmentation", paths["segmentation"]]
    table = tmp_path / "plan.csv"
    assert main(["review", *given, "--plan", paths["plan"], "--plan-csv", str(table)]) == 0
    assert [row["name"] for row in rows_of(table.read_text(encoding="utf-8"))] == [
        "right side",
        "Resection 2",
    ]
    capsys.readouterr()
    assert main(["review", *given, "--plan-csv", str(table)]) == 2
    assert "no plan was given: give one, or leave the table out" in capsys.readouterr().err
