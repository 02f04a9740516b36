"""The task of a training: network, samples, loss and validation, which the loop knows nothing of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from LiverTumorAttentionLib.inference import Device
from LiverTumorAttentionLib.progress import Progress
from training.data.case import PreparedCase
from training.loop.case_task import CaseTask
from training.loop.validation import validation_scores
from training.recipes.recipe import Recipe
from training.recipes.settings import LoopSettings, OptimizerSettings, ScheduleSettings
from training.runs.stage_weights import StageWeights
from training.sampling import Sampler


class NumberedSamples(Protocol):
    """Samples by number, each a function of its number alone."""

    @property
    def samples_an_epoch(self) -> int:
        """How many samples count as one epoch."""

    def __call__(self, number: int) -> Any:
        """Return the sample of that number: `inputs`, `truth` and the name of its `case`."""


class Task(Protocol):
    """A network, what it is shown, what it minimizes and how it is judged."""

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
        """Return what decides the training, as JSON values: a run is resumed only where they are the same."""


class RecipeTask(CaseTask):
    """The recipe of a stage on prepared cases.

    device: where it validates. hard: the hard negatives of a recipe that samples them, by name of the case the voxels
    (n, 3) of each. The others: as for `CaseTask`.
    """

    def __init__(
        self,
        recipe: Recipe,
        training: Sequence[PreparedCase],
        validation: Sequence[PreparedCase],
        *,
        seed: int,
        device: Device,
        about: Mapping[str, Any] | None = None,
        imagenet: Path | None = None,
        initial: StageWeights | None = None,
        hard: Mapping[str, Sequence[NDArray[np.int32]]] | None = None,
    ) -> None:
        super().__init__(
            recipe, training, validation, seed=seed, about=about, imagenet=imagenet, initial=initial
        )
        self.device, self._hard = device, hard

    @cached_property
    def sampler(self) -> Sampler:
        """What the network is shown."""
        return Sampler(self.training, self.recipe, self.seed, self._hard)

    def validate(self, network: nn.Module, progress: Progress) -> dict[str, float]:
        """Return the mean Dice of the foreground on the validation cases. Raises `Cancelled`."""
        only = self.recipe.evaluation.tumor_slices_only
        return validation_scores(
            network, self.validation, self.recipe.stage, self.device, progress, tumor_slices_only=only
        )
