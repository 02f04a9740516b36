"""Cross-entropy, plain and weighted by class."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional

from LiverTumorAttentionLib.errors import InputError
from training.data.case import PreparedCase


def cross_entropy_loss(
    logits: torch.Tensor, truth: torch.Tensor, *, class_weights: Sequence[float] | None = None
) -> torch.Tensor:
    """Return the cross-entropy, averaged over all voxels.

    Source: DPC-Net, Eq. 11:  L = -1/N sum_i sum_c g_i^c log p_i^c.  With `class_weights`, one a class, each term
        is multiplied by the weight of its class: the weighted cross-entropy of SFAN, section 3, after
        H-DenseUNet (Li et al., IEEE Transactions on Medical Imaging 2018).
    Departs from torch's weighted mean, which divides by the sum of the weights that the batch happens to hold:
        divided by N, the loss of a batch is the mean of the losses of its samples.
    Shape: logits (B, C, *spatial), truth (B, *spatial) of class numbers -> scalar, in float32.
    """
    weights = None if class_weights is None else logits.new_tensor(class_weights, dtype=torch.float32)
    return functional.cross_entropy(logits.float(), truth.long(), weight=weights, reduction="none").mean()


def inverse_frequencies(cases: Sequence[PreparedCase], classes: Sequence[str]) -> tuple[float, ...]:
    """Return a weight for each class of a stage: all voxels by those of the class, by the number of classes.

    A class's share of the voxels times its weight is the same for all, and these sum to 1, so that the loss
    keeps its size. SFAN does not say how it weighs.
    classes: as `StageDescription.classes` names them; what is none of them is background.
    Raises `InputError` when no case shows one of the classes.
    """
    voxels = {name: sum(case.voxels[name] for case in cases) for name in ("background", "liver", "tumor")}
    counts = {name: voxels[name] for name in classes}
    if "tumor" not in classes:
        counts["liver"] += voxels["tumor"]  # tumors are part of the liver
    elif "liver" not in classes:
        counts["background"] += voxels["liver"]
    for name, count in counts.items():
        if count == 0:
            raise InputError(
                f"none of the {len(cases)} training cases shows a voxel of {name}, whose weight in the loss would "
                "be infinite: train on other cases, or give class_weights"
            )
    total = sum(counts.values())
    return tuple(total / (len(counts) * count) for count in counts.values())
