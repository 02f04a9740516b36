"""Soft Dice of one structure that many samples do not show."""

from __future__ import annotations

import torch


def soft_dice_loss(logits: torch.Tensor, truth: torch.Tensor, *, smooth: float = 10.0) -> torch.Tensor:
    """Return one minus the soft Dice coefficient of class 1, averaged over the samples that show it.

    Sample by sample, so that a small lesion weighs as much as a large one, which a sum over pixels would
    drown. Samples without the structure say nothing here; without any of them the loss is 0.
    smooth: pixels added to both sides, which tames lesions of a few pixels.
    Shape: logits (B, 2, Y, X), truth (B, 3, Y, X) of 0 and 1 -> scalar, in float32.
    """
    probability = torch.softmax(logits.float(), dim=1)[:, 1]
    target = truth[:, 1].float()
    overlap = (probability * target).sum(dim=(1, 2))
    total = probability.sum(dim=(1, 2)) + target.sum(dim=(1, 2))
    loss = 1 - (2 * overlap + smooth) / (total + smooth)
    shown = (target.sum(dim=(1, 2)) > 0).float()
    return (loss * shown).sum() / shown.sum().clamp(min=1)
