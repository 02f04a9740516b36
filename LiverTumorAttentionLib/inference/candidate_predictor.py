"""The network of the second look, run on the patches of candidates: the same logits for any number of threads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from LiverTumorAttentionLib.inference.in_order import one_thread
from LiverTumorAttentionLib.inference.weighted_network import weighted_network
from LiverTumorAttentionLib.models import ModelPackage

FLIPS: tuple[tuple[int, ...], ...] = ((), (-1,), (-2,), (-2, -1))
"""Axes that a patch is mirrored along; the logit is the mean over these views."""
BATCH = 16
"""Patches at once."""


class CandidatePredictor:
    """Runs a network of `networks.candidate_net` on the CPU, in float32, with one thread.

    As for clicks: a logit near the operating point must not depend on how many threads share out a sum.
    """

    def __init__(self, network: nn.Module) -> None:
        self._network = network.float().cpu().eval()

    def __call__(self, patches: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
        """Return the logit of each patch (channels, z, y, x): that the candidate is a lesion. (candidates,)."""
        logits = np.zeros(len(patches))
        with torch.inference_mode(), one_thread():
            for start in range(0, len(patches), BATCH):
                batch = torch.from_numpy(np.stack(patches[start : start + BATCH]).astype(np.float32))
                views = [self._network(batch.flip(axes) if axes else batch) for axes in FLIPS]
                logits[start : start + BATCH] = torch.stack(views).double().mean(0).numpy()
        return logits


def load_candidate_predictor(package: ModelPackage) -> CandidatePredictor | None:
    """Return the network of a model's second look; None where it has none.

    Raises `ModelError` where its weights do not fit it.
    """
    described = package.description.candidate_network
    if described is None:
        return None
    network = weighted_network(
        described.network,
        described.arguments,
        package.load_weights(described),
        weights_bytes=package.weights_bytes(described),
        misfit=f"the weights {described.weights} of the model {package.description.id!r} do not fit the network "
        f"{described.network!r} of this version: get the model in a version that fits it",
    )
    return CandidatePredictor(network)
