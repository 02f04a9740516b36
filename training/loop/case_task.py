"""What tasks of recipes on prepared cases share: the recipe's settings and loss, and its network's first weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn

from LiverTumorAttentionLib.networks import build_network
from training.data.case import PreparedCase
from training.loop.initial_weights import load_first_weights
from training.losses import Loss, build_loss
from training.recipes.recipe import Recipe, to_values
from training.runs.stage_weights import StageWeights


class CaseTask:
    """A recipe on prepared cases; a task of `Trainer` once it has a `sampler` and can `validate`.

    training, validation: the cases; without validation cases the last weights are kept. about: what else decides the
    training or belongs into run.json, as JSON values. imagenet: a file of ImageNet weights, for recipes that start
    from them. initial: weights to start from in place of those that the recipe names.
    """

    def __init__(
        self,
        recipe: Recipe,
        training: Sequence[PreparedCase],
        validation: Sequence[PreparedCase],
        *,
        seed: int,
        about: Mapping[str, Any] | None = None,
        imagenet: Path | None = None,
        initial: StageWeights | None = None,
    ) -> None:
        self.recipe, self.seed = recipe, seed
        self.training, self.validation = tuple(training), tuple(validation)
        self.optimizer, self.schedule, self.loop = (recipe.optimizer, recipe.schedule, recipe.loop)
        self._about, self._imagenet, self._initial = dict(about or {}), imagenet, initial

    @cached_property
    def _loss(self) -> Loss:
        return build_loss(self.recipe, self.training)

    def build(self) -> nn.Module:
        """Return the network with its first weights. Raises `InputError` where given ones do not fit it."""
        stage = self.recipe.stage
        network = build_network(
            stage.network, generator=torch.Generator().manual_seed(self.seed), **stage.arguments
        )
        load_first_weights(network, self.recipe, self._imagenet, self._initial)
        return network

    def loss(self, outputs: Any, truth: torch.Tensor) -> torch.Tensor:
        """Return the recipe's loss."""
        return self._loss(outputs, truth)

    def settings(self) -> dict[str, Any]:
        """Return the settings for run.json."""
        return {"recipe": to_values(self.recipe), "seed": self.seed, **self._about}
