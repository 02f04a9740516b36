"""From a bundle that is understood to a stage of `model.json` and a file of weights."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib.conversion.monai.network import state_in
from LiverTumorAttentionLib.conversion.monai.reading import MonaiModel
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.models.monai_steps import step_values

WEIGHTS_FILE = "network.safetensors"
SECOND_NAMES = ("network.skip_layers.",)
"""Weights of DynUNet that it has by other names too."""


def monai_block(model: MonaiModel, phases: Sequence[str]) -> dict[str, Any]:
    """Return the block `monai` of a stage. phases: the phase that each channel is given."""
    after = model.after
    return {
        "channels": list(phases),
        "steps": [step_values(step) for step in model.before.steps],
        **model.window,
        "returned": after.returned,
        "threshold": after.threshold,
        "largest_parts": [
            {"values": list(part.values), "independent": part.independent, "connectivity": part.connectivity}
            for part in after.largest_parts
        ],
    }


def network_arguments(model: MonaiModel) -> dict[str, Any]:
    """Return the arguments of the network in the registry."""
    network = model.network
    given = {**network.settings, "in_channels": network.channels, "out_channels": network.outputs}
    return {"architecture": network.architecture, "settings": given}


def write_weights(model: MonaiModel, content: Any, target: Path) -> str:
    """Write the weights of a bundle as safetensors after trying them in the network; return their SHA-256.

    content: what its checkpoint holds, tensors alone. Raises `ModelError` where MONAI is missing, or they do not fit.
    """
    import safetensors.torch

    from LiverTumorAttentionLib.networks import build_network

    state = state_in(content, model.weights.name)
    network = build_network("monai", **network_arguments(model))
    named = {f"network.{name}": tensor for name, tensor in state.items()}
    kept = {name: tensor for name, tensor in named.items() if not name.startswith(SECOND_NAMES)}
    _check_fit(network.state_dict(), kept, model)
    written = safetensors.torch.save({name: tensor.contiguous().clone() for name, tensor in kept.items()})
    target.write_bytes(written)
    return hashlib.sha256(written).hexdigest()


def _check_fit(wanted: Mapping[str, Any], given: Mapping[str, Any], model: MonaiModel) -> None:
    """Raise `ModelError` where weights are missing, too many, or of another shape."""
    differing = sorted(wanted.keys() ^ given.keys())
    differing += [
        name for name in wanted if name in given and tuple(wanted[name].shape) != tuple(given[name].shape)
    ]
    if differing:
        raise ModelError(
            f"{model.weights.name} is not of the {model.network.architecture} that {model.bundle.config.where} "
            f"describes ({len(differing)} weights differ, the first is {differing[0].removeprefix('network.')!r}): get "
            "the whole bundle in one version"
        )
