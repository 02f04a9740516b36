"""Losses, each beside the equation it computes."""

from training.losses.boundary_enhanced import boundary_enhanced_loss, boundary_weights
from training.losses.build import build_loss
from training.losses.cross_entropy import cross_entropy_loss, inverse_frequencies
from training.losses.deep_supervision import Loss, Outputs, at_level
from training.losses.dice import (
    classwise_squared_dice_loss,
    cross_entropy_and_classwise_dice_loss,
    cross_entropy_and_dice_loss,
    soft_dice_loss,
    squared_dice_loss,
)

__all__ = [
    "Loss",
    "Outputs",
    "at_level",
    "boundary_enhanced_loss",
    "boundary_weights",
    "build_loss",
    "classwise_squared_dice_loss",
    "cross_entropy_and_classwise_dice_loss",
    "cross_entropy_and_dice_loss",
    "cross_entropy_loss",
    "inverse_frequencies",
    "soft_dice_loss",
    "squared_dice_loss",
]
