"""Overlapping pieces along an axis, and how their results are blended.

The weights are made so that at every position those of all pieces sum to 1. A weighted mean over pieces is
then a plain sum, and no volume of weights has to be kept to divide by.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Window = Callable[[int], NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True)
class Piece:
    """One piece of an axis: where it starts, and how much each of its positions counts."""

    start: int
    weights: NDArray[np.float32]


def piece_starts(length: int, piece: int, overlap: float) -> list[int]:
    """Return where pieces start so that they cover [0, length), evenly spread.

    length, piece: voxels; a piece longer than the length gives one piece at 0.
    overlap: least share that neighbours have in common, 0 to below 1.
    """
    if length <= piece:
        return [0]
    stride = max(1, int(piece * (1.0 - overlap)))
    count = math.ceil((length - piece) / stride) + 1
    return [round(i * (length - piece) / (count - 1)) for i in range(count)]


def pieces_along(length: int, piece: int, overlap: float, window: Window) -> list[Piece]:
    """Return the pieces that cover an axis of at least one piece's length; their weights sum to 1 everywhere.

    window: the weights of a piece's positions before they are brought to that sum.
    """
    starts = piece_starts(length, piece, overlap)
    shape = window(piece)
    total = np.zeros(max(length, piece), dtype=np.float32)
    for start in starts:
        total[start : start + piece] += shape
    return [Piece(start=start, weights=shape / total[start : start + piece]) for start in starts]


def triangle(n: int) -> NDArray[np.float32]:
    """Return weights that rise to the middle of a piece and are positive at its border: (n,).

    Where a tile sees little of a pixel's surroundings its neighbour, which sees more, decides.
    Departs: PA-ResSeg stitches overlapping tiles and does not say how they are blended.
    """
    position = (np.arange(n, dtype=np.float32) + 0.5) / n
    return (np.minimum(position, 1.0 - position) * 2.0).astype(np.float32)


def gaussian(n: int) -> NDArray[np.float32]:
    """Return a Gaussian over a piece, its standard deviation an eighth of the piece: (n,).

    Source: Isensee et al., nnU-Net, Nature Methods 2021 (Gaussian importance weighting of patches).
    Departs: DPC-Net overlaps patches by half and does not say how they are blended.
    """
    offset = np.arange(n, dtype=np.float32) - (n - 1) / 2.0
    return np.exp(-0.5 * (offset / (n / 8.0)) ** 2).astype(np.float32)
