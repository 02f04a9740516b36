"""A small model with seeded random weights, for tests that need a model but not what it finds."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from LiverTumorAttentionLib.networks import build_network

NETWORKS = {"liver": ("resseg", ["portal"]), "tumor": ("paresseg", ["portal", "arterial"])}


def write_model(folder: Path, **changes: Any) -> Path:
    """Write a whole model folder and return it; `changes` replace top-level keys of model.json."""
    folder.mkdir(parents=True, exist_ok=True)
    stages = []
    for name, (network, phases) in NETWORKS.items():
        arguments = {"in_channels": 3, "classes": 2, "width": 4}
        torch.manual_seed(5)
        content = safetensors.torch.save(
            {
                key: value.contiguous()
                for key, value in build_network(network, **arguments).state_dict().items()
            }
        )
        (folder / f"{name}.safetensors").write_bytes(content)
        stages.append(
            {
                "name": name,
                "network": network,
                "arguments": arguments,
                "weights": f"{name}.safetensors",
                "sha256": hashlib.sha256(content).hexdigest(),
                "phases": phases,
                "intensity": {"window_hu": [-70, 180]},
                "grid": {"in_plane_spacing_mm": 3.0, "slice_spacing_range_mm": [3, 7]},
                "slices": {"neighbours": 1, "tile": [64, 64], "overlap": 0.25},
                "mask_dilation_mm": 6.0 if name == "tumor" else None,
                "missing_phase": "portal" if name == "tumor" else "refuse",
            }
        )
    description = {
        "format": 2,
        "id": "random",
        "title": "Random",
        "version": "1",
        "licence": "Apache-2.0",
        "statement": "random weights, for tests",
        "intended_use": "tests",
        "stages": stages,
        "labels": [{"value": 1, "name": "Liver", "scheme": "SCT", "code": "10200004", "meaning": "Liver"}],
        **changes,
    }
    (folder / "model.json").write_text(json.dumps(description), encoding="utf-8")
    return folder


def change_description(folder: Path, change: Any) -> None:
    """Apply a function to the JSON of a model folder."""
    path = folder / "model.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    change(values)
    path.write_text(json.dumps(values), encoding="utf-8")
