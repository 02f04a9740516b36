"""Loss of classes that share out an organ: what lies outside of it says nothing."""

from __future__ import annotations

import torch
from torch.nn import functional

from training.losses.dice import LEAST


def inside_loss(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Return cross-entropy plus one minus the mean soft Dice of the parts, both over the organ's voxels alone.

        CE = - mean over voxels of log p of the part that is true,  D_c = 2 sum p g / (sum p + sum g)
    Parts that a sample does not show are left out of its mean.
    Shape: logits (B, C, *spatial) of C parts, truth (B, *spatial) with 0 outside and 1 to C inside -> scalar, float32.
    """
    inside = (truth > 0).flatten(1)
    target = truth.long().flatten(1) - 1
    flat = logits.float().flatten(2)
    entropy = functional.cross_entropy(flat, target, ignore_index=-1, reduction="sum")
    entropy = entropy / inside.sum().clamp(min=1)
    probability = torch.softmax(flat, dim=1) * inside[:, None]
    classes = torch.arange(logits.shape[1], device=truth.device)
    true = target[:, None] == classes[:, None]
    overlap, found, wanted = (probability * true).sum(2), probability.sum(2), true.sum(2).float()
    shown = wanted > 0
    dice = 2 * overlap / (found + wanted).clamp(min=LEAST)
    return entropy + 1 - (dice * shown).sum() / shown.sum().clamp(min=1)
