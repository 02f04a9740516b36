"""The loss of a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch

from training.data.case import PreparedCase
from training.losses.boundary_enhanced import boundary_enhanced_loss
from training.losses.cross_entropy import cross_entropy_loss, inverse_frequencies
from training.losses.deep_supervision import Criterion, Loss
from training.losses.dice import (
    classwise_squared_dice_loss,
    cross_entropy_and_classwise_dice_loss,
    cross_entropy_and_dice_loss,
    soft_dice_loss,
    squared_dice_loss,
)
from training.recipes.recipe import Recipe

DICE: dict[tuple[str, str], Criterion] = {
    ("dice", "together"): squared_dice_loss,
    ("dice", "each"): classwise_squared_dice_loss,
    ("ce_dice", "together"): cross_entropy_and_dice_loss,
    ("ce_dice", "each"): cross_entropy_and_classwise_dice_loss,
}
"""By `LossSettings.kind` and `.dice_classes`."""


def build_loss(recipe: Recipe, cases: Sequence[PreparedCase]) -> Loss:
    """Return the loss of a recipe.

    cases: those that train; "weighted_ce" counts their voxels where the recipe gives no weights.
    Raises `InputError` when none of them shows a class that has to be weighed.
    """
    settings = recipe.loss
    if settings.kind == "ce":
        return Loss(cross_entropy_loss)
    if settings.kind == "weighted_ce":
        weights = settings.class_weights or inverse_frequencies(cases, recipe.stage.classes)
        return Loss(partial(cross_entropy_loss, class_weights=weights))
    if settings.enhances_boundary:
        boundary = partial(
            boundary_enhanced_loss,
            alpha=settings.alpha,
            beta=settings.beta,
            inside=settings.inside,
            outside=settings.outside,
        )
        if settings.kind == "boundary_enhanced_dice":
            return Loss(partial(_with_dice, boundary, DICE["dice", settings.dice_classes]))
        if not settings.soft_dice_weight:
            return Loss(boundary)
        return Loss(partial(_with_soft_dice, boundary, settings.soft_dice_weight))
    return Loss(DICE[settings.kind, settings.dice_classes])


def _with_dice(
    criterion: Criterion, dice: Criterion, logits: torch.Tensor, truth: torch.Tensor
) -> torch.Tensor:
    """Return a loss of slices with the Dice loss of the middle one added, as "ce_dice" has it beside cross-entropy."""
    return criterion(logits, truth) + dice(logits, truth[:, truth.shape[1] // 2])


def _with_soft_dice(
    criterion: Criterion, weight: float, logits: torch.Tensor, truth: torch.Tensor
) -> torch.Tensor:
    """Return a loss with the soft Dice of class 1 added by its weight."""
    return criterion(logits, truth) + weight * soft_dice_loss(logits, truth)
