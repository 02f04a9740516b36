"""A stage of the demonstration model as the training loop sees it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.networks import build_network
from LiverTumorAttentionLib.progress import Progress
from training.demonstration.recipes import Recipe
from training.demonstration.samples import Case, Sampler
from training.demonstration.validation import validate
from training.losses import boundary_enhanced_loss, soft_dice_loss
from training.recipes.settings import LoopSettings, OptimizerSettings, ScheduleSettings
from training.sampling import Sample

EPOCH_STEPS = 250
"""Steps that count as one epoch: a checkpoint for each, a validation for every fourth."""

CLIP_NORM = 2.0
"""Largest norm of all gradients together."""


class DemonstrationTask:
    """AdamW, warm-up and cosine, an average of the weights; the 3D BE-loss and soft Dice.

    steps: length of the whole schedule, rounded up to whole epochs where it has several.
    """

    def __init__(
        self,
        recipe: Recipe,
        training: Sequence[Case],
        validation: Sequence[Case],
        *,
        seed: int,
        steps: int,
        precision: str = "bfloat16",
    ) -> None:
        if not training:
            raise InputError(
                f"the cohort has no training case for the {recipe.stage} stage: prepare it first"
            )
        self.recipe, self.seed = recipe, seed
        self.training, self.validation = tuple(training), tuple(validation)
        epoch_steps = min(EPOCH_STEPS, steps)
        self.sampler = NumberedSamples(Sampler(training, recipe, seed), epoch_steps * recipe.batch)
        self.optimizer = OptimizerSettings(
            kind="adamw",
            learning_rate=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            clip_norm=CLIP_NORM,
        )
        self.schedule = ScheduleSettings(
            epochs=math.ceil(steps / epoch_steps), kind="cosine", warm_up_steps=recipe.warm_up_steps
        )
        self.loop = LoopSettings(
            batch=recipe.batch, precision=precision, average_decay=recipe.average_decay, validate_every=4
        )

    def build(self) -> nn.Module:
        """Return the network with its first weights."""
        generator = torch.Generator().manual_seed(self.seed)
        return build_network(self.recipe.network, generator=generator, **self.recipe.arguments)

    def loss(self, outputs: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        """Return the 3D BE-loss, and soft Dice by its weight."""
        loss = boundary_enhanced_loss(outputs, truth)
        if self.recipe.dice_weight:
            loss = loss + self.recipe.dice_weight * soft_dice_loss(outputs, truth)
        return loss

    def validate(self, network: nn.Module, progress: Progress) -> dict[str, float]:
        """Return Dice by source of the cases, and its mean. Raises `Cancelled`."""
        network.eval()
        scores = validate(network, self.validation, self.recipe, progress)
        dice = [score for name, score in scores.items() if name.startswith("dice_")]
        return {"dice": float(np.mean(dice)), **scores} if dice else {}

    def settings(self) -> dict[str, Any]:
        """Return what decides the training."""
        cases = {"training": self.training, "validation": self.validation}
        return {
            "recipe": self.recipe.to_dict(),
            "seed": self.seed,
            "steps": self.schedule.epochs * self.sampler.samples_an_epoch // self.recipe.batch,
            "cases": {name: [case.name for case in of_kind] for name, of_kind in cases.items()},
        }


class NumberedSamples:
    """The samples of a sampler as the loop takes them."""

    def __init__(self, sampler: Sampler, samples_an_epoch: int) -> None:
        self._sampler, self.samples_an_epoch = sampler, samples_an_epoch

    def __call__(self, number: int) -> Sample:
        inputs, truth = self._sampler(number)
        return Sample(inputs=tuple(inputs), truth=truth, case=self._sampler.case_of(number).name)
