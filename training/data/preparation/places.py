"""Voxels that samples may be centered on: thinned, but with every slice and every lesion represented."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.voxels.boxes import bounding_box

MOST_PLACES = 20_000


def places_of(
    mask: NDArray[np.bool_], *, most: int = MOST_PLACES, each_part: bool = False
) -> NDArray[np.int32]:
    """Return voxels of a (z, y, x) mask in the order in which they lie in memory, (n, 3).

    All of them where there are at most `most`. Otherwise as many, evenly spaced, and one more for each slice and,
    with `each_part`, for each connected part (by faces, edges or corners) that might have none among them.
    """
    box = bounding_box(mask)
    if box is None:
        return np.zeros((0, 3), np.int32)
    part = mask[box]
    flat = np.flatnonzero(part)
    if len(flat) > most:
        even = flat[np.linspace(0, len(flat) - 1, most).round().astype(np.int64)]
        chosen = [even, _middles(flat, flat // (part.shape[1] * part.shape[2]))]
        if each_part:
            parts, _ = ndimage.label(part, structure=np.ones((3, 3, 3)))
            chosen.append(_middles(flat, parts.reshape(-1)[flat]))
        flat = np.unique(np.concatenate(chosen))
    corner = [side.start for side in box]
    return (np.stack(np.unravel_index(flat, part.shape), axis=1) + corner).astype(np.int32)


def _middles(values: NDArray[np.int64], groups: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return of every group the value in the middle of its order."""
    order = np.argsort(groups, kind="stable")
    _, first, count = np.unique(groups[order], return_index=True, return_counts=True)
    return values[order[first + count // 2]]
