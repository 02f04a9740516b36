"""Every recipe file: where its values come from, what it trains, and that it can be trained."""

from __future__ import annotations

import inspect
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from LiverTumorAttentionLib.config_parsing import from_mapping
from LiverTumorAttentionLib.correction.click_network.channels import CHANNELS
from LiverTumorAttentionLib.models.papers import paper_model, paper_names
from LiverTumorAttentionLib.models.stage_description import StageDescription
from LiverTumorAttentionLib.networks import build_network, network_entry
from Testing.Library.networks.cases import CASES
from training.loop.optimization import Optimization
from training.losses import build_loss
from training.recipes.index import README, with_tables
from training.recipes.recipe import RECIPES_FOLDER, Recipe, read_recipe, recipe_names, to_values
from training.tables.published import PublishedRow, published_papers, read_published

FILES = sorted(RECIPES_FOLDER.rglob("*.yaml"))
NAMES = recipe_names()
OF_PAPERS = [name for name in NAMES if not name.startswith("bundled/")]
"""The others train the bundled model, see `test_bundled`."""
RECIPES = {name: read_recipe(name) for name in NAMES}
LEGEND = ("base", "title", "source", "reproduces")
"""What tells of a file and decides nothing of a training; these need no comment."""
SHAPE = ("in_channels", "classes", "backbone")
"""Arguments of the small networks of CASES that a recipe decides by itself."""

every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(RECIPES_FOLDER)))
every_recipe = pytest.mark.parametrize("name", NAMES)
every_recipe_of_a_paper = pytest.mark.parametrize("name", OF_PAPERS)


def values_of(node: yaml.Node) -> Iterator[yaml.Node]:
    """Every value that stands in a file: scalars, and what is written on one line in brackets or braces."""
    if isinstance(node, yaml.MappingNode) and not node.flow_style:
        for _, value in node.value:
            yield from values_of(value)
    elif isinstance(node, yaml.SequenceNode) and not node.flow_style:
        for value in node.value:
            yield from values_of(value)
    else:
        yield node


def unmarked(text: str) -> list[str]:
    """Return the lines of a file that hold a value and no word about where it comes from."""
    lines = text.splitlines()
    settings = [value for key, value in yaml.compose(text).value if key.value not in LEGEND]
    ends = [node.end_mark for setting in settings for node in values_of(setting)]
    return [
        lines[end.line]
        for end in ends
        if not re.match(r" *  # (paper|ours): \S.{3,}", lines[end.line][end.column :])
    ]


def repeated_keys(node: yaml.Node) -> list[str]:
    """Return the keys that stand twice in one mapping, of which YAML would silently take the last."""
    if isinstance(node, yaml.SequenceNode):
        return [key for value in node.value for key in repeated_keys(value)]
    if not isinstance(node, yaml.MappingNode):
        return []
    counts = Counter(key.value for key, _ in node.value)
    inner = [key for _, value in node.value for key in repeated_keys(value)]
    return [key for key, count in counts.items() if count > 1] + inner


@every_file
def test_every_value_says_where_it_comes_from(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert unmarked(text) == []
    assert repeated_keys(yaml.compose(text)) == []


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("loop:\n  batch: 2  # paper: section 1\n", []),
        ("title: x\nreproduces:\n  - {row: a}\nbase: b.yaml\nsource: y\n", []),
        ("loop:\n  batch: 2\n", ["  batch: 2"]),
        ("loop:\n  batch: 2  # as usual\n", ["  batch: 2  # as usual"]),
        ("loop:\n  batch: 2  # ours:\n", ["  batch: 2  # ours:"]),
        ("flips: [y, x]  # ours: why not\n", []),
        ("flips: [y, x]\n", ["flips: [y, x]"]),
        ("flips:\n  - y  # ours: why not\n  - x\n", ["  - x"]),
        ("a: '2  # paper: section 1'\n", ["a: '2  # paper: section 1'"]),
    ],
)
def test_the_check_of_comments_sees_what_is_missing(text: str, lines: list[str]) -> None:
    assert unmarked(text) == lines


def test_the_check_of_keys_sees_a_repeated_one() -> None:
    assert repeated_keys(yaml.compose("loop: {batch: 1, batch: 2}")) == ["batch"]


@every_recipe_of_a_paper
def test_a_recipe_belongs_to_the_paper_of_its_folder(name: str) -> None:
    recipe = RECIPES[name]
    paper = name.split("/")[0]
    assert {row.paper for row in recipe.reproduces} <= {paper}
    assert recipe.title
    assert recipe.reproduces or name.endswith("/liver") or "/release-" in name


# ----------------------------------------------------------------- rows of tables


@cache
def trained_rows() -> dict[tuple[str, str, str], PublishedRow]:
    """Every row that its authors trained, by (paper, table, row)."""
    return {
        (paper, number, row.row): row
        for paper in published_papers()
        for number, table in read_published(paper).tables.items()
        for row in table.rows
        if row.recipe is not None
    }


def test_every_trained_row_has_a_recipe_and_every_recipe_its_rows() -> None:
    published = {place: row.recipe for place, row in trained_rows().items()}
    reproduced = {
        (row.paper, row.table, row.row): name for name, recipe in RECIPES.items() for row in recipe.reproduces
    }
    assert reproduced == published
    assert len(reproduced) == sum(len(recipe.reproduces) for recipe in RECIPES.values())


def decisive(recipe: Recipe) -> str:
    """Return all that decides a training, with the network's default arguments written out."""
    values = to_values(recipe)
    for word in ("name", "title", "source", "reproduces", "evaluation"):
        del values[word]
    parameters = inspect.signature(network_entry(recipe.stage.network).build).parameters
    defaults = {key: parameter.default for key, parameter in parameters.items()}
    values["stage"]["arguments"] = {**defaults, **recipe.stage.arguments}
    return json.dumps(values, sort_keys=True)


def test_no_two_recipes_are_the_same_training() -> None:
    trainings: dict[str, list[str]] = {}
    for name, recipe in RECIPES.items():
        trainings.setdefault(decisive(recipe), []).append(name)
    assert [names for names in trainings.values() if len(names) > 1] == []


UNET_PYRAMID = ("dpcnet", {"backbone": "unet3d"})
WHAT_A_ROW_TRAINS: dict[tuple[str, str, str], tuple[str, dict[str, Any]]] = {
    ("dpcnet", "1", "+ SemCor, max"): (
        "dpcnet",
        {"backbone": "unet3d", "spacor": False, "semantic_pooling": "max"},
    ),
    ("dpcnet", "1", "+ SpaCor, mean"): ("dpcnet", {"backbone": "unet3d", "spatial_pooling": "mean"}),
    ("dpcnet", "2", "Baseline"): ("unet3d", {}),
    ("dpcnet", "2", "SpaCor"): ("dpcnet", {"backbone": "unet3d", "semcor": False}),
    ("dpcnet", "2", "SemCor"): ("dpcnet", {"backbone": "unet3d", "spacor": False}),
    ("dpcnet", "2", "SpaCor + SemCor"): UNET_PYRAMID,
    ("dpcnet", "2", "PFE"): ("unet3d", {"down": "stride"}),
    ("dpcnet", "2", "PFE + SpaCor + SemCor"): ("dpcnet", {}),
    ("dpcnet", "3", "CE"): UNET_PYRAMID,
    ("dpcnet", "3", "Dice"): UNET_PYRAMID,
    ("dpcnet", "4", "AG"): ("ag", {}),
    ("dpcnet", "4", "DPC-Net (SemCor-first)"): ("dpcnet", {"backbone": "unet3d", "order": "sem_first"}),
    ("dpcnet", "5", "DPC-Net"): ("dpcnet", {}),
    ("darn", "III", "DARN (Sem + Spa)"): ("darn", {"order": "sem_first"}),
    ("darn", "III", "DARN (Spa + Sem)"): ("darn", {"order": "spa_first"}),
    ("paresseg", "4", "Single"): ("resseg", {}),
    ("paresseg", "4", "Single + Intra-PA"): ("resseg_intra", {}),
    ("paresseg", "4", "MSF"): ("paresseg", {"fusion": "msf"}),
    ("paresseg", "4", "MSF + Intra-PA"): ("paresseg", {"fusion": "msf_intra"}),
    ("paresseg", "4", "MSF + PA"): ("paresseg", {}),
    ("paresseg", "5", "Single UNet"): ("unet", {}),
    ("paresseg", "5", "MSF-UNet"): ("paresseg", {"fusion": "msf", "backbone": "unet"}),
    ("paresseg", "5", "PA-UNet"): ("paresseg", {"backbone": "unet"}),
    ("paresseg", "10", "Single ResSeg"): ("resseg", {}),
    ("paresseg", "10", "MSF-ResSeg"): ("paresseg", {"fusion": "msf"}),
    ("context", "1", "SENet"): ("senet", {}),
    ("context", "1", "Ours"): ("context", {}),
    ("sfan", "LiTS", "SFAN"): ("sfan", {}),
}


@pytest.mark.parametrize("place", WHAT_A_ROW_TRAINS, ids="-".join)
def test_a_row_is_the_network_that_the_paper_describes(place: tuple[str, str, str]) -> None:
    stage = RECIPES[str(trained_rows()[place].recipe)].stage
    options = {key: value for key, value in stage.arguments.items() if key not in ("in_channels", "classes")}
    network, arguments = WHAT_A_ROW_TRAINS[place]
    of_spacor = {"attention_width": "level", "resampling": "transposed", "pyramid_width": 64}
    named = {"dpcnet": of_spacor, "darn": of_spacor, "daf": {"pyramid_width": 64}}
    named |= {"sfan": {"aligned_width": 64}, "deeplabv3": {"aspp_width": 256}}
    assert (stage.network, options) == (network, {**named.get(network, {}), **arguments})


def test_losses_are_those_of_the_rows() -> None:
    kinds = {name: RECIPES[name].loss.kind for name in OF_PAPERS}
    special = {
        "dpcnet/table3-ce": "ce",
        "dpcnet/table3-dice": "dice",
        "paresseg/table4-msf-pa-be": "boundary_enhanced",
    }
    usual = {
        "dpcnet": "ce_dice",
        "darn": "ce_dice",
        "sfan": "weighted_ce",
        "context": "ce",
        "paresseg": "ce",
    }
    assert kinds == {name: special.get(name, usual[name.split("/")[0]]) for name in OF_PAPERS}


# ----------------------------------------------------------------- what the papers say


@pytest.mark.parametrize(
    ("name", "rate", "batch", "epochs"),
    [
        ("dpcnet/table2-pfe-both", 1e-4, 2, 1000),
        ("context/table1-context", 2e-4, 8, 400),
        ("paresseg/table4-msf-pa", 5e-4, 8, 500),
        ("sfan/clinical-sfan", 1e-4, None, None),
    ],
)
def test_optimizers_are_the_papers(name: str, rate: float, batch: int | None, epochs: int | None) -> None:
    recipe = RECIPES[name]
    assert (recipe.optimizer.kind, recipe.optimizer.learning_rate) == ("adam", rate)
    assert batch in (None, recipe.loop.batch)
    assert epochs in (None, recipe.schedule.epochs)


def test_sfan_weighs_its_classes_as_its_reference_does() -> None:
    """H-DenseUNet: 0.78 background, 0.65 liver, 8.57 tumor; about 11 to 1 for two classes."""
    for name in ("clinical-sfan", "clinical-unet", "clinical-deeplabv3", "lits-sfan"):
        weights = RECIPES[f"sfan/{name}"].loss.class_weights
        assert weights == (0.78, 8.57)
        assert round(weights[1] / weights[0]) == 11
    assert RECIPES["sfan/liver"].loss.class_weights == (0.78, 0.65)


def test_splits_are_the_papers() -> None:
    assert RECIPES["dpcnet/table2-both"].split.folds == 4
    assert RECIPES["paresseg/table4-msf"].split.folds == 5
    assert round(912 * RECIPES["sfan/clinical-unet"].split.test_share) == 294
    assert RECIPES["paresseg/table10-pa"].split.repeats == 2
    assert round(209 * RECIPES["paresseg/table10-pa"].split.test_share) == 42
    for first, second in (("ge", "siemens"), ("siemens", "ge")):
        split = RECIPES[f"paresseg/table9-{first}-to-{second}"].split
        assert (split.fact, split.train_values, split.test_values) == (
            "scanner",
            (first.upper(),),
            (second.upper(),),
        )
    of_all = [name for name in OF_PAPERS if RECIPES[name].split.kind == "all"]
    assert {name.split("-")[0] for name in of_all} == {"darn/table3", "dpcnet/table5", "sfan/lits"}


def described(paper: str) -> Mapping[str, StageDescription]:
    """The stages of a paper's pipeline, as the library describes them."""
    stages = paper_model(paper)["stages"]
    return {stage["name"]: from_mapping(StageDescription, stage, where=paper) for stage in stages}


@every_recipe_of_a_paper
def test_a_stage_is_that_of_the_paper_s_pipeline(name: str) -> None:
    stage = RECIPES[name].stage
    pipeline = described(name.split("/")[0])[stage.name]
    same = ("intensity", "grid", "slices", "patches", "mask_dilation_mm", "box_margin_mm", "missing_phase")
    assert {key: getattr(stage, key) for key in same} == {key: getattr(pipeline, key) for key in same}


@pytest.mark.parametrize("paper", paper_names())
def test_every_stage_of_a_pipeline_has_its_recipe(paper: str) -> None:
    main = {
        "context": ("context/liver", "context/table1-context"),
        "darn": ("darn/table3-spa-sem",),
        "dpcnet": ("dpcnet/table5-dpcnet",),
        "paresseg": ("paresseg/liver", "paresseg/table4-msf-pa-be"),
        "sfan": ("sfan/liver", "sfan/lits-sfan"),
    }
    for name, pipeline in zip(main[paper], described(paper).values(), strict=True):
        stage = RECIPES[name].stage
        defaults = inspect.signature(network_entry(stage.network).build).parameters
        given = {**{key: p.default for key, p in defaults.items()}, **stage.arguments}
        wanted = {**{key: p.default for key, p in defaults.items()}, **pipeline.arguments}
        assert (stage.network, stage.phases, given) == (pipeline.network, pipeline.phases, wanted)


def test_encoders_that_start_from_imagenet_can() -> None:
    pretrained = [name for name, recipe in RECIPES.items() if recipe.first_weights == "imagenet"]
    assert {RECIPES[name].stage.network for name in pretrained} == {
        "context",
        "cenet",
        "senet",
        "self_attention",
        "danet",
    }
    for name in pretrained:
        network = build_network(RECIPES[name].stage.network, **small_arguments(RECIPES[name]))
        assert hasattr(network.encoder, "load_imagenet")


# ----------------------------------------------------------------- a step of each


def small_arguments(recipe: Recipe) -> dict[str, Any]:
    """Return the recipe's arguments with a small width and few levels."""
    size = {key: value for key, value in CASES[recipe.stage.network].arguments.items() if key not in SHAPE}
    return {**recipe.stage.arguments, **size}


@every_recipe
def test_a_recipe_takes_a_step(name: str) -> None:
    recipe = read_recipe(name, {"loss.class_weights": [0.5, 5.0]}) if "sfan" in name else RECIPES[name]
    stage, case = recipe.stage, CASES[recipe.stage.network]
    network = build_network(
        stage.network, generator=torch.Generator().manual_seed(0), **small_arguments(recipe)
    )
    before = {key: value.clone() for key, value in network.named_parameters()}
    channels = 2 * stage.slices.neighbours + 1 if stage.slices is not None else 1
    draw = torch.Generator().manual_seed(1)
    images = [torch.rand(2, channels, *case.size, generator=draw) for _ in stage.phases]
    if recipe.interaction is not None:  # one tensor holds all that it is given
        images = [torch.rand(2, len(CHANNELS), *case.size, generator=draw)]
    deep = (2, channels, *case.size) if recipe.loss.kind == "boundary_enhanced" else (2, *case.size)
    truth = torch.randint(len(stage.classes), deep, generator=draw).to(torch.uint8)
    movement = Optimization(network, recipe.optimizer, "float32", torch.device("cpu"))

    loss = build_loss(recipe, ())(network.train()(*images), truth)
    movement.backward(loss)
    without = [key for key, value in network.named_parameters() if value.grad is None]
    norm = movement.gradient_norm()
    movement.step(recipe.optimizer.learning_rate)

    assert without == []
    assert loss.shape == ()
    assert 0 < loss.item() < 100
    assert 0 < norm < float("inf")
    assert any(not torch.equal(before[key], value) for key, value in network.named_parameters())
    with torch.no_grad():
        logits = network.eval()(*images)
    assert logits.shape == (2, len(stage.classes), *case.size)
    assert torch.isfinite(logits).all()


# ----------------------------------------------------------------- the table of all


def test_the_readme_lists_all_recipes_as_they_are() -> None:
    text = README.read_text(encoding="utf-8")
    assert with_tables(text) == text, "run: python -m training.recipes.index"
    assert all(f"`{name}`" in text for name in NAMES)
