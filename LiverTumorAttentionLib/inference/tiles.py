"""Overlapping tiles over a slice, and how their results are blended."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def tile_starts(length: int, tile: int, overlap: float) -> list[int]:
    """Return where tiles start so that they cover [0, length), evenly spread.

    length, tile: pixels; a tile longer than the length gives one tile at 0.
    overlap: least share that neighbours have in common, 0 to below 1.
    """
    if length <= tile:
        return [0]
    stride = max(1, int(tile * (1.0 - overlap)))
    count = math.ceil((length - tile) / stride) + 1
    return [round(i * (length - tile) / (count - 1)) for i in range(count)]


def tile_weight(tile: tuple[int, int]) -> NDArray[np.float32]:
    """Return the weight of each pixel of a tile when overlapping tiles are averaged: (height, width).

    A product of triangles, highest in the middle and positive at the border, so that where a tile sees
    little of a pixel's surroundings its neighbour, which sees more, decides.
    Departs: PA-ResSeg stitches overlapping tiles and does not say how they are blended.
    """
    along = []
    for n in tile:
        position = (np.arange(n, dtype=np.float32) + 0.5) / n
        along.append(np.minimum(position, 1.0 - position) * 2.0)
    return np.outer(along[0], along[1]).astype(np.float32)
