"""The 3D boundary-enhanced loss of PA-ResSeg."""

from __future__ import annotations

import torch
from torch.nn import functional


def boundary_weights(
    truth: torch.Tensor, *, alpha: float = 1.0, beta: float = 0.5, inside: float = 0.8, outside: float = 0.2
) -> torch.Tensor:
    """Return the voxel weights of the 3D boundary-enhanced loss for the middle slice.

    Source: PA-ResSeg, Eq. 5:  w = -alpha V + alpha + W1  where the truth is 1,  beta V + W2  where it is 0,
        V the 3x3x3 mean of the truth; alpha = 1, beta = 0.5, W1 = 0.8, W2 = 0.2 (`inside`, `outside`).
    Departs: the paper filters the mask of the volume; this is a sample of it. At its border the mean repeats the
        border's voxels, so that what the sample or the field of view cuts has no boundary there. One row of pixels
        is weighed otherwise.
    Shape: truth (B, slices, Y, X) of 0 and 1, three or more slices, an odd number -> (B, Y, X) float32.
    """
    middle = truth.shape[1] // 2
    near = truth[:, middle - 1 : middle + 2].float()
    padded = functional.pad(near, (1, 1, 1, 1), mode="replicate")
    mean = functional.avg_pool2d(padded.mean(dim=1, keepdim=True), 3, stride=1)[:, 0]
    return torch.where(near[:, 1] > 0.5, alpha * (1 - mean) + inside, beta * mean + outside)


def boundary_enhanced_loss(
    logits: torch.Tensor,
    truth: torch.Tensor,
    *,
    alpha: float = 1.0,
    beta: float = 0.5,
    inside: float = 0.8,
    outside: float = 0.2,
) -> torch.Tensor:
    """Return the 3D BE-loss: weighted binary cross-entropy, averaged over all pixels.

    Source: PA-ResSeg, Eq. 5 and 6.
    Shape: logits (B, 2, Y, X), truth (B, slices, Y, X) of 0 and 1 -> scalar, in float32.
    """
    weights = boundary_weights(truth, alpha=alpha, beta=beta, inside=inside, outside=outside)
    middle = truth[:, truth.shape[1] // 2].long()
    entropy = functional.cross_entropy(logits.float(), middle, reduction="none")
    return (weights * entropy).mean()
