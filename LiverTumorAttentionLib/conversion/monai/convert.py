"""From a bundle that is understood to a stage of `model.json` and its weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from LiverTumorAttentionLib.conversion.monai.reading import MonaiModel
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.models.monai_steps import step_values

if TYPE_CHECKING:
    import torch

WEIGHTS_FILE = "network.safetensors"
LEAST_LIMIT = 10**7
"""Parameters up to which a network is built to be compared, however few weights there are."""
TWICE = r"(module\.)?skip_layers\."
"""Weights of DynUNet that its checkpoints hold under a second name."""
PLACES: tuple[tuple[str, ...], ...] = (("model",), ("state_dict",), ("network",), ())
"""Where the weights may lie in a checkpoint."""


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


def checked_weights(model: MonaiModel, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the weights of a bundle by the names of our network, after trying them in it.

    tensors: what its checkpoint holds. Raises `ModelError` where MONAI is missing, or they do not fit.
    """
    from LiverTumorAttentionLib.networks import build_network

    named = {f"network.{name.removeprefix('module.')}": tensor for name, tensor in tensors.items()}
    most = max(LEAST_LIMIT, 2 * sum(tensor.numel() for tensor in named.values()))
    network = build_network("monai", most_parameters=most, **network_arguments(model))
    wanted = network.state_dict()
    differing = sorted(wanted.keys() ^ named.keys())
    differing += [n for n in wanted if n in named and tuple(wanted[n].shape) != tuple(named[n].shape)]
    if differing:
        raise ModelError(
            f"{model.weights} is not of the {model.network.architecture} that {model.bundle.config.where} describes "
            f"({len(differing)} weights differ, the first is {differing[0].removeprefix('network.')!r}): get the whole "
            "bundle in one version"
        )
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in named.items()}
