"""The liver around a tumour, as a measure of what the tumour's brightness is compared with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.boxes import Box, expanded_box, margin_voxels, relative_box
from LiverTumorAttentionLib.voxels.surfaces import distance_map_mm

FARTHEST_MM = 100.0


@dataclass(frozen=True, kw_only=True)
class ReviewSettings:
    """Which liver a tumour is compared with. Distances run between voxel centres."""

    nearest_mm: float = 5.0
    """The liver nearer to this or any other tumour is left out: there both mix."""
    farthest_mm: float = 15.0
    """The liver farther from this tumour is left out."""
    border_mm: float = 5.0
    """The liver nearer to what lies outside the organ is left out."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.nearest_mm < self.farthest_mm <= FARTHEST_MM:
            raise InputError(
                f"the surrounding liver must lie between two distances from 0 to {FARTHEST_MM:g} mm, the nearer "
                f"one first; got {self.nearest_mm:g} to {self.farthest_mm:g} mm"
            )
        if not 0.0 <= self.border_mm <= FARTHEST_MM:
            raise InputError(
                f"the border of the liver that is left out must be 0 to {FARTHEST_MM:g} mm wide, "
                f"got {self.border_mm:g} mm"
            )


@dataclass(frozen=True)
class Surroundings:
    """The liver that may be compared with, in one box of the image, for all tumours together."""

    usable: NDArray[np.bool_]
    box: Box
    spacing_zyx_mm: tuple[float, float, float]
    settings: ReviewSettings

    @classmethod
    def of(
        cls,
        labels: NDArray[np.integer],
        organ: NDArray[np.bool_],
        box: Box,
        spacing_zyx_mm: tuple[float, float, float],
        settings: ReviewSettings,
        vessels: NDArray[np.bool_] | None = None,
    ) -> Surroundings:
        """Choose the liver that is neither tumour nor near one, neither border nor vessel.

        labels: 0, 1 liver, 2, … tumours; organ: the liver without cavities; vessels: what is no parenchyma;
        all in a box around the liver, with a voxel more where there is one. What lies beyond the edge of the
        image is not known, and not taken for outside.
        """
        usable: NDArray[np.bool_] = labels == 1
        usable &= distance_map_mm(labels > 1, spacing_zyx_mm) > settings.nearest_mm
        usable &= distance_map_mm(~organ, spacing_zyx_mm) > settings.border_mm
        if vessels is not None:
            usable &= ~vessels
        return cls(usable, box, spacing_zyx_mm, settings)

    def around(self, labels: NDArray[np.integer], value: int, box: Box) -> tuple[NDArray[np.bool_], Box]:
        """Return the liver around a tumour as mask of a box of the image, and that box.

        labels: of the whole image. box: the tumour's own.
        """
        grown = expanded_box(box, margin_voxels(self.settings.farthest_mm, self.spacing_zyx_mm), labels.shape)
        grown = tuple(
            slice(max(part.start, whole.start), min(part.stop, whole.stop))
            for part, whole in zip(grown, self.box, strict=True)
        )
        distance = distance_map_mm(labels[grown] == value, self.spacing_zyx_mm)
        return self.usable[relative_box(grown, self.box)] & (distance <= self.settings.farthest_mm), grown
