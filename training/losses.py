"""Losses, each beside the equation it computes."""

from __future__ import annotations

import torch
from torch.nn import functional


def boundary_weights(
    truth: torch.Tensor, *, alpha: float = 1.0, beta: float = 0.5, inside: float = 0.8, outside: float = 0.2
) -> torch.Tensor:
    """Return the voxel weights of the 3D boundary-enhanced loss for the middle slice of three.

    Source: PA-ResSeg, Eq. 5:  w = -alpha V + alpha + W1  where the truth is 1,  beta V + W2  where it is 0,
        V the 3x3x3 mean of the truth; alpha = 1, beta = 0.5, W1 = 0.8, W2 = 0.2 (`inside`, `outside`).
    Departs: at the border of the image the mean repeats the border's voxels, so that a structure which the
        field of view cuts has no boundary there.
    Shape: truth (B, 3, Y, X) of 0 and 1 -> (B, Y, X) float32.
    """
    truth = truth.float()
    padded = functional.pad(truth, (1, 1, 1, 1), mode="replicate")
    mean = functional.avg_pool2d(padded.mean(dim=1, keepdim=True), 3, stride=1)[:, 0]
    return torch.where(truth[:, 1] > 0.5, alpha * (1 - mean) + inside, beta * mean + outside)


def boundary_enhanced_loss(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Return the 3D BE-loss: weighted binary cross-entropy, averaged over all pixels.

    Source: PA-ResSeg, Eq. 5 and 6.
    Shape: logits (B, 2, Y, X), truth (B, 3, Y, X) of 0 and 1 -> scalar, in float32.
    """
    entropy = functional.cross_entropy(logits.float(), truth[:, 1].long(), reduction="none")
    return (boundary_weights(truth) * entropy).mean()


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
