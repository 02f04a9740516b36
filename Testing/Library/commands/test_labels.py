"""--label of every command that reads a segmentation: what a segment is, where its name does not say it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.cli import main
from LiverTumorAttentionLib.io import read_instances
from Testing.Library.report.cases import write_case

Command = Callable[[Path, dict[str, str], str], list[str]]


def named(paths: dict[str, str], folder: Path) -> str:
    """Return the case's segmentation with its two tumors called Zone A and Zone B, without codes."""
    raw = Path(paths["segmentation"]).read_bytes()
    for number, name in ((1, b"Zone A"), (2, b"Zone B")):
        raw = raw.replace(
            b"Segment%d_Name:=Tumor %d\n" % (number, number), b"Segment%d_Name:=%b\n" % (number, name)
        )
        start = raw.index(b"Segment%d_Tags:=" % number)
        raw = raw[:start] + raw[raw.index(b"\n", start) + 1 :]
    path = folder / "named.seg.nrrd"
    path.write_bytes(raw)
    return str(path)


def review(folder: Path, paths: dict[str, str], segmentation: str) -> list[str]:
    out = str(folder / "numbers.json")
    return ["review", "--portal", paths["portal"], "--segmentation", segmentation, "--output", f"{out}.html",
            "--json", out, "--progress", "none"]  # fmt: skip


def refine(folder: Path, paths: dict[str, str], segmentation: str) -> list[str]:
    (folder / "prompts.json").write_text(json.dumps({"accept": [{"lesion": 1}]}))
    return ["refine", "--portal", paths["portal"], "--segmentation", segmentation, "--prompts",
            str(folder / "prompts.json"), "--output", str(folder / "out.seg.nrrd"), "--progress", "none"]  # fmt: skip


def export(folder: Path, paths: dict[str, str], segmentation: str) -> list[str]:
    return ["export-training", "--portal", paths["portal"], "--segmentation", segmentation, "--name", "one",
            "--output", str(folder / "cases"), "--progress", "none"]  # fmt: skip


def evaluate(folder: Path, paths: dict[str, str], segmentation: str) -> list[str]:
    return ["evaluate", "--prediction", segmentation, "--truth", paths["segmentation"], "--json"]


def tumors_of(command: Command, folder: Path, out: str) -> int:
    """Return how many tumors the command saw."""
    if command is review:
        return int(json.loads((folder / "numbers.json").read_text())["case"]["tumor_count"])
    if command is refine:
        return int(sitk.GetArrayFromImage(read_instances(folder / "out.seg.nrrd")).max()) - 1
    if command is export:
        labels = sitk.ReadImage(str(folder / "cases" / "one" / "labels.nii.gz"))
        return int(sitk.GetArrayFromImage(sitk.ConnectedComponent(labels == 2)).max())
    return round(2 * json.loads(out)["lesions"]["recall_any_overlap"])


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return write_case(tmp_path_factory.mktemp("case"))


@pytest.mark.parametrize("command", [review, refine, export, evaluate])
def test_it_settles_what_names_do_not_say(
    command: Command, paths: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = command(tmp_path, paths, named(paths, tmp_path))
    assert main([*words, "--label", "zone a=tumor", "--label", "Zone B=ignore"]) == 0
    printed = capsys.readouterr()
    assert tumors_of(command, tmp_path, printed.out) == 1
    assert "left out" not in printed.err


@pytest.mark.parametrize("command", [review, refine, export, evaluate])
def test_a_name_that_no_segment_has_is_refused(
    command: Command, paths: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = command(tmp_path, paths, named(paths, tmp_path))
    assert main([*words, "--label", "Zone C=tumor"]) == 2
    assert "no segment or value is called 'Zone C'" in capsys.readouterr().err
    assert main([*words, "--label", "Zone A=cyst"]) == 2
    assert "the label 'Zone A=cyst' cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("command", [review, export, evaluate])
def test_without_it_what_is_left_out_is_said(
    command: Command, paths: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(tmp_path, paths, named(paths, tmp_path))) == 0
    error = capsys.readouterr().err
    assert "2 segments of the segmentation left out: “Zone A”" in error
    assert "“Zone B” (neither liver nor tumor by code or name)" in error


def test_values_that_evaluate_does_not_score_are_said(paths: dict[str, str], tmp_path: Path, capsys) -> None:
    mask = sitk.Cast(read_instances(paths["segmentation"]) > 0, sitk.sitkUInt8) * 255
    sitk.WriteImage(mask, str(tmp_path / "mask.nii.gz"))
    command = ["evaluate", "--prediction", paths["segmentation"], "--truth", str(tmp_path / "mask.nii.gz")]
    assert main(command) == 0
    assert (
        "the value 255 of the truth is not scored; say what a value is with --label"
        in capsys.readouterr().err
    )
    assert main([*command, "--label", "255=liver"]) == 0
    assert "not scored" not in capsys.readouterr().err
    assert main([*command, "--label", "organ=1+2"]) == 0
    assert "not scored" not in capsys.readouterr().err


@pytest.mark.parametrize("command", [review, refine, export])
def test_a_mask_without_a_liver_is_not_taken_for_a_tumor(
    command: Command, paths: dict[str, str], tmp_path: Path, capsys
) -> None:
    mask = sitk.Cast(read_instances(paths["segmentation"]) > 0, sitk.sitkUInt8) * 255
    sitk.WriteImage(mask, str(tmp_path / "mask.nii.gz"))
    words = command(tmp_path, paths, str(tmp_path / "mask.nii.gz"))
    assert main(words) == 2
    assert "has no liver (value 1 of a label map, or a segment named so)" in capsys.readouterr().err
    assert not (tmp_path / "cases" / "one").exists()
    if command is export:
        assert main([*words, "--label", "255=liver"]) == 0
