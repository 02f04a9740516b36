"""From two runs to a model folder: the averaged weights in half precision, and what is known of them."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.models.description import FORMAT_VERSION, read_description
from training.demonstration.recipes import RECIPES
from training.trainer import CHECKPOINT

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
    output.mkdir(parents=True, exist_ok=True)
    stages, runs = [], {}
    for name in ("liver", "tumor"):
        weights = output / f"{name}.safetensors"
        step, steps = _write_weights(folder / name / CHECKPOINT, weights)
        stages.append(_stage(name, hashlib.sha256(weights.read_bytes()).hexdigest()))
        runs[name] = {"step": step, "steps": steps, **_history(folder / name)}
    description = {
        "format": FORMAT_VERSION,
        **identity,
        "stages": stages,
        "labels": [
            {"value": 1, "name": "Liver", "scheme": "SCT", "code": "10200004", "meaning": "Liver"},
            {"value": 2, "name": "Tumor", "scheme": "SCT", "code": "4147007", "meaning": "Mass"},
        ],
        "postprocessing": postprocessing or {},
        "training": {**training, "runs": runs},
        "scores": scores or {},
    }
    text = json.dumps(description, indent=1) + "\n"
    read_description(text.encode(), where="model.json")
    temporary = output / "model.json.part"
    temporary.write_text(text)
    os.replace(temporary, output / "model.json")


def _write_weights(checkpoint: Path, path: Path) -> tuple[int, int]:
    """Write the averaged weights of a checkpoint as float16; return its step and the schedule's length."""
    if not checkpoint.is_file():
        raise InputError(f"there is no checkpoint {checkpoint}: train both stages first")
    with safe_open(checkpoint, framework="pt") as stored:
        metadata = stored.metadata()
        names = [name for name in stored.keys() if name.startswith("average.")]  # noqa: SIM118
        tensors = {name.removeprefix("average."): stored.get_tensor(name) for name in sorted(names)}
    halves = {k: v.to(torch.float16) if v.is_floating_point() else v for k, v in tensors.items()}
    temporary = path.with_name(path.name + ".part")
    save_file({k: v.contiguous() for k, v in halves.items()}, temporary)
    temporary.chmod(0o644)
    os.replace(temporary, path)
    return int(metadata["step"]), int(metadata["steps"])


def _stage(name: str, sha256: str) -> dict[str, Any]:
    recipe = RECIPES[name]
    stage: dict[str, Any] = {
        "name": name,
        "network": recipe.network,
        "arguments": recipe.arguments,
        "weights": f"{name}.safetensors",
        "sha256": sha256,
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
    settings = json.loads((run / "settings.json").read_text())
    with (run / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    with (run / "scores.csv").open() as file:
        scores = list(csv.DictReader(file))
    seconds, before = 0.0, 0
    for row in rows:
        seconds += float(row["seconds_a_step"]) * (int(row["step"]) - before)
        before = int(row["step"])
    return {
        "seed": settings["seed"],
        "recipe": settings["recipe"],
        "starts": [{**start, "training": len(start["training"])} for start in settings["starts"]],
        "torch": settings["torch"],
        "minutes": round(seconds / 60, 1),
        "validation": {k: round(float(v), 4) for k, v in scores[-1].items()} if scores else {},
    }
