"""The papers' pipelines with narrow networks and seeded random weights, for tests of the way through."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import nn

from LiverTumorAttentionLib.models import paper_model
from LiverTumorAttentionLib.networks import build_network

NARROW: dict[str, dict[str, Any]] = {
    "unet": {"width": 4},
    "resseg": {"width": 4},
    "paresseg": {"width": 8},
    "sfan": {"width": 8},
    "context": {"width": 16},
    "dpcnet": {"width": 4},
    "darn": {"width": 4},
}
"""Arguments that make the networks of the pipelines small; everything else stays as the paper's."""


def write_paper_model(folder: Path, paper: str, *, tile: int | None = None) -> Path:
    """Write the model of a paper's pipeline and return its folder.

    Random networks find no liver, so that the head of the stage that finds it is moved to say liver
    everywhere; where the tumors are is left to chance. tile: a smaller tile or patch than the paper's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    values = paper_model(paper)
    values.update(id=f"random-{paper}", statement="random weights, for tests, not for clinical use")
    for number, stage in enumerate(values["stages"]):
        stage["arguments"].update(NARROW[stage["network"]])
        if tile and "patches" in stage:
            stage["patches"]["patch"] = [tile] * 3
        elif tile and "in_plane_pixels" not in stage["grid"]:
            stage["slices"]["tile"] = [tile] * 2
        generator = torch.Generator().manual_seed(7 + number)
        network = build_network(stage["network"], generator=generator, **stage["arguments"])
        if number == 0:
            say_liver(network, 3 if stage["name"] == "liver_and_tumor" else 2)
        content = safetensors.torch.save({k: v.contiguous() for k, v in network.state_dict().items()})
        (folder / stage["weights"]).write_bytes(content)
        stage["sha256"] = hashlib.sha256(content).hexdigest()
    (folder / "model.json").write_text(json.dumps(values), encoding="utf-8")
    return folder


def say_liver(network: nn.Module, classes: int) -> None:
    """Move every head of a network so that background is improbable everywhere."""
    heads = [
        module
        for module in network.modules()
        if isinstance(module, (nn.Conv2d, nn.Conv3d))
        and module.out_channels == classes
        and module.bias is not None
    ]
    for head in heads:
        with torch.no_grad():
            head.weight[0] = 0.0
            head.bias[0] = -30.0
