"""The network that answers clicks, run on one cube: the same answer for any number of threads."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.inference.in_order import one_thread
from LiverTumorAttentionLib.inference.one_network import load_one_network
from LiverTumorAttentionLib.models.interaction_model import InteractionPackage

FOREGROUND = 1
NETWORK = "click_unet"
"""The network of models that answer clicks."""


class ClickPredictor:
    """Runs a network of `networks.click_unet` on the CPU, in float32, with one thread.

    A sum whose terms several threads share out is rounded by their number: a voxel on the outline could then change
    with the computer's load, and a log would not replay. So one thread computes, whatever the process allows; the
    network is made for that.
    """

    def __init__(self, network: nn.Module) -> None:
        self._network = network.float().eval()

    def __call__(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability (z, y, x) of the lesion for the input (channels, z, y, x) of a cube."""
        with torch.inference_mode(), one_thread():
            logits = self._network(torch.from_numpy(np.ascontiguousarray(values))[None])
            probability: NDArray[np.float32] = torch.softmax(logits, dim=1)[0, FOREGROUND].numpy()
        return probability


def load_click_predictor(package: InteractionPackage) -> ClickPredictor:
    """Return the network of a model that answers clicks. Raises `ModelError` where its weights do not fit it."""
    description = package.description
    if description.network != NETWORK:
        raise ModelError(
            f"the model {description.id!r} has the network {description.network!r}, and clicks are answered by "
            f"{NETWORK!r}: choose a model with that"
        )
    return ClickPredictor(load_one_network(package))
