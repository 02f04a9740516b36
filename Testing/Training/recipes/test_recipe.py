"""Recipes are read strictly: what is not understood is refused, in words that help."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from LiverTumorAttentionLib.errors import InputError, ModelError
from LiverTumorAttentionLib.networks import build_network
from training.recipes.recipe import Recipe, read_recipe, recipe_from, recipe_names, to_values

BASE = """
title: a test
reproduces: [{paper: paresseg, table: "4", row: MSF + PA}]
stage:
  name: tumor
  network: paresseg
  arguments: {width: 8, fusion: pa}
  phases: [portal, arterial]
  intensity: {window_hu: [-70, 180]}
  grid: {}
  slices: {neighbours: 1, tile: [64, 64], overlap: 0.5}
sampling: {centre: liver}
augmentation: {flips: [y, x]}
loss: {kind: ce}
optimizer: {learning_rate: 0.001}
schedule: {epochs: 3}
loop: {batch: 4}
split: {kind: k-fold}
"""
CHILD = "base: base.yaml\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "base.yaml").write_text(BASE, encoding="utf-8")
    return tmp_path


def read(folder: Path, text: str, overrides: dict[str, Any] | None = None) -> Recipe:
    path = folder / "child.yaml"
    path.write_text(text, encoding="utf-8")
    return read_recipe(path, overrides)


def test_values_are_those_of_the_file(folder: Path) -> None:
    recipe = read(folder, CHILD)
    assert recipe.name == "child"
    assert recipe.stage.arguments == {"width": 8, "fusion": "pa"}
    assert recipe.stage.slices is not None
    assert recipe.sample_size == recipe.stage.slices.tile == (64, 64)
    assert recipe.reproduces[0].row == "MSF + PA"
    assert recipe.optimizer.learning_rate == 0.001


def test_a_file_wins_over_its_base_mapping_by_mapping(folder: Path) -> None:
    recipe = read(folder, CHILD + "stage:\n  arguments: {fusion: msf}\nloop: {accumulate: 2}\n")
    assert recipe.stage.arguments == {"width": 8, "fusion": "msf"}
    assert (recipe.loop.batch, recipe.loop.accumulate) == (4, 2)
    assert recipe.stage.network == "paresseg"


def test_a_rate_may_be_written_as_people_do(folder: Path) -> None:
    (folder / "child.yaml").write_text(CHILD + "optimizer: {learning_rate: 1e-4}\n", encoding="utf-8")
    assert read_recipe(folder / "child.yaml").optimizer.learning_rate == 0.0001


def test_a_list_replaces_that_of_the_base(folder: Path) -> None:
    recipe = read(folder, CHILD + "augmentation: {flips: [x]}\nreproduces: []\n")
    assert recipe.augmentation.flips == ("x",)
    assert recipe.reproduces == ()


def test_a_base_has_a_base_in_another_folder(folder: Path) -> None:
    (folder / "inner").mkdir()
    (folder / "inner/middle.yaml").write_text("base: ../base.yaml\nloop: {batch: 2}\n", encoding="utf-8")
    recipe = read(folder, "base: inner/middle.yaml\nschedule: {epochs: 7}\n")
    assert (recipe.schedule.epochs, recipe.loop.batch, recipe.sampling.centre) == (7, 2, "liver")


def test_a_base_may_be_the_name_of_a_recipe(folder: Path) -> None:
    (folder / "mine.yaml").write_text(
        "base: paresseg/table4-msf-pa\ntitle: narrow\nstage: {arguments: {width: 16}}\n", encoding="utf-8"
    )
    mine, theirs = read_recipe(folder / "mine.yaml"), read_recipe("paresseg/table4-msf-pa")
    assert (mine.name, mine.title) == ("mine", "narrow")
    assert mine.stage.arguments == {**theirs.stage.arguments, "width": 16}
    assert mine.optimizer == theirs.optimizer


def test_overrides_win_over_the_files(folder: Path) -> None:
    given = {"stage.arguments.width": 16, "loop.batch": 1, "sampling.size": [32, 48]}
    recipe = read(folder, CHILD + "loop: {batch: 2}\n", given)
    assert recipe.stage.arguments == {"width": 16, "fusion": "pa"}
    assert recipe.loop.batch == 1
    assert recipe.sample_size == (32, 48)


def test_an_override_may_open_a_section(folder: Path) -> None:
    assert read(folder, CHILD, {"evaluation.keep": "postprocessed"}).evaluation.keep == "postprocessed"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"loop.batch.size": 1}, "'loop.batch.size': 'batch' holds a value"),
        ({"loop.bach": 1}, "unknown key 'bach'; did you mean 'batch'"),
        ({"optimizer.learning_rate": "fast"}, "learning_rate: expected float"),
    ],
)
def test_overrides_are_checked_as_the_files_are(
    folder: Path, overrides: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read(folder, CHILD, overrides)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("optimiser: {learning_rate: 1.0}", "unknown key 'optimiser'; did you mean 'optimizer'"),
        ("stage: {slices: {neighbors: 1}}", "unknown key 'neighbors'; did you mean 'neighbours'"),
        ("loop: {batch: 2.5}", "batch: expected int"),
        ("loop: {batch: 0}", "loop: batch must be at least 1, got 0"),
        ("loss: {kind: dise}", "loss: kind: unknown 'dise'; did you mean 'dice'"),
        ("stage: {network: pareseg}", "got 'pareseg'; did you mean paresseg"),
        ("stage: {name: lesion}", "a stage is named"),
        ("stage: {phases: [portal]}", "takes portal, arterial; the stage gives it portal"),
        ("sampling: {size: [8, 64, 64]}", "is 2D, its samples are"),
        ("sampling: {foreground_share: 1.5}", "foreground_share must lie in"),
        ("sampling: {either_phase: true}", "either_phase is for networks of one phase"),
        ("augmentation: {scale: 1.0}", "scale must be below 1"),
        ("augmentation: {flips: [X]}", "flips: unknown 'X'"),
        ("loss: {kind: weighted_ce, class_weights: [1.0]}", "class_weights needs 2 values, got 1"),
        ("loss: {kind: boundary_enhanced}\nstage: {slices: {neighbours: 0}}", "3D BE-loss needs two classes"),
        ("split: {kind: by-fact, fact: scanner}", '"by-fact" needs fact, train_values and test_values'),
        ("split: {kind: k-folds}", "split: kind: unknown 'k-folds'; did you mean 'k-fold'"),
        ("first_weights: imagenett", "first_weights: unknown 'imagenett'; did you mean 'imagenet'"),
        ("base: [base.yaml]", "base must be the path of a file"),
        ("base: missing.yaml", "cannot read the recipe .*missing.yaml"),
        ("stage: {name: tumor", "is not valid YAML"),
        ('base: "a\\0b.yaml"', "cannot read the recipe"),
        ("- a list", "holds no settings"),
        ("", "holds no settings"),
    ],
)
def test_what_does_not_fit_is_refused(folder: Path, text: str, message: str) -> None:
    if text and text[0] not in "-" and not text.startswith("base:"):
        text = CHILD + text
    with pytest.raises(InputError, match=message):
        read(folder, text)


def test_a_loop_of_bases_is_told(folder: Path) -> None:
    (folder / "other.yaml").write_text(f"base: ../{folder.name}/child.yaml\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"its own base: child\.yaml <- other\.yaml <- child\.yaml"):
        read(folder, "base: other.yaml\n")


def test_a_missing_section_is_told(folder: Path) -> None:
    with pytest.raises(InputError, match="the key 'schedule' is missing"):
        read(folder, BASE.replace("schedule: {epochs: 3}\n", ""))


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    with pytest.raises(
        InputError, match="no recipe 'paresseg/table4-msfpa'; did you mean 'paresseg/table4-msf"
    ):
        read_recipe("paresseg/table4-msfpa")


def test_bases_are_no_recipes() -> None:
    names = recipe_names()
    assert "paresseg/table4-msf-pa" in names
    assert not [name for name in names if name.endswith("base")]


def test_a_recipe_read_by_its_path_has_its_name() -> None:
    by_name = read_recipe("paresseg/table4-msf-pa")
    path = Path(__file__).resolve().parents[3] / "training/recipes/paresseg/table4-msf-pa.yaml"
    assert read_recipe(path) == by_name


@pytest.mark.parametrize("stage", ["[1, 2]", "tumor", "7", "null"])
def test_a_stage_that_is_no_mapping(folder: Path, stage: str) -> None:
    (folder / "own.yaml").write_text(f"stage: {stage}\n")
    with pytest.raises(InputError, match="recipe 'own': stage must hold named settings, got"):
        read_recipe(folder / "own.yaml")


def test_a_tower_of_bases(folder: Path) -> None:
    for number in range(30):
        (folder / f"b{number}.yaml").write_text(f"base: b{number + 1}.yaml\n")
    with pytest.raises(InputError, match="stands on more than 20 others"):
        read_recipe(folder / "b0.yaml")


@pytest.mark.parametrize("name", ["n" * 5000 + ".yaml", "²", "n" * 5000])
def test_a_name_that_no_recipe_has(name: str) -> None:
    with pytest.raises(InputError, match=r"there is no recipe|cannot read the recipe"):
        read_recipe(name)


def test_a_recipe_has_the_present_arguments_and_a_run_from_before_them_the_earlier_ones(folder: Path) -> None:
    """What is trained anew takes the network's defaults and names them; a run's own values name none of them."""
    recipe = read_recipe("dpcnet/table2-both")
    present = {"attention_width": "level", "resampling": "transposed", "pyramid_width": 64}
    assert recipe.stage.arguments == {**present, "backbone": "unet3d"}
    values = to_values(recipe)
    assert recipe_from(values, recipe.name) == recipe
    for name in present:
        del values["stage"]["arguments"][name]
    before = recipe_from(values, recipe.name)
    earlier = {"attention_width": 1, "resampling": "learned", "pyramid_width": 64}
    assert before.stage.arguments == {"backbone": "unet3d", **earlier}
    narrow = read_recipe("darn/table3-sem-spa", {"stage.arguments.attention_width": 1})
    assert narrow.stage.arguments["attention_width"] == 1
    assert read_recipe("dpcnet/table2-baseline").stage.arguments == {}


@pytest.mark.parametrize(
    ("name", "width", "argument", "number"),
    [
        ("dpcnet/table2-pfe-both", 8, "pyramid_width", 16),
        ("darn/table3-sem-spa", 4, "pyramid_width", 8),
        ("dpcnet/table4-daf", 8, "pyramid_width", 16),
        ("sfan/clinical-sfan", 8, "aligned_width", 8),
        ("sfan/clinical-deeplabv3", 16, "aspp_width", 64),
    ],
)
def test_a_recipe_says_the_number_of_each_width_that_follows_from_its_width(
    name: str, width: int, argument: str, number: int
) -> None:
    narrow = read_recipe(name, {"stage.arguments.width": width})
    assert narrow.stage.arguments[argument] == number
    own = read_recipe(name, {"stage.arguments.width": width, f"stage.arguments.{argument}": 6})
    assert own.stage.arguments[argument] == 6
    values = to_values(narrow)
    del values["stage"]["arguments"][argument]  # a run from before it did
    assert recipe_from(values, name).stage.arguments[argument] == {"aspp_width": 256}.get(argument, 64)


def test_a_width_that_is_no_number_is_told_by_its_name() -> None:
    stage = read_recipe("sfan/clinical-sfan", {"stage.arguments.width": "wide"}).stage
    with pytest.raises(ModelError, match=r"width must be a whole number, at least 1; got 'wide'"):
        build_network(stage.network, **stage.arguments)
