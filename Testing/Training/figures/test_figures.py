"""Figures of runs and scores: what stands in them is known."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from PIL import Image

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.networks import build_network
from Testing.Training.abdomen import make_abdomen
from Testing.Training.commands.test_train import RECIPE, write_recipe
from Testing.Training.data.preparation.data_set import write_source
from training.cli import main
from training.figures.features import block_features
from training.figures.lesion_sizes import detected_shares
from training.figures.surface_distance import FARTHEST_MM, colors_of, render_surface_distance
from training.figures.worst_cases import worst_rows
from training.runs.run_folder import Run
from training.tables.scores import Scores

SPACING = (1.0, 1.25, 2.5)
"""x, y, z."""


def ball(radius_mm: float, center_mm: tuple[float, float, float] = (40.0, 40.0, 40.0)) -> sitk.Image:
    z, y, x = np.indices((32, 64, 80)).astype(float)
    mm = (x * SPACING[0] - center_mm[0], y * SPACING[1] - center_mm[1], z * SPACING[2] - center_mm[2])
    image = sitk.GetImageFromArray((sum(part**2 for part in mm) <= radius_mm**2).astype(np.uint8))
    image.SetSpacing(SPACING)
    return image


def shown(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("RGB")).astype(float)


def hue(pixels: np.ndarray) -> np.ndarray:
    """Colors without their shade."""
    return pixels / pixels.max(axis=-1, keepdims=True)


@pytest.mark.parametrize("apart_mm", [5.0, 8.4])
def test_a_larger_ball_has_the_color_of_what_it_is_larger_by(apart_mm: float) -> None:
    picture = shown(render_surface_distance(ball(14.0 + apart_mm), ball(14.0), (1,), "balls"))
    first = picture[8 : 8 + 2 * int(14 + apart_mm), 8 : 8 + 2 * int(14 + apart_mm)]
    lit = first[first.max(axis=-1) > 100]
    assert len(lit) > 300
    near, far = (hue(colors_of(np.array([apart_mm + off])))[0] for off in (-1.2, 1.2))
    low, high = np.minimum(near, far) - 0.02, np.maximum(near, far) + 0.02
    inside = ((hue(lit) >= low) & (hue(lit) <= high)).all(axis=1)
    assert inside.mean() > 0.95


def test_colors_run_from_blue_to_red() -> None:
    blue, red, beyond = colors_of(np.array([0.0, FARTHEST_MM, 3 * FARTHEST_MM]))
    assert blue[2] > blue[0]
    assert red[0] > red[2]
    assert np.array_equal(red, beyond)


def test_views_show_the_side_that_they_are_named_after() -> None:
    """A bump to the patient's left, front and head: seen from the front it is at the right and on top."""
    array = sitk.GetArrayFromImage(ball(16.0))
    array[24:30, 18:22, 56:62] = 1
    found = sitk.GetImageFromArray(array)
    found.SetSpacing(SPACING)
    picture = shown(render_surface_distance(found, ball(16.0), (1,), "bump"))
    red = (picture[..., 0] > 120) & (picture[..., 1] < 90) & (picture[..., 2] < 90)
    rows, columns = np.nonzero(red[:60])
    front = columns < 70
    assert front.any()
    assert rows[front].mean() < 25
    assert columns[front].mean() > 40


def test_nothing_found_is_told() -> None:
    with pytest.raises(InputError, match=r"the found label map holds nothing of the labels \[2\]"):
        render_surface_distance(ball(10.0), ball(10.0), (2,), "x")


def test_shares_of_detected_lesions_by_diameter() -> None:
    rows = [
        {"diameter_mm": str(mm), "detected": found, "case": "a"}
        for mm, found in [(4, "no"), (9.9, "yes"), (10, "yes"), (12, "yes"), (19, "no"), (60, "yes")]
    ]
    assert detected_shares(rows) == [(0.0, 10.0, 0.5, 2), (10.0, 20.0, pytest.approx(2 / 3), 3)]


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run and its scores and label maps."""
    folder = tmp_path_factory.mktemp("figures")
    for seed, name in enumerate("abcd"):
        write_source(folder / "data", name, *make_abdomen(seed))
    recipe = ["--recipe", str(write_recipe(folder / "recipe.yaml", RECIPE))]
    data = ["--layout", "plain", "--data", str(folder / "data"), "--processes", "1"]
    assert main(["prepare", *data, *recipe, "--output", str(folder / "prepared")]) == 0
    run = str(folder / "run")
    assert main(["train", *recipe, "--prepared", str(folder / "prepared"), "--output", run]) == 0
    scores = ["--output", str(folder / "scores.csv"), "--save-labels", str(folder / "labels")]
    assert main(["evaluate", "--run", run, *scores]) == 0
    return folder


def test_the_command_draws_all_of_them(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [str(work / "scores.csv"), "--run", str(work / "run"), "--labels", str(work / "labels")]
    assert main(["figures", *given, "--worst", "1", "--output", str(tmp_path / "new" / "figures")]) == 0
    (case,) = Run.read(work / "run").test
    names = {path.name for path in (tmp_path / "new" / "figures").iterdir()}
    wanted = {"learning-curves.png", "lesion-sizes.png", f"run-{case}-planes.png"}
    assert wanted <= names <= {*wanted, f"run-{case}-surface.png"}
    for name in names:
        assert shown(Image.open(tmp_path / "new" / "figures" / name)).std() > 5
    assert "learning-curves.png" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "there is nothing to draw: give SCORES.csv, --run, or both"),
        (["{work}/scores.csv", "--labels", "{work}/labels"], "give SCORES.csv and --run beside --labels"),
        (["--run", "{work}/run", "--worst", "0"], "--worst must be at least 1, got 0"),
        (
            ["{work}/scores.csv", "--run", "{work}/run", "--labels", "{work}/data"],
            "is missing: run evaluate with --save-labels",
        ),
    ],
)
def test_what_cannot_be_drawn_is_told(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    given = [word.format(work=work) for word in words]
    assert main(["figures", *given, "--output", str(tmp_path / "figures")]) == 2
    assert message in capsys.readouterr().err


def test_the_worst_cases_come_first_and_those_without_tumor_do_not(work: Path, tmp_path: Path) -> None:
    with (work / "scores.csv").open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    made = [
        ("p", "0.7", ""),
        ("q", "0.2", "prediction"),
        ("r", "0.5", ""),
        ("s", "0", "truth"),
        ("t", "1", "both"),
    ]
    rows = [{**row, "case": case, "tumor_dice": dice, "tumor_empty": empty} for case, dice, empty in made]
    scores = Scores(cases=rows, lesions=[], slices=[])
    assert [each["case"] for each in worst_rows(scores, Run.read(work / "run"), 2)] == ["q", "r"]
    with pytest.raises(InputError, match="the scores hold no case with tumor of the run"):
        worst_rows(Scores(cases=rows[3:], lesions=[], slices=[]), Run.read(work / "run"), 2)


def test_features_before_and_after_are_those_of_the_blocks() -> None:
    """While alpha and beta are 0, a context block doubles what it is given."""
    network = build_network("context", width=8, blocks=(1, 1, 1, 1)).eval()
    maps = block_features(network, [torch.rand(1, 3, 64, 96)])
    assert [name for name, _, _ in maps] == ["skips.0", "skips.1", "skips.2"]
    for level, (_, before, after) in enumerate(maps):
        assert before.shape == (16 // 2**level, 24 // 2**level)
        np.testing.assert_allclose(after, 2 * before, rtol=1e-5)
    assert not block_features(build_network("unet", width=4).eval(), [torch.rand(1, 1, 32, 32)])


def test_features_of_a_run_are_drawn(tmp_path: Path, work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = tmp_path / "recipe.yaml"
    changed = replace(RECIPE.stage, network="dpcnet", arguments={"width": 2, "levels": 3, "pyramid_width": 2})
    write_recipe(recipe, replace(RECIPE, stage=changed))
    run = str(tmp_path / "run")
    trained = ["train", "--recipe", str(recipe), "--prepared", str(work / "prepared"), "--epochs", "1"]
    assert main([*trained, "--output", run]) == 0
    assert main(["figures", "--run", run, "--features", "--output", str(tmp_path / "figures")]) == 0
    assert shown(Image.open(tmp_path / "figures" / "run-features.png")).std() > 5
    plain = ["figures", "--run", str(work / "run"), "--features", "--output", str(tmp_path / "plain")]
    assert main(plain) == 2
    assert "has no attention blocks to show features of" in capsys.readouterr().err
