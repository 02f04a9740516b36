"""The command `vessels`, and a review that takes what it wrote."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.analysis import read_vessels
from LiverTumorAttentionLib.analysis.vasculature.proposal import GUESSED_TREES
from LiverTumorAttentionLib.cli import main
from LiverTumorAttentionLib.contrast_phase import LATE_ARTERIAL, PORTAL
from LiverTumorAttentionLib.io.named_labels import write_named_labels
from LiverTumorAttentionLib.io.terminology import vessel_segments
from LiverTumorAttentionLib.pipeline.liver_vessels import WARNINGS_KEY, proposal_warnings
from Testing.Library.analysis.vasculature.bodies import liver_with_vessels
from Testing.Library.phases.drawn_trunk import knees, trunk

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
    numbers = tmp_path / "case.json"
    written = ["--csv", str(table), "--json", str(numbers), "--progress", "none"]
    assert main(["review", *given, *written]) == 0
    warnings = json.loads(numbers.read_text(encoding="utf-8"))["warnings"]
    assert f"vessels: {GUESSED_TREES}" in warnings, "what the proposal warned of goes with its file"
    row = next(csv.DictReader(table.open(encoding="utf-8-sig")))
    assert any(value in NAMES for value in row.values())


@pytest.mark.parametrize("told", ["no JSON", "{}", '[1, {"a": 2}]', "null"])
def test_a_header_that_was_tampered_with_warns_of_nothing(tmp_path: Path, told: str) -> None:
    path = tmp_path / "vessels.seg.nrrd"
    labels = sitk.Image([4, 4, 4], sitk.sitkUInt8)
    labels[1, 1, 1] = 1
    write_named_labels(path, labels, vessel_segments(), "vessels", {WARNINGS_KEY: told})
    assert proposal_warnings(str(path)) == ()
    assert proposal_warnings(str(tmp_path / "vessels.nii.gz")) == ()


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


@pytest.fixture
def drawn(tmp_path: Path) -> Callable[[str], list[str]]:
    """Return a function that writes a drawn trunk in a phase with its liver, as options of `vessels`."""

    def write(phase: str) -> list[str]:
        image = trunk(phase)
        where = sitk.PhysicalPointSource(
            sitk.sitkVectorFloat64,
            image.GetSize(),
            image.GetOrigin(),
            image.GetSpacing(),
            image.GetDirection(),
        )
        x, y, z = (sitk.GetArrayFromImage(sitk.VectorIndexSelectionCast(where, axis)) for axis in range(3))
        labels = (((x + 72) / 62) ** 2 + ((y + 22) / 64) ** 2 + ((z - 12) / 82) ** 2 < 1).astype(np.uint8)
        liver = sitk.GetImageFromArray(labels)
        liver.CopyInformation(image)
        sitk.WriteImage(image, str(tmp_path / "portal.nii.gz"))
        sitk.WriteImage(liver, str(tmp_path / "liver.nii.gz"))
        given = [
            "--portal",
            str(tmp_path / "portal.nii.gz"),
            "--segmentation",
            str(tmp_path / "liver.nii.gz"),
        ]
        return ["vessels", *given, "--output", str(tmp_path / "vessels.seg.nrrd"), "--progress", "none"]

    return write


def test_another_phase_is_said_in_the_words_of_a_run(
    drawn: Callable[[str], list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = [*drawn(LATE_ARTERIAL), "--json", str(tmp_path / "numbers.json")]
    assert main(wanted) == 0
    said = "the portal volume looks like the late arterial phase"
    assert f"warning: {said}" in capsys.readouterr().err
    (told,) = [
        each for each in json.loads((tmp_path / "numbers.json").read_text())["warnings"] if said in each
    ]
    assert told.endswith("it was used as given")
    assert main(drawn(PORTAL)) == 0
    assert "phase" not in capsys.readouterr().err


def test_what_headers_say_counts_as_of_a_dicom_folder(
    drawn: Callable[[str], list[str]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Words of the series reach the check of the phase; a part of the body that has no liver is refused."""
    heard = []
    monkeypatch.setattr(
        "LiverTumorAttentionLib.pipeline.liver_vessels.checked_phases",
        lambda _images, facts, *_, **__: heard.append(facts["portal"].description),
    )
    headers = tmp_path / "headers.json"
    wanted = [*drawn(PORTAL), "--headers", str(headers)]
    headers.write_text(json.dumps({"portal": {"description": "portal venous 70s"}}))
    assert main(wanted) == 0
    assert heard == ["portal venous 70s"]
    (tmp_path / "vessels.seg.nrrd").unlink()
    headers.write_text(json.dumps({"portal": {"body_part": "KNEE"}}))
    assert main(wanted) == 2
    assert "is of another part of the body (Knee): choose a CT" in capsys.readouterr().err
    assert not (tmp_path / "vessels.seg.nrrd").exists()


def test_a_knee_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = knees()
    sitk.WriteImage(image, str(tmp_path / "knee.nii.gz"))
    sitk.WriteImage(sitk.Cast(image > 0, sitk.sitkUInt8), str(tmp_path / "bone.nii.gz"))
    given = ["--portal", str(tmp_path / "knee.nii.gz"), "--segmentation", str(tmp_path / "bone.nii.gz")]
    assert main(["vessels", *given, "--output", str(tmp_path / "v.seg.nrrd"), "--progress", "none"]) == 2
    assert "shows no trunk but a limb" in capsys.readouterr().err
