"""A recipe becomes something that the loop can train, and whole cases say how good it is."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from LiverTumorAttentionLib.errors import Cancelled, InputError
from LiverTumorAttentionLib.inference import choose_device
from LiverTumorAttentionLib.progress import Progress
from Testing.Training.prepared import patch_recipe, slice_recipe, write_case
from training.data.case import PreparedCase
from training.loop.task import RecipeTask
from training.loop.trainer import Trainer
from training.loop.validation import case_inputs, validation_scores
from training.recipes.recipe import recipe_from, to_values
from training.runs.run_folder import Run

CPU = choose_device("cpu")
SHAPE = (4, 40, 40)


class Brighter(nn.Module):
    """Calls each voxel by what is seen of it: from each of the levels on, one class more."""

    def __init__(self, *levels: float, phase: int = 0) -> None:
        super().__init__()
        self.levels, self.phase = levels, phase

    def forward(self, *phases: torch.Tensor) -> torch.Tensor:
        seen = phases[self.phase]
        middle = seen[:, seen.shape[1] // 2]
        number = sum((middle >= level).long() for level in self.levels)
        logits = nn.functional.one_hot(number, len(self.levels) + 1).float() * 20
        return logits.movedim(-1, 1)


def box(*sides: tuple[int, int]) -> np.ndarray:
    """A mask of SHAPE that is set between the (first, end) of each axis."""
    mask = np.zeros(SHAPE, bool)
    mask[tuple(slice(*side) for side in sides)] = True
    return mask


LIVER, TUMOR, FOUND = (
    box((0, 4), (5, 35), (5, 35)),
    box((1, 3), (10, 20), (10, 20)),
    box((1, 4), (10, 20), (15, 25)),
)
"""2 slices of 100 voxels are tumor; the bright box has 3 slices of 100, of which half a slice each are in two."""
DICE = 2 * 100 / (200 + 300)


def case(folder: Path, *, found: np.ndarray = FOUND, **options) -> PreparedCase:
    labels = np.where(TUMOR, 2, np.where(LIVER, 1, 0))
    return write_case(folder, np.where(found, 900, np.where(LIVER, 400, 0)), labels, **options)


def scores(cases, recipe, network, **options) -> dict[str, float]:
    return validation_scores(network, cases, recipe.stage, CPU, Progress(), **options)


def test_the_dice_of_a_case_is_that_of_its_boxes(tmp_path):
    found = scores([case(tmp_path / "a")], slice_recipe(), Brighter(0.8))
    assert found == {"dice": pytest.approx(DICE), "dice_tumor": pytest.approx(DICE)}


def test_the_mean_is_over_the_cases_and_an_empty_case_counts_one(tmp_path):
    nothing = write_case(tmp_path / "b", np.full(SHAPE, 400), LIVER)
    found = scores([case(tmp_path / "a"), nothing], slice_recipe(), Brighter(0.8))
    assert found["dice"] == pytest.approx((DICE + 1) / 2)
    assert scores([], slice_recipe(), Brighter(0.8)) == {}


def test_outside_of_the_mask_nothing_is_found(tmp_path):
    """The mask leaves the half of the bright box that lies in the tumor."""
    inside = box((0, 4), (5, 35), (5, 20))
    found = scores([case(tmp_path / "a", inside=inside)], slice_recipe(), Brighter(0.8))
    assert found["dice"] == pytest.approx(2 * 100 / (200 + 150))
    everywhere = scores([case(tmp_path / "b", inside=inside)], slice_recipe(), Brighter(-1.0))
    assert everywhere["dice"] == pytest.approx(2 * 200 / (200 + inside.sum()))


def test_outside_of_the_mask_the_network_sees_zero(tmp_path):
    inside = box((0, 4), (5, 35), (5, 20))
    (seen,) = case_inputs(case(tmp_path / "a", inside=inside), slice_recipe().stage)
    assert seen.dtype == np.float32
    expected = np.where(FOUND, 0.9, np.where(LIVER, 0.4, 0)) * inside
    np.testing.assert_allclose(seen, expected, rtol=1e-6)


def test_other_slices_are_left_out_when_only_those_with_tumor_count(tmp_path):
    found = scores([case(tmp_path / "a")], slice_recipe(), Brighter(0.8), tumor_slices_only=True)
    assert found["dice"] == pytest.approx(2 * 100 / (200 + 200))


def test_the_liver_holds_its_tumors_and_both_count_alike(tmp_path):
    """Three classes from standardized intensities, in patches."""
    standard = {"low": 0.0, "high": 1000.0, "mean": 0.0, "deviation": 1000.0}
    whole = case(tmp_path / "a", intensity={"portal": standard})
    found = scores([whole], patch_recipe(), Brighter(0.3, 0.8))
    assert found["dice_liver"] == 1.0
    assert found["dice_tumor"] == pytest.approx(DICE)
    assert found["dice"] == pytest.approx((1 + DICE) / 2)


def test_the_portal_phase_stands_in_where_there_is_no_arterial_one(tmp_path):
    changes = {"network": "paresseg", "phases": ["portal", "arterial"], "missing_phase": "portal"}
    recipe = slice_recipe(stage_changes=changes)
    without = case(tmp_path / "a")
    arterial = np.where(TUMOR, 900, 0)
    both = case(tmp_path / "b", arterial=arterial)
    network = Brighter(0.8, phase=1)
    assert scores([without], recipe, network)["dice"] == pytest.approx(DICE)
    assert scores([both], recipe, network)["dice"] == 1.0


def test_a_wish_to_cancel_is_heard_in_a_validation(tmp_path):
    stopped = Progress(cancelled=lambda: True)
    with pytest.raises(Cancelled, match="cancelled"):
        validation_scores(Brighter(0.8), [case(tmp_path / "a")], slice_recipe().stage, CPU, stopped)


def test_first_weights_follow_the_seed_alone(tmp_path):
    cases = [case(tmp_path / "a")]

    def weights(seed: int) -> torch.Tensor:
        task = RecipeTask(slice_recipe(), cases, [], seed=seed, device=CPU)
        return torch.cat([value.flatten() for value in task.build().parameters()])

    first = weights(3)
    torch.manual_seed(11)
    assert torch.equal(first, weights(3))
    assert not torch.equal(first, weights(4))


@pytest.mark.parametrize("kind", ["slices", "patches"])
def test_a_recipe_trains_and_its_run_tells_what_it_was(tmp_path, kind):
    standard = {"low": 0.0, "high": 1000.0, "mean": 300.0, "deviation": 300.0}
    cases = [case(tmp_path / name, intensity={"portal": standard}) for name in "abc"]
    changes = {"sampling": {"samples_an_epoch": 4}, "loop": {"batch": 2, "validate_every": 1}}
    recipe = slice_recipe(**changes) if kind == "slices" else patch_recipe(**changes)
    about = {
        "part": 1,
        "prepared": str(tmp_path),
        "cases": {"training": ["a", "b"], "validation": ["c"], "test": ["d"]},
    }
    task = RecipeTask(recipe, cases[:2], cases[2:], seed=7, device=CPU, about=about)
    assert Trainer(tmp_path / "run", task, say=lambda line: None).run()
    with (tmp_path / "run" / "scores.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert 0 <= float(row["dice"]) <= 1
    run = Run.read(tmp_path / "run")
    assert run.recipe == recipe
    assert (run.part, run.seed, run.prepared) == (1, 7, tmp_path)
    assert (run.training, run.validation, run.test) == (("a", "b"), ("c",), ("d",))
    assert run.weights.is_file()


def test_a_recipe_may_be_called_otherwise_but_not_be_another_one(tmp_path):
    cases = [case(tmp_path / "a")]
    about = {"part": 0, "prepared": "here", "cases": {"training": ["a"], "validation": [], "test": []}}

    def trainer(recipe, **changes) -> Trainer:
        task = RecipeTask(recipe, cases, [], seed=0, device=CPU, about={**about, **changes})
        return Trainer(tmp_path / "run", task, say=lambda line: None)

    recipe = slice_recipe(sampling={"samples_an_epoch": 2})
    trainer(recipe).run()
    renamed = recipe_from({**to_values(recipe), "title": "Another title"}, recipe.name)
    assert trainer(renamed, prepared="elsewhere").finished
    changed = recipe_from({**to_values(recipe), "loss": {"kind": "ce_dice"}}, recipe.name)
    with pytest.raises(InputError, match='recipe: loss: kind was "ce", now it is "ce_dice"'):
        trainer(changed)
    other = {"training": ["b"], "validation": [], "test": []}
    with pytest.raises(InputError, match=r'cases: training\[0\] was "a", now it is "b"'):
        trainer(recipe, cases=other)
    more = {"training": ["a", "b"], "validation": [], "test": []}
    with pytest.raises(InputError, match="cases: training had 1 entries, now it has 2"):
        trainer(recipe, cases=more)
    assert len(json.loads((tmp_path / "run" / "run.json").read_text())["starts"]) == 1
