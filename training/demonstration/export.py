"""From two runs to a model folder: the averaged weights in half precision, and what is known of them."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib.errors import InputError
from training.demonstration.recipes import RECIPES
from training.export.model_folder import TrainedStage, write_model
from training.loop.checkpoint import CHECKPOINT, read_checkpoint
from training.loop.run_folder import read_run_file

STATEMENT = "demonstration, trained on synthetic data, not for clinical use"


def export_model(
    folder: Path,
    output: Path,
    *,
    identity: dict[str, str],
    training: dict[str, Any],
    scores: dict[str, Any] | None = None,
    postprocessing: dict[str, float] | None = None,
) -> None:
    """Write {model.json, liver.safetensors, tumor.safetensors} to `output` from the runs in `folder`.

    identity: id, title, version and what else `model.json` says of the model as a whole.
    training: where the weights come from; the runs' own settings are added to it.
    scores: what was measured. postprocessing: its settings where they differ from the defaults.
    Raises `InputError` when a run has no checkpoint, `ModelError` when the description would not be valid.
    """
    stages, runs = [], {}
    for name in ("liver", "tumor"):
        checkpoint = folder / name / CHECKPOINT
        if not checkpoint.is_file():
            raise InputError(f"there is no checkpoint {checkpoint}: train both stages first")
        groups, state = read_checkpoint(checkpoint)
        stages.append(TrainedStage(description=_stage(name), weights=groups["average"]))
        runs[name] = {"step": state["position"]["step"], **_history(folder / name)}
    write_model(
        output,
        stages,
        identity=identity,
        training={**training, "runs": runs},
        scores=scores,
        postprocessing=postprocessing,
    )


def _stage(name: str) -> dict[str, Any]:
    recipe = RECIPES[name]
    stage: dict[str, Any] = {
        "name": name,
        "network": recipe.network,
        "arguments": recipe.arguments,
        "phases": list(recipe.phases),
        "intensity": {"window_hu": list(recipe.window_hu)},
        "grid": {
            "in_plane_spacing_mm": recipe.in_plane_spacing_mm,
            "slice_spacing_range_mm": list(recipe.slice_spacing_range_mm),
        },
        "slices": {"neighbours": 1, "tile": list(recipe.tile), "overlap": recipe.overlap},
        "missing_phase": "portal" if "arterial" in recipe.phases else "refuse",
    }
    if name == "tumor":
        stage["mask_dilation_mm"] = recipe.mask_dilation_mm
    return stage


def _history(run: Path) -> dict[str, Any]:
    """Return a run's settings in short, its duration and its last validation scores."""
    settings = read_run_file(run)
    rows, scores = _rows(run / "log.csv"), _rows(run / "scores.csv")
    seconds, before = 0.0, 0
    for row in rows:
        seconds += float(row["seconds_a_step"]) * (int(row["step"]) - before)
        before = int(row["step"])
    return {
        "steps": settings["steps"],
        "seed": settings["seed"],
        "recipe": settings["recipe"],
        "cases": {kind: len(names) for kind, names in settings["cases"].items()},
        "starts": settings["starts"],
        "versions": settings["versions"],
        "minutes": round(seconds / 60, 1),
        "validation": {k: round(float(v), 4) for k, v in scores[-1].items()} if scores else {},
    }


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
