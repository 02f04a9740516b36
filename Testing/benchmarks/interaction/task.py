"""What every tool is given, and the buttons that every tool has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.voxels.boxes import Box, expanded_box, margin_voxels

Mask = NDArray[np.bool_]
Voxel = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class Click:
    """A click of the user.

    voxel: (z, y, x). include: whether it is missing, else it is too much. depth_mm: how far it lies from where the
    part ends that is wrong: a user paints no wider than that.
    """

    voxel: Voxel
    include: bool
    depth_mm: float


@dataclass(frozen=True, kw_only=True)
class Task:
    """A lesion to segment, on the portal grid.

    labels: uint16 (z, y, x), 0, 1 liver, 2, 3, … the other findings, and the lesion's own where there is one.
    start: value of the lesion in the labels; None when nothing is there. hu: of the phase in which the lesion stands
    out more, for tools that see one phase alone.
    """

    portal: sitk.Image
    arterial: sitk.Image | None
    probability: sitk.Image | None
    labels: NDArray[np.uint16]
    start: int | None
    hu: NDArray[Any]

    @property
    def mask(self) -> Mask:
        """The lesion as it stands at the start."""
        if self.start is None:
            return np.zeros(self.labels.shape, dtype=bool)
        return np.asarray(self.labels == self.start)

    @property
    def free(self) -> Mask:
        """Where the lesion may lie: in the liver, and in no other finding."""
        return np.asarray((self.labels == 1) | self.mask)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Voxel size along z, y, x."""
        x, y, z = self.portal.GetSpacing()
        return float(z), float(y), float(x)


class Tool(Protocol):
    """Keeps the mask (z, y, x) of one lesion."""

    mask: Mask

    def click(self, click: Click) -> bool:
        """Do what a click means; return whether it could be done."""
        ...


def ball_of(
    voxel: Voxel, radius_mm: float, shape: tuple[int, ...], spacing_mm: tuple[float, ...]
) -> tuple[Box, Mask]:
    """Return a box around a voxel, and in it the voxels whose centres lie inside of a ball around it.

    A radius to the nearest voxel that does not belong to it, as a click's depth is, does not reach that voxel.
    """
    point = tuple(slice(i, i + 1) for i in voxel)
    box = expanded_box(point, margin_voxels(radius_mm, spacing_mm), shape)
    squares = [
        ((np.arange(side.start, side.stop) - place) * step) ** 2
        for side, place, step in zip(box, voxel, spacing_mm, strict=True)
    ]
    total = squares[0][:, None, None] + squares[1][None, :, None] + squares[2][None, None, :]
    return box, np.asarray(total < max(radius_mm, 1e-6) ** 2)
