"""From a network's logits to the probabilities that the way through needs."""

from __future__ import annotations

import torch

from LiverTumorAttentionLib.errors import ModelError

ClassGroups = tuple[tuple[int, ...], ...]
"""For each map that is wanted, the classes whose probabilities are summed."""


def groups_of(classes: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """Return, for "liver" and "tumor" as far as a network with these classes finds them, which classes they are.

    A tumour is part of the liver, so that a network which tells both apart finds the liver in both classes.
    """
    groups = {}
    if "liver" in classes:
        groups["liver"] = tuple(i for i, name in enumerate(classes) if name in ("liver", "tumor"))
    if "tumor" in classes:
        groups["tumor"] = (classes.index("tumor"),)
    return groups


def group_probabilities(logits: torch.Tensor, groups: ClassGroups) -> torch.Tensor:
    """Return (B, groups, *spatial) in float32 from (B, classes, *spatial).

    Raises `ModelError` when the network has fewer classes than its stage.
    """
    if logits.shape[1] <= max(max(group) for group in groups):
        raise ModelError(
            f"the network returns {logits.shape[1]} classes, fewer than its stage in model.json has: "
            "build it with the stage's number of classes"
        )
    probabilities = torch.softmax(logits.float(), dim=1)
    return torch.stack([probabilities[:, list(group)].sum(dim=1) for group in groups], dim=1)
