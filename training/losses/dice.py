"""Dice losses: with squared denominators, their sums with cross-entropy, and of one structure in slices."""

from __future__ import annotations

import torch

from training.losses.cross_entropy import cross_entropy_loss

LEAST = 1e-6
"""Keeps the quotient of a class finite whose probability vanishes everywhere."""


def squared_dice_loss(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Return one minus the Dice of all classes together, background included, sample by sample.

    Source: DPC-Net, Eq. 12, as it is printed, with both sums over voxels i and classes c:
        L = 1 - 2 sum_i sum_c g_i^c p_i^c / (sum_i sum_c (p_i^c)^2 + sum_i sum_c (g_i^c)^2)
        The paper does not say whether i runs over a sample or a batch; here it is a sample.
    Note that each class counts by its size: as the g are 0 or 1 and sum to 1 in a voxel, this is
        sum (p - g)^2 / (sum p^2 + N), a normalized squared error. The text's "not sensitive to the size of targets"
        holds for `classwise_squared_dice_loss`.
    Shape: logits (B, C, *spatial), truth (B, *spatial) of class numbers -> scalar, in float32.
    """
    overlap, predicted, true = (sums.sum(dim=1) for sums in _sums(logits, truth))
    return (1 - 2 * overlap / (predicted + true)).mean()


def classwise_squared_dice_loss(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Return one minus the mean Dice of the classes that a sample shows, background included, sample by sample.

    Source: V-Net (Milletari et al., 3DV 2016), the Dice of Eq. 12 of DPC-Net for one class:
        D_c = 2 sum_i g_i^c p_i^c / (sum_i (p_i^c)^2 + sum_i (g_i^c)^2)
    Departs: a class that a sample does not show has D_c = 0 whatever the network says, and says nothing here.
    Shape: logits (B, C, *spatial), truth (B, *spatial) of class numbers -> scalar, in float32.
    """
    overlap, predicted, true = _sums(logits, truth)
    shown = true > 0
    dice = 2 * overlap / (predicted + true).clamp(min=LEAST)
    return (1 - (dice * shown).sum(dim=1) / shown.sum(dim=1)).mean()


def cross_entropy_and_dice_loss(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Return the hybrid loss of DPC-Net, Eq. 10: L = L_CE + L_Dice. Shapes as in `squared_dice_loss`."""
    return cross_entropy_loss(logits, truth) + squared_dice_loss(logits, truth)


def cross_entropy_and_classwise_dice_loss(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Return Eq. 10 of DPC-Net with the Dice of each class by itself."""
    return cross_entropy_loss(logits, truth) + classwise_squared_dice_loss(logits, truth)


def _sums(logits: torch.Tensor, truth: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return sum g p, sum p^2 and sum g^2 over the voxels, each (B, C), in float32."""
    probability = torch.softmax(logits.float(), dim=1).flatten(2)
    classes = torch.arange(logits.shape[1], device=truth.device)
    target = truth.flatten(1)[:, None] == classes[:, None]
    return (probability * target).sum(dim=2), probability.square().sum(dim=2), target.sum(dim=2).float()


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
