"""Runs whose networks see what is bright, and cases whose brightness says what is to be predicted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import SimpleITK as sitk
import torch
from numpy.typing import NDArray

from Testing.Training.prepared import slice_recipe
from training.data.case import SourceCase
from training.data.preparation import Preparation
from training.data.preparation.prepare_cohort import opened
from training.recipes.recipe import Recipe, to_values

SHAPE = (12, 80, 90)
SPACING = (0.75, 0.75, 3.0)
"""(x, y, z) mm, which NIfTI keeps to the last digit."""
LIVER = (slice(2, 10), slice(15, 65), slice(15, 70))
FIRST = (slice(3, 7), slice(20, 32), slice(20, 32))
SECOND = (slice(6, 9), slice(45, 55), slice(50, 60))
SHIFTED = (slice(3, 7), slice(20, 32), slice(22, 34))
"""FIRST, two voxels of 0.75 mm along x."""
INVENTED = (slice(3, 5), slice(50, 55), slice(20, 25))
HU = np.array([0, 50, 150], np.int16)
"""Of background, liver and tumor; the window [0, 200] makes 0, 0.25 and 0.75 of them."""


class Bright(torch.nn.Module):
    """Finds what lies above a threshold in the middle slice of its last phase; three classes have two thresholds."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__()
        self.thresholds = torch.nn.Parameter(torch.zeros(int(arguments.get("classes", 2)) - 1))

    def forward(self, *phases: torch.Tensor) -> torch.Tensor:
        last = phases[-1]
        centre = last[:, last.shape[1] // 2 : last.shape[1] // 2 + 1]
        steps = [100.0 * (centre - threshold) for threshold in self.thresholds]
        return torch.cat([torch.zeros_like(centre), *steps], dim=1).cumsum(dim=1)


def labels(*tumors: tuple[slice, slice, slice]) -> NDArray[np.uint8]:
    """A liver with these tumors, (z, y, x)."""
    array = np.zeros(SHAPE, np.uint8)
    array[LIVER] = 1
    for tumor in tumors:
        array[tumor] = 2
    return array


TRUTH = labels(FIRST, SECOND)
PREDICTED = labels(SHIFTED, INVENTED)


def image(array: NDArray[Any]) -> sitk.Image:
    """An array as an image in LPS order."""
    result = sitk.GetImageFromArray(array)
    result.SetSpacing(SPACING)
    result.SetOrigin((-30.0, 12.0, 100.0))
    return result


def recipe(stage: str = "tumor", **changes: Any) -> Recipe:
    """A recipe of `Bright` networks."""
    arguments = {"width": 4, **({"classes": 3} if stage == "liver_and_tumor" else {})}
    stage_changes = {
        "intensity": {"window_hu": [0, 200]},
        "arguments": arguments,
        **changes.pop("stage_changes", {}),
    }
    return slice_recipe(stage, stage_changes=stage_changes, **changes)


def prepare(folder: Path, wanted: Recipe, sources: Sequence[SourceCase]) -> Path:
    """Prepare cases for a recipe, as the command does."""
    with opened(folder, Preparation.of(wanted)) as cohort:
        for entry in cohort.prepare(sources, processes=1):
            assert entry.state == "done", entry.reason
    return folder


def write_run(
    folder: Path,
    of: Recipe,
    prepared: Path,
    *,
    test: Sequence[str],
    thresholds: Sequence[float] = (0.5,),
    training: Sequence[str] = (),
    seed: int = 0,
) -> Path:
    """Write what of a run its evaluation reads."""
    folder.mkdir(exist_ok=True)
    values = {
        "recipe": to_values(of),
        "prepared": str(prepared),
        "part": 0,
        "seed": seed,
        "cases": {"training": list(training), "validation": [], "test": list(test)},
    }
    (folder / "run.json").write_text(json.dumps(values), encoding="utf-8")
    weights = {"thresholds": torch.tensor(thresholds)}
    (folder / "best.safetensors").write_bytes(safetensors.torch.save(weights, {"about": "{}"}))
    return folder
