"""Neighboring slices as channels: the half dimension of a 2.5D network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import InputError


def stack_neighbours(volume: NDArray[np.float32], index: int, neighbours: int = 1) -> NDArray[np.float32]:
    """Return slice `index` of a (z, y, x) volume with its neighbors, as (2 * neighbors + 1, y, x).

    Channels run from the lower to the higher z index; the slice itself stands in the middle. Beyond the
    first and the last slice the outermost one is repeated.
    Source: PA-ResSeg, section 4.A, stacks three adjacent slices of each phase.
    """
    if neighbours < 0 or not 0 <= index < volume.shape[0]:
        raise InputError(
            f"slice {index} with {neighbours} neighbours was asked of a volume of {volume.shape[0]} slices"
        )
    wanted = np.arange(index - neighbours, index + neighbours + 1)
    return volume[np.clip(wanted, 0, volume.shape[0] - 1)]
