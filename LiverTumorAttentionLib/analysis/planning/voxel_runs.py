"""The liver as runs of voxels: a plane crosses a row of voxels in one place, so that few need a look."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.voxels.geometry import ImageAxes


@dataclass(frozen=True)
class Runs:
    """Voxels of one label that follow each other along x.

    start_zyx: (N, 3) the first voxel of each. length: (N,) how many. label: (N,).
    axes: geometry of the image that start_zyx belongs to.
    """

    start_zyx: NDArray[np.intp]
    length: NDArray[np.intp]
    label: NDArray[np.intp]
    axes: ImageAxes

    @classmethod
    def of(cls, labels: NDArray[np.integer], axes: ImageAxes) -> Runs:
        """Return the runs of everything that is not 0 in an array (z, y, x)."""
        padded = np.pad(labels, ((0, 0), (0, 0), (1, 1)))
        change = padded[:, :, 1:] != padded[:, :, :-1]
        borders = np.argwhere(change)
        value = padded[borders[:, 0], borders[:, 1], borders[:, 2] + 1]
        # Every border but the last of a row begins what ends at the next one; what begins there may be 0.
        solid = np.flatnonzero(value)
        return cls(
            start_zyx=borders[solid],
            length=borders[solid + 1, 2] - borders[solid, 2] if solid.size else np.zeros(0, np.intp),
            label=value[solid].astype(np.intp),
            axes=axes,
        )

    @cached_property
    def start_mm(self) -> NDArray[np.float64]:
        """LPS positions of the first voxels, (N, 3)."""
        return self.axes.position_mm(self.start_zyx)

    def voxels(self, label_count: int) -> NDArray[np.float64]:
        """Return the number of voxels of each label, 0 to `label_count` - 1."""
        weights = self.length.astype(np.float64)
        return np.bincount(self.label, weights=weights, minlength=label_count).astype(np.float64)
