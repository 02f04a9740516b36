"""The training of the network of the second look: what the loop is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from LiverTumorAttentionLib.networks import build_network
from LiverTumorAttentionLib.progress import Progress
from training.candidates.patch_samples import PatchAugmentation, PatchSamples
from training.recipes.settings import LoopSettings, OptimizerSettings, ScheduleSettings

NETWORK = "candidate_net"
SMOOTHING = 0.04
"""Of the truth (Szegedy et al., CVPR 2016): where a candidate is half a lesion, the truth is none."""
BATCH, STEPS_AN_EPOCH = 32, 100


class CandidateNetworkTask:
    """Network, samples and loss. There is no validation: the classifier that its logit goes into is cross-validated.

    files: as `collect_patches` returns them. collection: the settings that they were found with.
    """

    def __init__(
        self,
        files: Sequence[Path],
        collection: Mapping[str, Any],
        *,
        epochs: int,
        seed: int = 0,
        augmentation: PatchAugmentation | None = None,
        steps_an_epoch: int | None = None,
        batch: int | None = None,
        width: int = 16,
    ) -> None:
        steps_an_epoch, batch = steps_an_epoch or STEPS_AN_EPOCH, batch or BATCH
        self.seed, self.arguments = seed, {"width": width}
        self._augmentation, self._collection = augmentation or PatchAugmentation(), collection
        self.optimizer = OptimizerSettings(
            kind="adamw", learning_rate=0.002, weight_decay=0.02, clip_norm=2.0
        )
        self.schedule = ScheduleSettings(epochs=epochs, kind="cosine", warm_up_steps=steps_an_epoch)
        self.loop = LoopSettings(batch=batch, average_decay=0.99, validate_every=epochs, save_every=1)
        self.sampler = PatchSamples(files, self._augmentation, seed, batch * steps_an_epoch)
        self._files = tuple(files)

    def build(self) -> nn.Module:
        """Return the network with its first weights."""
        return build_network(NETWORK, generator=torch.Generator().manual_seed(self.seed), **self.arguments)

    def loss(self, outputs: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        """Return the binary cross-entropy. outputs: logits (B,). truth: (B,), 1 for a lesion."""
        smooth = truth.float() * (1 - SMOOTHING) + SMOOTHING / 2
        return functional.binary_cross_entropy_with_logits(outputs.float(), smooth)

    def validate(self, network: nn.Module, progress: Progress) -> dict[str, float]:
        """Return nothing: the last weights are kept."""
        return {}

    def settings(self) -> dict[str, Any]:
        """Return what decides the training."""
        return {
            "network": NETWORK,
            "arguments": self.arguments,
            "collection": dict(self._collection),
            "augmentation": asdict(self._augmentation),
            "optimizer": asdict(self.optimizer),
            "schedule": asdict(self.schedule),
            "loop": asdict(self.loop),
            "seed": self.seed,
            "cases": {"training": [path.stem for path in self._files]},
        }
