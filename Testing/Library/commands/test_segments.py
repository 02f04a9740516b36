"""The command `segments`, and segments within a review: by landmarks, from a file, and what each tumor is told."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.cli import main
from LiverTumorAttentionLib.io import read_instances
from LiverTumorAttentionLib.io.couinaud_segments import read_couinaud
from Testing.Library.report.cases import write_case

LANDMARKS = {
    "cava": [-46, 37, 133],
    "right_hepatic_vein": [-70, 5, 130],
    "middle_hepatic_vein": [-46, -12, 130],
    "left_hepatic_vein": [-10, 25, 118],
    "portal_bifurcation": [-50, 20, 103],
    "gallbladder": [-50, -10, 75],
    "umbilical_fissure": [-25, -10, 105],
}
"""About the middle of the small case, (-42, 17.5, 103), whose liver is a ball of 30 mm."""


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("case")
    paths = write_case(folder)
    (folder / "landmarks.json").write_text(json.dumps(LANDMARKS))
    return {**paths, "landmarks": str(folder / "landmarks.json")}


def test_landmarks_tell_the_segments_and_a_review_takes_them(
    case: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made, told = tmp_path / "segments.seg.nrrd", tmp_path / "segments.json"
    command = ["segments", "--segmentation", case["segmentation"], "--landmarks", case["landmarks"]]
    assert main([*command, "--output", str(made), "--json", str(told), "--progress", "none"]) == 0
    assert "Couinaud segments by planes through landmarks: I " in capsys.readouterr().out
    values = json.loads(told.read_text())
    labels = sitk.GetArrayFromImage(read_couinaud(made))
    instances = sitk.GetArrayFromImage(read_instances(case["segmentation"], keep_numbers=True))
    assert ((labels > 0) == (instances > 0)).all()
    shares = {tumor["number"]: tumor["segment_shares"] for tumor in values["tumors"]}
    for number, its in shares.items():
        assert sum(share["share"] for share in its) == pytest.approx(1.0)
        inside = labels[instances == number + 1]
        assert its[0]["share"] == pytest.approx((inside == labels_of(its[0]["segment"])).mean())

    plan = tmp_path / "plan.json"
    plan.write_text(
        json.dumps({"segment_resections": [{"resection": "right hepatectomy"}], "height_cm": 170})
    )
    out = {name: tmp_path / f"case.{name}" for name in ("html", "csv", "json")}
    review = [
        "review",
        "--portal",
        case["portal"],
        "--segmentation",
        case["segmentation"],
        "--plan",
        str(plan),
    ]
    review += ["--segments", str(made), "--weight-kg", "70", "--progress", "none"]
    review += ["--output", str(out["html"]), "--csv", str(out["csv"]), "--json", str(out["json"])]
    assert main(review) == 0
    found = json.loads(out["json"].read_text())
    assert [t["measurement"]["segments"] for t in found["tumors"]] == [
        t["segments"] for t in values["tumors"]
    ]
    assert found["segments"]["source"] == "by planes through landmarks"
    (resection,) = found["plan"]["segment_resections"]
    volumes = values["segments"]["volumes_ml"]
    right = sum(volumes[name] for name in ("V", "VI", "VII", "VIII"))
    assert resection["resected_ml"] == pytest.approx(right)
    assert resection["estimated_liver_ml"] == pytest.approx(1509.656, abs=1e-3)
    with out["csv"].open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["segments"] for row in rows] == [t["segments"] for t in values["tumors"]]
    page = out["html"].read_text(encoding="utf-8")
    for text in (
        "Couinaud segments",
        "Right hepatectomy",
        "Kishi et al.",
        "Standardized FLR",
        rows[0]["segments"],
    ):
        assert text in page, text


def labels_of(numeral: str) -> int:
    return ["I", "II", "III", "IV", "V", "VI", "VII", "VIII"].index(numeral) + 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--segments", "nowhere.nii.gz"], "nowhere.nii.gz"),
        (["--landmarks", "{folder}/bad.json"], "unknown key 'kava'"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_nothing_is_written(
    case: dict[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    (tmp_path / "bad.json").write_text(json.dumps({**LANDMARKS, "kava": [0, 0, 0]}))
    given = [text.format(folder=tmp_path) for text in arguments]
    command = ["segments", "--segmentation", case["segmentation"], *given, "--progress", "none"]
    assert main([*command, "--output", str(tmp_path / "out.nii.gz")]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out.nii.gz").exists()


def test_a_plan_by_segments_needs_segments(
    case: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"segment_resections": [{"resection": "right hepatectomy"}]}))
    command = [
        "review",
        "--portal",
        case["portal"],
        "--segmentation",
        case["segmentation"],
        "--plan",
        str(plan),
    ]
    assert main([*command, "--json", str(tmp_path / "n.json"), "--progress", "none"]) == 2
    assert "no segments are known: give them with --segments" in capsys.readouterr().err
