"""What is trained: everything that the loop does not know."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import nn

from LiverTumorAttentionLib.progress import Progress
from training.recipe import LoopSettings, OptimizerSettings, ScheduleSettings


class NumberedSamples(Protocol):
    """Samples by number, each a function of its number alone."""

    @property
    def samples_an_epoch(self) -> int:
        """How many samples count as one epoch."""

    def __call__(self, number: int) -> Any:
        """Return the sample of that number: `inputs`, `truth` and the name of its `case`."""


class Task(Protocol):
    """A network, what it is shown, what it minimises and how it is judged."""

    @property
    def seed(self) -> int:
        """Decides the first weights, the samples, and whatever else is drawn."""

    @property
    def optimizer(self) -> OptimizerSettings:
        """How weights move."""

    @property
    def schedule(self) -> ScheduleSettings:
        """How long, and how the learning rate changes."""

    @property
    def loop(self) -> LoopSettings:
        """How a step is made."""

    @property
    def sampler(self) -> NumberedSamples:
        """What the network is shown."""

    def build(self) -> nn.Module:
        """Return the network with its first weights, the same ones for a seed."""

    def loss(self, outputs: Any, truth: torch.Tensor) -> torch.Tensor:
        """Return the loss of a batch, a mean over its samples; `outputs` is what the network returns in training."""

    def validate(self, network: nn.Module, progress: Progress) -> dict[str, float]:
        """Return scores on the validation cases, among them "dice", by which the best weights are chosen.

        Nothing where there are no validation cases. Raises `Cancelled`.
        """

    def settings(self) -> dict[str, Any]:
        """Return what decides the training, as JSON values: a run is gone on with only where they are the same."""
