"""A window onto the attention that a network computes, for those who want to look at it."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import nn

KINDS = ("map", "vector")


class AttentionMap(nn.Module):
    """Pass attention weights on unchanged, so that a forward hook can see them.

    kind: "map" for weights of places, (B, 1, *spatial); "vector" for weights of channels, (B, C).
    about: what the weights say, in a few words for a person, with the symbol and equation of the paper.
    It has no parameters and changes nothing; a network without an onlooker computes the same.
    Source: none; the papers show such maps in their figures and do not say how they were taken.
    Shape: any -> same.
    """

    def __init__(self, kind: str, about: str) -> None:
        super().__init__()
        if kind not in KINDS:
            raise ValueError(f"an attention map is one of {KINDS}, got {kind!r}")
        self.kind = kind
        self.about = about

    def forward(self, weights: torch.Tensor) -> torch.Tensor:
        return weights


@runtime_checkable
class PointAttention(Protocol):
    """A module that relates every place to every other: its attention is looked at from one place."""

    about: str
    """What the weights say, as in `AttentionMap`."""

    def attention_of(self, x: torch.Tensor, row: int, column: int) -> torch.Tensor:
        """Return how much one place of the module's input attends to each place: (B, C, Y, X) -> (B, 1, Y, X).

        The weights are positive and sum to 1, float32.
        """
        ...
