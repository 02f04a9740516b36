"""Trained weights as the file that a model holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import safetensors.torch
import torch

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.networks import build_network


def weights_content(
    name: str, arguments: Mapping[str, Any], weights: Mapping[str, torch.Tensor], what: str, *, half: bool
) -> bytes:
    """Return weights as a safetensors file, once they were seen to fit the network of that name.

    what: whose they are, for the message. half: in float16. Raises `InputError`.
    """
    network = build_network(name, **arguments)
    try:
        network.load_state_dict(weights, strict=True)
    except RuntimeError as error:
        raise InputError(
            f"the weights of {what} do not fit the network {name!r} of this version: export with the version that "
            "trained it"
        ) from error
    kept = {
        name: (value.half() if half and value.is_floating_point() else value).contiguous()
        for name, value in sorted(weights.items())
    }
    large = [name for name, value in kept.items() if value.is_floating_point() and not value.isfinite().all()]
    if large:
        raise InputError(f"{large[0]} does not fit into float16: export with --precision float32")
    return safetensors.torch.save(kept)
