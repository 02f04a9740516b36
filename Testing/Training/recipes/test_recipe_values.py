"""A recipe survives the way through JSON, so that a run tells what made it."""

from __future__ import annotations

import json

import pytest

from training.recipes.recipe import Recipe, recipe_from, to_values


def small_recipe(**changes) -> Recipe:
    """A 2.5D recipe with something other than the default almost everywhere."""
    values = {
        "title": "A small one",
        "reproduces": [{"paper": "paresseg", "table": "4", "row": "MSF + PA"}],
        "stage": {
            "name": "tumor",
            "network": "paresseg",
            "arguments": {"width": 8},
            "phases": ["portal", "arterial"],
            "intensity": {"window_hu": [-70, 180]},
            "grid": {"in_plane_spacing_mm": 1.25, "slice_spacing_range_mm": [3, 7]},
            "slices": {"neighbours": 1, "tile": [64, 64], "overlap": 0.5},
            "mask_dilation_mm": 5.0,
        },
        "sampling": {"foreground_share": 0.5, "size": [64, 64]},
        "augmentation": {"flips": ["y", "x"]},
        "loss": {"kind": "boundary_enhanced"},
        "optimizer": {"learning_rate": 5e-4},
        "schedule": {"epochs": 3, "kind": "plateau", "stop_below": 5e-7},
        "loop": {"batch": 8, "average_decay": 0.99},
        "split": {"kind": "by-fact", "fact": "scanner", "train_values": ["GE"], "test_values": ["Philips"]},
        **changes,
    }
    return recipe_from(values, "small")


@pytest.mark.parametrize(
    "recipe",
    [
        small_recipe(),
        small_recipe(
            stage={
                "name": "liver_and_tumor",
                "network": "dpcnet",
                "arguments": {"width": 4, "order": "sem_first"},
                "phases": ["portal"],
                "intensity": {"percentiles": [0.5, 99.5]},
                "grid": {"in_plane_spacing_mm": 1.9, "slice_spacing_range_mm": [2.47, 2.47]},
                "patches": {"patch": [64, 64, 64], "overlap": 0.5},
            },
            sampling={},
            loss={"kind": "weighted_ce", "class_weights": [0.1, 1, 2.5]},
        ),
    ],
)
def test_a_recipe_comes_back_equal(recipe):
    values = json.loads(json.dumps(to_values(recipe)))
    assert recipe_from(values, values["name"]) == recipe
    assert not {"weights", "sha256"} & values["stage"].keys()
