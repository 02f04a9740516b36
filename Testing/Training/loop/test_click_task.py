"""A network that answers clicks is trained by the same loop, and validated by the library's own answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from LiverTumorAttentionLib.correction.click_network.channels import CHANNELS
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.networks import build_network
from LiverTumorAttentionLib.progress import Progress
from Testing.Library.correction.made_case import BRIGHT, DARK, SPACING_MM, ball, made_case
from Testing.Training.prepared import patch_recipe, write_case
from training.cli import main
from training.data.case import PreparedCase
from training.loop.click_task import ClickTask
from training.loop.trainer import Trainer
from training.recipes.interaction_settings import InteractionSettings
from training.recipes.recipe import read_recipe, recipe_from, to_values
from training.runs.run_folder import Run
from training.runs.stage_weights import StageWeights
from training.sampling.click_cases import simulate

SMALL = {
    "stage.arguments.width": 2, "sampling.mix_by": None, "sampling.mix": {}, "loop.batch": 2,
    "sampling.samples_an_epoch": 4, "schedule.epochs": 1, "schedule.warm_up_steps": 0, "loop.validate_every": 1,
}  # fmt: skip


class Dark(nn.Module):
    """Calls what is 20 HU darker than the liver, and brighter than air, the lesion."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        portal = values[:, CHANNELS.index("portal")]
        found = ((portal < -0.4) & (portal > -3)).float()
        return torch.stack([10 * (1 - found), 10 * found], dim=1)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> PreparedCase:
    """Of two balls one is dark; the other one shows in the arterial phase alone."""
    made = made_case((DARK, BRIGHT))
    labels = np.asarray(made.start).copy()
    for each in (DARK, BRIGHT):
        labels[ball(each.center, each.radius_mm)] = 2
    levels = {"portal": {"liver_median_hu": 100.0}, "arterial": {"liver_median_hu": 60.0}}
    written = write_case(
        tmp_path_factory.mktemp("cases") / "a", made.portal_hu, labels,
        arterial=made.arterial_hu, spacing_mm=SPACING_MM, intensity=levels,
    )  # fmt: skip
    simulate([written], InteractionSettings(), processes=1, progress=Progress())
    return written


def test_the_dice_is_that_of_lesions_after_one_click(case: PreparedCase) -> None:
    task = ClickTask(read_recipe("bundled/interaction", SMALL), [case], [case], seed=0)
    scores = task.validate(Dark(), Progress())
    assert (
        0.49 < scores["dice"] < 0.52
    )  # of two balls one is found, of the other nothing but the click's voxel
    assert scores["dice_low"] < 0.2
    assert ClickTask(task.recipe, [case], [], seed=0).validate(Dark(), Progress()) == {}


def test_validation_leaves_the_network_as_it_trains(case: PreparedCase) -> None:
    network = Dark()
    network.register_parameter("weight", nn.Parameter(torch.ones(1, dtype=torch.float64)))
    ClickTask(read_recipe("bundled/interaction", SMALL), [case], [case], seed=0).validate(network, Progress())
    assert network.training
    assert [value.dtype for value in network.parameters()] == [torch.float64]


def test_a_run_of_another_network_is_no_start(case: PreparedCase) -> None:
    recipe = read_recipe("bundled/interaction", SMALL)
    other = build_network("click_unet", width=3).state_dict()
    start = StageWeights(
        title="the run 'x'", description=recipe.stage, sha256="", read=lambda: other, run=None
    )
    with pytest.raises(InputError, match="the weights of the run 'x' do not fit the network 'click_unet'"):
        ClickTask(recipe, [case], [], seed=0, initial=start).build()


def test_a_run_trains_writes_its_weights_and_is_read_again(case: PreparedCase, tmp_path: Path) -> None:
    recipe = read_recipe("bundled/interaction", SMALL)
    about = {
        "part": 0,
        "prepared": str(tmp_path),
        "cases": {"training": ["a"], "validation": ["a"], "test": []},
    }
    task = ClickTask(recipe, [case], [case], seed=3, about=about)
    first = {name: value.clone() for name, value in task.build().state_dict().items()}
    assert Trainer(tmp_path / "run", task, say=lambda line: None).run()
    run = Run.read(tmp_path / "run")
    assert run.recipe == recipe
    assert run.weights.is_file()
    again = Trainer(tmp_path / "run", task, say=lambda line: None)
    assert again.finished
    assert any(not torch.equal(value, first[name]) for name, value in again.network.state_dict().items())


def test_the_settings_belong_to_the_network_that_answers_clicks() -> None:
    with pytest.raises(InputError, match="interaction: these settings belong to the network 'click_unet'"):
        patch_recipe(interaction={"most_clicks": 2})
    values = to_values(read_recipe("bundled/interaction"))
    assert recipe_from(values, "bundled/interaction").interaction is not None
    with pytest.raises(InputError, match="these settings belong to the network 'click_unet'"):
        recipe_from({**values, "interaction": None}, "x")
    with pytest.raises(InputError, match="the loss of a network that answers clicks is ce, dice or ce_dice"):
        read_recipe("bundled/interaction", {"loss.kind": "weighted_ce"})


def test_recipes_of_stages_say_nothing_of_it_so_that_their_runs_resume() -> None:
    assert "interaction" not in to_values(read_recipe("bundled/tumor"))


@pytest.mark.parametrize("option", [["--dry-run"], ["--overfit", "a"], ["--hard-negatives", "."]])
def test_an_option_of_networks_that_segment_is_refused(
    option: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [
        "--recipe",
        "bundled/interaction",
        "--prepared",
        str(tmp_path),
        "--output",
        str(tmp_path / "run"),
    ]
    assert main(["train", *given, *option]) == 2
    assert f"{option[0]} is for networks that segment" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
