"""`refine` and `export-training` from file to file, and every way in which they cannot."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import safetensors.torch
import SimpleITK as sitk
import torch

from LiverTumorAttentionLib.cli import main
from LiverTumorAttentionLib.correction import HEADER_KEY, CorrectionCase, CorrectionLog, replay
from LiverTumorAttentionLib.io import read_instances, write_image, write_segmentation
from LiverTumorAttentionLib.io.nrrd_header import read_nrrd_header
from LiverTumorAttentionLib.networks import build_network
from Testing.Library.correction.made_case import SHAPE, Ball, ball, dice, image, made_case, oblique

BALLS = (
    Ball(center=(12, 20, 20), radius_mm=9.0, number=1),
    Ball(center=(24, 36, 40), radius_mm=8.0, portal=0.0, arterial=45.0, number=3),
    Ball(center=(28, 18, 44), radius_mm=6.0, portal=-60.0),
)
"""Lesions 1 and 3; 2 was removed before, and a third ball is missed."""


@pytest.fixture(scope="module")
def case() -> CorrectionCase:
    return made_case(BALLS, direction=oblique())


@pytest.fixture(scope="module")
def files(case: CorrectionCase, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("case")
    write_image(folder / "portal.nii.gz", case.portal)
    write_image(folder / "arterial.nii.gz", case.arterial)
    write_image(folder / "probability.nii.gz", case.probability)
    write_segmentation(folder / "segmentation.seg.nrrd", case.instances)
    write_segmentation(folder / "labels.nii.gz", case.instances)
    return folder


def write_prompts(folder: Path, **prompts: object) -> Path:
    path = folder / "prompts.json"
    path.write_text(json.dumps(prompts))
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, list[str]]:
    code = main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return code, printed.out, printed.err.splitlines()


def refine(capsys: pytest.CaptureFixture[str], files: Path, *options: object) -> tuple[int, str, list[str]]:
    """Run refine with both phases and the probability."""
    given = ["--portal", files / "portal.nii.gz", "--arterial", files / "arterial.nii.gz"]
    given += [
        "--segmentation",
        files / "segmentation.seg.nrrd",
        "--probability",
        files / "probability.nii.gz",
    ]
    return run(capsys, "refine", *given, "--progress", "none", *options)


def test_from_file_to_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, files: Path, case: CorrectionCase
) -> None:
    """A missed lesion added, another accepted; the result keeps numbers, and its log gives it again."""
    prompts = write_prompts(tmp_path, units="voxel", add=[[44, 18, 28]], accept=[{"lesion": 3}])
    result, log = tmp_path / "result.seg.nrrd", tmp_path / "log.json"
    code, out, err = refine(
        capsys, files, "--prompts", prompts, "--output", result, "--log", log, "--model", "made"
    )
    assert (code, err) == (0, [])
    assert out.splitlines() == ["prompt add 1: lesion 4", "prompt accept 1: lesion 3"]
    found = sitk.GetArrayFromImage(read_instances(result, keep_numbers=True))
    assert set(np.unique(found)) == {0, 1, 2, 4, 5}
    np.testing.assert_array_equal(np.where(found == 5, 1, found), case.start)
    assert dice(found == 5, ball((28, 18, 44), 6.0)) > 0.85
    assert read_nrrd_header(result).pairs[HEADER_KEY] == log.read_text().strip()
    kept = CorrectionLog.from_text(log.read_text())
    assert (kept.model, kept.entries[0].action.point) == ("made", pytest.approx(case.point_at((28, 18, 44))))
    start = read_instances(files / "segmentation.seg.nrrd", keep_numbers=True)
    read = {
        name: sitk.ReadImage(str(files / f"{name}.nii.gz")) for name in ("portal", "arterial", "probability")
    }
    again = replay(CorrectionCase(instances=start, **read), kept)
    np.testing.assert_array_equal(again.labels, found)


def test_a_log_as_prompts_gives_the_same_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, files: Path
) -> None:
    prompts = write_prompts(tmp_path, units="voxel", add=[[44, 18, 28]], exclude=[[24, 20, 12]])
    first, second, log = (tmp_path / name for name in ("a.nrrd", "b.nrrd", "log.json"))
    assert refine(capsys, files, "--prompts", prompts, "--output", first, "--log", log)[0] == 0
    assert refine(capsys, files, "--prompts", log, "--output", second)[0] == 0
    assert first.read_bytes() == second.read_bytes()


def test_going_on_keeps_what_was_accepted(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, files: Path
) -> None:
    first, log = tmp_path / "a.seg.nrrd", tmp_path / "log.json"
    prompts = write_prompts(tmp_path, accept=[{"lesion": 3}], reject=[{"lesion": 1}])
    assert refine(capsys, files, "--prompts", prompts, "--output", first, "--log", log)[0] == 0
    prompts = write_prompts(tmp_path, grow=[{"lesion": 3, "distance_mm": 2}])
    code, _, err = run(
        capsys, "refine", "--portal", files / "portal.nii.gz", "--segmentation", first, "--history", log,
        "--prompts", prompts, "--output", tmp_path / "b.seg.nrrd", "--progress", "none",
    )  # fmt: skip
    assert code == 2
    assert err == ["error: prompt grow 1: lesion 3 is accepted: make it a draft again to change it"]
    assert not (tmp_path / "b.seg.nrrd").exists()


def test_a_label_map_is_taken_apart(capsys: pytest.CaptureFixture[str], tmp_path: Path, files: Path) -> None:
    """Of a map of 0, 1, 2 the larger ball is lesion 1; it is removed, the other one stays."""
    prompts = write_prompts(tmp_path, remove=[{"lesion": 1}])
    code, _, _ = run(
        capsys, "refine", "--portal", files / "portal.nii.gz", "--segmentation", files / "labels.nii.gz",
        "--prompts", prompts, "--output", tmp_path / "b.nii.gz", "--progress", "none",
    )  # fmt: skip
    assert code == 0
    found = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "b.nii.gz")))
    np.testing.assert_array_equal(found == 2, ball((24, 36, 40), 8.0))


def test_an_arterial_volume_on_another_grid_is_taken_as_it_lies(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, files: Path, case: CorrectionCase
) -> None:
    """Cut to fewer slices from the sixth on: by its position, the bright ball is where it was."""
    write_image(tmp_path / "cut.nii.gz", case.arterial[2:, 3:, 5:38])
    prompts = write_prompts(tmp_path, remove=[{"lesion": 3}], add=[list(case.point_at((24, 36, 40)))])
    code, _, err = run(
        capsys, "refine", "--portal", files / "portal.nii.gz", "--arterial", tmp_path / "cut.nii.gz",
        "--segmentation", files / "segmentation.seg.nrrd", "--prompts", prompts,
        "--output", tmp_path / "b.seg.nrrd", "--progress", "none",
    )  # fmt: skip
    assert code == 0
    assert len(err) == 1
    assert "without registration (--register registers it)" in err[0]
    found = sitk.GetArrayFromImage(read_instances(tmp_path / "b.seg.nrrd", keep_numbers=True))
    assert dice(found == 5, ball((24, 36, 40), 8.0)) > 0.9


def test_an_arterial_volume_can_be_registered(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, files: Path, case: CorrectionCase
) -> None:
    """The verdict is said, whichever it is for a block without anatomy; the work is done all the same."""
    write_image(tmp_path / "cut.nii.gz", case.arterial[2:, 3:, 5:38])
    prompts = write_prompts(tmp_path, grow=[{"lesion": 3, "distance_mm": 2}])
    code, _, err = run(
        capsys, "refine", "--portal", files / "portal.nii.gz", "--arterial", tmp_path / "cut.nii.gz", "--register",
        "--segmentation", files / "segmentation.seg.nrrd", "--prompts", prompts,
        "--output", tmp_path / "b.seg.nrrd", "--progress", "none",
    )  # fmt: skip
    assert code == 0
    assert all("arterial phase was" in line for line in err)
    assert "without registration" not in " ".join(err)


def test_an_arterial_volume_on_the_portal_grid_is_registered_too(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    files: Path,
    case: CorrectionCase,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Breathing moves the liver within one grid: the bright ball, 10 mm off, is where registration brings it."""
    moved = np.roll(sitk.GetArrayFromImage(case.arterial), 8, axis=2)
    write_image(tmp_path / "moved.nii.gz", image(moved, direction=oblique()))
    asked: list[np.ndarray] = []

    def registered(portal: sitk.Image, arterial: sitk.Image, **_: object) -> SimpleNamespace:
        asked.append(sitk.GetArrayFromImage(arterial))
        verdict = SimpleNamespace(grade="good", reason="")
        return SimpleNamespace(registered=case.arterial, verdict=verdict)

    monkeypatch.setattr("LiverTumorAttentionLib.pipeline.refine.register_phases", registered)
    prompts = write_prompts(tmp_path, remove=[{"lesion": 3}], add=[list(case.point_at((24, 36, 40)))])
    code, _, _ = run(
        capsys, "refine", "--portal", files / "portal.nii.gz", "--arterial", tmp_path / "moved.nii.gz", "--register",
        "--segmentation", files / "segmentation.seg.nrrd", "--prompts", prompts,
        "--output", tmp_path / "b.seg.nrrd", "--progress", "none",
    )  # fmt: skip
    assert code == 0
    np.testing.assert_array_equal(asked, [moved])
    found = sitk.GetArrayFromImage(read_instances(tmp_path / "b.seg.nrrd", keep_numbers=True))
    assert dice(found == 5, ball((24, 36, 40), 8.0)) > 0.9


def click_model(folder: Path) -> Path:
    """Write a model that answers clicks, with drawn weights."""
    network = build_network("click_unet", width=2, generator=torch.Generator().manual_seed(1))
    content = safetensors.torch.save(network.state_dict())
    folder.mkdir()
    (folder / "clicks.safetensors").write_bytes(content)
    values = {
        "kind": "interaction", "format": 1, "id": "drawn", "title": "drawn weights", "version": "1",
        "licence": "CC0-1.0", "statement": "not for clinical use", "intended_use": "a test",
        "network": "click_unet", "arguments": {"width": 2}, "weights": "clicks.safetensors",
        "sha256": hashlib.sha256(content).hexdigest(),
    }  # fmt: skip
    (folder / "model.json").write_text(json.dumps(values))
    return folder


def test_clicks_are_answered_by_the_network_of_a_model_and_the_log_names_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, files: Path, case: CorrectionCase
) -> None:
    model = click_model(tmp_path / "model")
    prompts = write_prompts(
        tmp_path, add=[list(case.point_at((28, 18, 44)))], grow=[{"lesion": 3, "distance_mm": 2}]
    )
    code, _, _ = refine(
        capsys, files, "--prompts", prompts, "--click-model", model,
        "--output", tmp_path / "b.seg.nrrd", "--log", tmp_path / "log.json",
    )  # fmt: skip
    assert code == 0
    actions = json.loads((tmp_path / "log.json").read_text())["actions"]
    sha256 = json.loads((model / "model.json").read_text())["sha256"]
    by_tool = {action["tool"]: action.get("answered_by") for action in actions}
    assert by_tool == {"add": f"drawn sha256:{sha256}", "grow": None}


def test_what_is_no_model_that_answers_clicks_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, files: Path, case: CorrectionCase
) -> None:
    prompts = write_prompts(tmp_path, add=[list(case.point_at((28, 18, 44)))])
    code, _, err = refine(
        capsys, files, "--prompts", prompts, "--click-model", tmp_path, "--output", tmp_path / "b.seg.nrrd"
    )
    assert code == 2
    assert "model.json" in err[0]
    assert not (tmp_path / "b.seg.nrrd").exists()


def bad_grid(folder: Path) -> list[object]:
    other = image(np.ones((5, 6, 7), np.uint8))
    other.SetSpacing([1.3 * step for step in other.GetSpacing()])
    write_image(folder / "other.nii.gz", other)
    return ["--segmentation", folder / "other.nii.gz"]


def bad_probability(folder: Path) -> list[object]:
    write_image(folder / "other.nii.gz", image(np.ones((5, 6, 7), np.float32)))
    return ["--probability", folder / "other.nii.gz"]


@pytest.mark.parametrize(
    ("options", "prompts", "message"),
    [
        (
            lambda f: [],
            {"add": [[0, 0, 9999]]},
            "prompt add 1: the point (0.0, 0.0, 9999.0) mm lies outside of",
        ),
        (
            lambda f: [],
            {"units": "voxel", "add": [[30, 1, 20]]},
            "lies outside of the liver, by more than 5 mm",
        ),
        (
            lambda f: [],
            {"remove": [{"lesion": 9}]},
            "prompt remove 1: there is no lesion 9: the lesions are 1, 3",
        ),
        (lambda f: [], {"addd": [[0, 0, 0]]}, "unknown key 'addd'; did you mean 'add'"),
        (lambda f: ["--prompts", f / "none.json"], {}, "the prompts '"),
        (
            bad_grid,
            {"remove": [{"lesion": 1}]},
            "the voxels of the segmentation do not lie on those of the portal volume",
        ),
        (bad_probability, {"remove": [{"lesion": 1}]}, "and the probability do not lie on the same grid"),
        (lambda f: ["--segmentation", f / "none.seg.nrrd"], {"remove": [[0, 0, 0]]}, "does not exist"),
        (
            lambda f: ["--output", f / "no" / "x.nii.gz"],
            {"remove": [[0, 0, 0]]},
            "does not exist: create it first",
        ),
        (lambda f: ["--output", f / "x.png"], {"remove": [[0, 0, 0]]}, "ends in '.png'"),
        (
            lambda f: ["--log", f / "out" / "o.seg.nrrd"],
            {"remove": [[0, 0, 0]]},
            "two results would be written to",
        ),
        (lambda f: ["--log", f / "x.txt"], {"remove": [[0, 0, 0]]}, "ends in '.txt'"),
        (
            lambda f: ["--history", f / "prompts.json"],
            {"remove": [[0, 0, 0]]},
            "this is no log of corrections",
        ),
    ],
)
def test_what_cannot_be_done_is_one_line_and_no_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, files: Path, options, prompts: dict, message: str
) -> None:
    (tmp_path / "out").mkdir()
    path = write_prompts(tmp_path, **prompts)
    given = [
        "--prompts",
        path,
        "--output",
        tmp_path / "out" / "o.seg.nrrd",
        "--log",
        tmp_path / "out" / "l.json",
    ]
    code, _, err = refine(capsys, files, *given, *options(tmp_path))
    assert code == 2
    assert len(err) == 1, err
    assert message in err[0]
    assert list((tmp_path / "out").iterdir()) == []


def test_a_threshold_without_probability_says_so(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, files: Path
) -> None:
    prompts = write_prompts(tmp_path, threshold=[{"lesion": 1, "probability": 0.7}])
    code, _, err = run(
        capsys, "refine", "--portal", files / "portal.nii.gz", "--segmentation", files / "segmentation.seg.nrrd",
        "--prompts", prompts, "--output", tmp_path / "b.seg.nrrd", "--progress", "none",
    )  # fmt: skip
    assert code == 2
    assert "prompt threshold 1: the result kept no probability" in err[0]


def test_a_register_without_arterial_says_so(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, files: Path
) -> None:
    code, _, err = run(
        capsys, "refine", "--portal", files / "portal.nii.gz", "--segmentation", files / "segmentation.seg.nrrd",
        "--register", "--prompts", tmp_path / "p.json", "--output", tmp_path / "b.seg.nrrd", "--progress", "none",
    )  # fmt: skip
    assert (code, err) == (
        2,
        ["error: there is no arterial volume to register: give one, or leave out --register"],
    )


def test_a_corrected_case_is_exported_for_training(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, files: Path
) -> None:
    prompts = write_prompts(tmp_path, accept=[{"lesion": 3}])
    result, log = tmp_path / "result.seg.nrrd", tmp_path / "log.json"
    assert refine(capsys, files, "--prompts", prompts, "--output", result, "--log", log)[0] == 0
    code, out, err = run(
        capsys, "export-training", "--portal", files / "portal.nii.gz", "--arterial", files / "arterial.nii.gz",
        "--segmentation", result, "--log", log, "--name", "case-1", "--patient", "P1",
        "--output", tmp_path / "cases", "--progress", "none",
    )  # fmt: skip
    assert (code, err) == (0, [])
    assert "case-1: written" in out
    facts = json.loads((tmp_path / "cases" / "case-1" / "case.json").read_text())
    assert (facts["patient"], facts["lesions_accepted"], facts["lesions_draft"]) == ("P1", 1, 1)
    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "cases" / "case-1" / "labels.nii.gz")))
    assert labels.shape == SHAPE
    assert labels.max() == 2
