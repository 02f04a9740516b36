"""Losses, each beside the equation it computes."""

from training.losses.boundary_enhanced import boundary_enhanced_loss, boundary_weights
from training.losses.soft_dice import soft_dice_loss

__all__ = ["boundary_enhanced_loss", "boundary_weights", "soft_dice_loss"]
