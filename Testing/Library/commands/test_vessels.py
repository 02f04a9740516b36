"""The command `vessels`, and a review that takes what it wrote."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.analysis import read_vessels
from LiverTumorAttentionLib.cli import main
from Testing.Library.analysis.vasculature.bodies import liver_with_vessels

NAMES = ["Portal vein", "Hepatic veins", "Vena cava"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("vessels")
    case = liver_with_vessels()
    paths = {name: str(folder / f"{name}.nii.gz") for name in ("portal", "instances")}
    for name, path in paths.items():
        sitk.WriteImage(case[name], path)
    paths["output"] = str(folder / "vessels.seg.nrrd")
    paths["json"] = str(folder / "vessels.json")
    given = ["--portal", paths["portal"], "--segmentation", paths["instances"]]
    written = ["--output", paths["output"], "--json", paths["json"], "--progress", "none"]
    assert main(["vessels", *given, *written]) == 0
    return paths


def test_the_file_names_and_codes_its_vessels(files: dict[str, str]) -> None:
    vessels = read_vessels(files["output"])
    assert list(vessels.names.values()) == NAMES
    text = Path(files["output"]).read_bytes().split(b"\n\n")[0].decode()
    for code in ("SCT^32764006", "SCT^8993003", "SCT^64131007"):
        assert code in text
    assert "LiverTumorAttention_VesselSource:=proposed by their brightness and shape" in text
    told = json.loads(Path(files["json"]).read_text())
    assert list(told["volumes_ml"]) == NAMES
    assert all(volume > 0.5 for volume in told["volumes_ml"].values())
    assert "clinical" in told["notice"]


def test_a_review_fills_its_table_with_them(files: dict[str, str], tmp_path: Path) -> None:
    table = tmp_path / "case.csv"
    given = ["--portal", files["portal"], "--segmentation", files["instances"], "--vessels", files["output"]]
    assert main(["review", *given, "--csv", str(table), "--progress", "none"]) == 0
    row = next(csv.DictReader(table.open(encoding="utf-8-sig")))
    assert any(value in NAMES for value in row.values())


def test_a_plan_tells_territories_and_a_curved_cut(files: dict[str, str], tmp_path: Path) -> None:
    plan, page, numbers = (tmp_path / name for name in ("plan.json", "case.html", "case.json"))
    points = [[-20, -20, 0], [20, -20, 4], [-20, 20, 4], [20, 20, 0]]
    wanted = {
        "vessel_cuts": [{"point_lps_mm": [-12, 0, 0]}],
        "resections": [{"name": "vault", "surface": {"points_lps_mm": points, "toward_lps": [0, 0, 1]}}],
    }
    plan.write_text(json.dumps(wanted))
    given = ["--portal", files["portal"], "--segmentation", files["instances"], "--vessels", files["output"]]
    written = ["--plan", str(plan), "--output", str(page), "--json", str(numbers), "--progress", "none"]
    assert main(["review", *given, *written]) == 0
    told = json.loads(numbers.read_text())["plan"]
    (part,) = told["territories"]["territories"]
    assert (part["vessel"], part["side"]) == ("Portal vein", "supply")
    assert 20 < part["lost_percent"] < 60
    (resection,) = told["resections"]
    assert resection["resected_ml"] + resection["remnant_ml"] == pytest.approx(resection["liver_ml"])
    assert 0.35 < resection["resected_ml"] / resection["liver_ml"] < 0.65
    text = page.read_text()
    assert "Curved surface through 4 points" in text
    assert "Loses portal supply" in text


def test_points_are_checked_and_nothing_is_half_written(
    files: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    points, out = tmp_path / "points.json", tmp_path / "vessels.seg.nrrd"
    points.write_text(json.dumps({"portal": [0, 0, 0]}))
    given = ["--portal", files["portal"], "--segmentation", files["instances"], "--points", str(points)]
    assert main(["vessels", *given, "--output", str(out), "--progress", "none"]) == 2
    assert "portal_vein" in capsys.readouterr().err
    assert not out.exists()
