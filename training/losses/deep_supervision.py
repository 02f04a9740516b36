"""Deep supervision: one loss over all the outputs that a network gives in training."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

Criterion = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""From logits (B, C, *spatial) and truth (B, *spatial), or (B, slices, *spatial), to a scalar."""

Outputs = torch.Tensor | Mapping[str, Mapping[int, torch.Tensor]]
"""What a network gives in training: logits, or logits by group and level, each on its level's own grid."""


class Loss:
    """A criterion for networks with one output or with several.

    Source: DPC-Net, Eq. 13:  L_total = sum over groups and their levels i of W_i L_i,  W_i = 1 / (2^i L),
        L the number of levels; level 0 is the finest. The groups are "pfe", "spa" and "sem" there, and what the
        other networks name. A network with one output has L = L_0.
    Departs: the paper does not specify the truth of the coarser levels. A voxel there has the class of the middle of
        the 2^i voxels a side that it stands for (the nearest neighbor, as nnU-Net takes, whom the paper
        follows): a mean would be no class, a maximum would make small tumors swell.
    The loss of a batch is the mean of the losses of its samples, as long as the criterion's is.
    """

    def __init__(self, criterion: Criterion) -> None:
        self.criterion = criterion

    def __call__(self, outputs: Outputs, truth: torch.Tensor) -> torch.Tensor:
        """Return the scalar loss. truth: class numbers on the finest grid, on the outputs' device."""
        if isinstance(outputs, torch.Tensor):
            return self.criterion(outputs, truth)
        levels = 1 + max(level for group in outputs.values() for level in group)
        terms = [
            self.criterion(logits, at_level(truth, level, logits.ndim - 2)) / (2**level * levels)
            for group in outputs.values()
            for level, logits in group.items()
        ]
        return torch.stack(terms).sum()


def at_level(truth: torch.Tensor, level: int, axes: int) -> torch.Tensor:
    """Return the truth on the grid of a level, of ceil(side / 2^level) voxels along each of the last `axes`."""
    if level == 0:
        return truth
    step = 2**level
    for axis in range(truth.ndim - axes, truth.ndim):
        side = truth.shape[axis]
        middles = torch.arange(step // 2, side + step // 2, step, device=truth.device)
        truth = truth.index_select(axis, middles.clamp(max=side - 1))
    return truth
