"""A training of a few steps, after which a network of a few features finds liver and tumors of plain shapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Of logits (1, outputs, ...) and labels (1, ...)."""


def train_for_steps(
    network: torch.nn.Module,
    cases: Sequence[tuple[np.ndarray, np.ndarray]],
    patch_size: Any,
    loss: Loss,
    *,
    seed: int,
    steps: int,
) -> float:
    """Train a network on patches about the liver, and return the last loss.

    cases: input (channels, z, y, x) and labels (z, y, x) of each. patch_size: of two or three axes.
    """
    generator = np.random.default_rng(seed)
    optimizer = torch.optim.AdamW(network.parameters(), lr=5e-3)
    for _ in range(steps):
        image, mask = _patch(*cases[generator.integers(len(cases))], patch_size, generator)
        value = loss(network(torch.from_numpy(image)[None]), torch.from_numpy(mask)[None].long())
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    return float(value.item())


def _patch(
    data: np.ndarray, truth: np.ndarray, size: Any, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return a patch of a case about a voxel of the liver, of a size of two or three axes; zeros beyond the volume."""
    size = [1] * (3 - len(size)) + [int(side) for side in size]
    places = np.argwhere(truth > 0)
    center = places[generator.integers(len(places))]
    padded = [(side, side) for side in size]
    box = tuple(
        slice(at + side - side // 2, at + 2 * side - side // 2) for at, side in zip(center, size, strict=True)
    )
    image = np.pad(data, [(0, 0), *padded])[(slice(None), *box)]
    mask = np.pad(truth, padded)[box]
    return (image[:, 0], mask[0]) if size[0] == 1 else (image, mask)
