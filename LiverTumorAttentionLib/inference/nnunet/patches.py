"""Patches of nnU-Net: where they lie, how a small volume is padded, and how they are weighted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

STEP = 0.5
"""Patches are at most this share of their side apart."""
PEAK = 10.0
"""The weight in the middle of a patch, which keeps the weights at its corners within half precision."""


def patch_starts(length: int, side: int, step: float = STEP) -> list[int]:
    """Return where patches of a side start that cover [0, length) evenly, at most `step` sides apart.

    length: at least the side.
    """
    count = math.ceil((length - side) / (side * step)) + 1
    if count == 1:
        return [0]
    return [round((length - side) / (count - 1) * number) for number in range(count)]


def padding(shape: Sequence[int], patch: Sequence[int]) -> list[tuple[int, int]]:
    """Return how many voxels are added before and after each axis so that a patch fits; the odd one after."""
    missing = [max(0, side - length) for length, side in zip(shape, patch, strict=True)]
    return [(lacking // 2, lacking - lacking // 2) for lacking in missing]


@lru_cache(maxsize=4)
def gaussian_weights(patch: tuple[int, ...]) -> NDArray[np.float32]:
    """Return the weights of a patch's voxels: a Gaussian about its middle with a deviation of an eighth of the side.

    In the precision of nnU-Net, which is half: what would be 0 in it is given the smallest weight that is not.
    """
    middle = np.zeros(patch)
    middle[tuple(side // 2 for side in patch)] = 1.0
    weights = ndimage.gaussian_filter(middle, [side / 8 for side in patch], mode="constant")
    half = (weights / (weights.max() / PEAK)).astype(np.float16)
    half[half == 0] = half[half > 0].min()
    return half.astype(np.float32)
