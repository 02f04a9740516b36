"""The training of the network that tells the segments: what the loop is given."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from LiverTumorAttentionLib.networks import build_network
from LiverTumorAttentionLib.preprocessing.couinaud_input import CHANNELS, CouinaudGrid
from LiverTumorAttentionLib.progress import Progress
from training.couinaud.livers import SEGMENTS, StoredLiver
from training.couinaud.samples import SegmentAugmentation, SegmentSamples
from training.losses.deep_supervision import Loss
from training.losses.inside import inside_loss
from training.recipes.settings import LoopSettings, OptimizerSettings, ScheduleSettings
from training.runs.checkpoint import BEST, read_weights

NETWORK = "unet3d"
ARGUMENTS: dict[str, Any] = {
    "in_channels": CHANNELS,
    "classes": SEGMENTS,
    "width": 12,
    "levels": 4,
    "down": "pool",
}
"""0.8 million parameters; the finest of four levels has 12 channels."""


LEARNING_RATE = 0.002
"""At the start, after the warm-up."""


class SegmentsTask:
    """Network, samples, loss and validation.

    choosing: livers that choose among the checkpoints; maybe none. initial: an earlier run, from whose weights
    it starts.
    """

    def __init__(
        self,
        training: Sequence[StoredLiver],
        choosing: Sequence[StoredLiver],
        *,
        epochs: int,
        seed: int = 0,
        grid: CouinaudGrid | None = None,
        augmentation: SegmentAugmentation | None = None,
        arguments: Mapping[str, Any] | None = None,
        initial: Path | None = None,
        learning_rate: float = LEARNING_RATE,
    ) -> None:
        self.seed, self.grid = seed, grid or CouinaudGrid()
        self.arguments = dict(arguments or ARGUMENTS)
        self._augmentation = augmentation or SegmentAugmentation()
        self.optimizer = OptimizerSettings(
            kind="adamw", learning_rate=learning_rate, weight_decay=0.001, clip_norm=2.0
        )
        self.schedule = ScheduleSettings(epochs=epochs, kind="cosine", warm_up_steps=30)
        self.loop = LoopSettings(batch=2, average_decay=0.99, validate_every=10, save_every=5)
        self.sampler = SegmentSamples(training, self.grid, self._augmentation, seed)
        self._training, self._choosing = tuple(training), tuple(choosing)
        self._loss = Loss(inside_loss)
        self._initial = None if initial is None else initial / BEST

    def build(self) -> nn.Module:
        """Return the network with its first weights."""
        network = build_network(NETWORK, generator=torch.Generator().manual_seed(self.seed), **self.arguments)
        if self._initial is not None:
            network.load_state_dict(read_weights(self._initial)[0])
        return network

    def loss(self, outputs: Any, truth: torch.Tensor) -> torch.Tensor:
        """Return the loss over all levels of the network."""
        return self._loss(outputs, truth)

    def validate(self, network: nn.Module, progress: Progress) -> dict[str, float]:
        """Return the mean Dice of the eight on the network's grid: without vessels, and with those that are known."""
        scores: dict[str, list[float]] = {"dice": [], "dice_with_vessels": []}
        network.eval()
        for number, liver in enumerate(self._choosing):
            progress.update(number / len(self._choosing))
            for name, shown in (("dice", False), ("dice_with_vessels", True)):
                if shown and liver.vessels is None:
                    continue
                sample = self.sampler.plain(liver, with_vessels=shown)
                with torch.inference_mode():
                    logits = network(torch.from_numpy(sample.inputs[0])[None])[0]
                found = np.where(sample.truth > 0, logits.argmax(0).numpy() + 1, 0)
                scores[name].append(mean_dice(found, sample.truth))
        return {name: float(np.mean(values)) for name, values in scores.items() if values}

    def settings(self) -> dict[str, Any]:
        """Return what decides the training."""
        before = (
            {}
            if self._initial is None
            else {"initial": {"sha256": hashlib.sha256(self._initial.read_bytes()).hexdigest()}}
        )
        return {
            **before,
            "network": NETWORK,
            "arguments": self.arguments,
            "grid": asdict(self.grid),
            "augmentation": asdict(self._augmentation),
            "optimizer": asdict(self.optimizer),
            "schedule": asdict(self.schedule),
            "loop": asdict(self.loop),
            "seed": self.seed,
            "cases": {
                "training": [liver.name for liver in self._training],
                "validation": [liver.name for liver in self._choosing],
            },
        }


def mean_dice(found: np.ndarray, truth: np.ndarray) -> float:
    """Return the mean Dice of the segments that either shows."""
    return float(np.nanmean(segment_dice(found, truth)))


def segment_dice(found: np.ndarray, truth: np.ndarray) -> list[float]:
    """Return the Dice of each of the eight; NaN where neither shows it."""
    scores = []
    for number in range(1, SEGMENTS + 1):
        a, b = found == number, truth == number
        total = int(a.sum()) + int(b.sum())
        scores.append(2 * int((a & b).sum()) / total if total else float("nan"))
    return scores
