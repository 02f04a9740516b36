"""Prepared cases and recipes that tests of training write by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.data.case import PreparedCase
from training.recipes.recipe import Recipe, recipe_from


def write_case(
    folder: Path,
    portal: NDArray[Any],
    labels: NDArray[Any],
    *,
    arterial: NDArray[Any] | None = None,
    inside: NDArray[Any] | None = None,
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0),
    intensity: Mapping[str, Mapping[str, float]] | None = None,
) -> PreparedCase:
    """Write a case as preparation does, and return it; its name is that of the folder. Arrays are (z, y, x)."""
    folder.mkdir(parents=True)
    arrays = {"portal": portal.astype(np.int16), "labels": labels.astype(np.uint8)}
    if arterial is not None:
        arrays["arterial"] = arterial.astype(np.int16)
    if inside is not None:
        arrays["inside"] = inside.astype(np.uint8)
    arrays["liver-places"] = np.argwhere(labels > 0).astype(np.int32)
    arrays["tumor-places"] = np.argwhere(labels == 2).astype(np.int32)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    background, liver, tumor = (int(n) for n in np.bincount(labels.ravel().astype(int), minlength=3))
    values = {
        "name": folder.name,
        "spacing_mm": spacing_mm,
        "facts": {},
        "patient": folder.name,
        "intensity": intensity or {},
        "voxels": {"background": background, "liver": liver, "tumor": tumor},
    }
    (folder / "case.json").write_text(json.dumps(values), encoding="utf-8")
    return PreparedCase.read(folder)


def slice_recipe(stage: str = "tumor", *, tile: tuple[int, int] = (32, 32), **changes: Any) -> Recipe:
    """A recipe for three neighboring slices in the window [0, 1000] HU; values below `changes` win.

    changes: parts of the recipe, such as sampling={"centre": "liver"} or stage={"phases": [...]}.
    """
    described = {
        "name": stage,
        "network": "resseg",
        "arguments": {"width": 4},
        "phases": ["portal"],
        "intensity": {"window_hu": [0, 1000]},
        "grid": {},
        "slices": {"neighbours": 1, "tile": list(tile), "overlap": 0.5},
        **changes.pop("stage_changes", {}),
    }
    return _recipe(described, **changes)


def patch_recipe(
    stage: str = "liver_and_tumor", *, patch: tuple[int, int, int] = (32, 32, 32), **changes: Any
) -> Recipe:
    """A recipe for 3D patches, intensities standardized."""
    described = {
        "name": stage,
        "network": "unet3d",
        "arguments": {"width": 2, "classes": 3 if stage == "liver_and_tumor" else 2},
        "phases": ["portal"],
        "intensity": {"percentiles": [0.5, 99.5]},
        "grid": {},
        "patches": {"patch": list(patch)},
        **changes.pop("stage_changes", {}),
    }
    return _recipe(described, **changes)


def _recipe(stage: Mapping[str, Any], **changes: Any) -> Recipe:
    values: dict[str, Any] = {
        "title": "a test",
        "reproduces": [],
        "stage": stage,
        "sampling": {},
        "loss": {"kind": "ce"},
        "optimizer": {"learning_rate": 1e-3},
        "schedule": {"epochs": 1},
        "loop": {"batch": 2},
        "split": {"kind": "k-fold"},
        **changes,
    }
    return recipe_from(values, "test")
