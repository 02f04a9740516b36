"""Layers in plain numpy, to compare the networks with. Images are (C, Y, X), in double precision."""

from __future__ import annotations

import numpy as np


def convolve(image: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Padded cross-correlation: image (C, Y, X), weight (D, C, k, k)."""
    side, (_, rows, columns) = weight.shape[2], image.shape
    padded = np.pad(image, ((0, 0), (side // 2,) * 2, (side // 2,) * 2))
    out = np.zeros((weight.shape[0], rows, columns))
    for y in range(side):
        for x in range(side):
            out += np.einsum("dc,cyx->dyx", weight[..., y, x], padded[:, y : y + rows, x : x + columns])
    return out + bias[:, None, None]
