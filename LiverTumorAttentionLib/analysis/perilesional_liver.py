"""Perilesional liver: the parenchyma around a tumor that its attenuation is compared with."""

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
    """Which parenchyma a tumor is compared with. Distances are between voxel centers."""

    nearest_mm: float = 5.0
    """Parenchyma nearer to this or any other tumor is excluded, for partial volume."""
    farthest_mm: float = 15.0
    """Parenchyma farther from this tumor is excluded."""
    border_mm: float = 5.0
    """Parenchyma nearer to the outside of the organ is excluded."""
    shell_mm: float = 2.0
    """How far the shell in which a capsule is looked for reaches to either side of a tumor's outline."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.nearest_mm < self.farthest_mm <= FARTHEST_MM:
            raise InputError(
                f"the surrounding liver must lie between two distances from 0 to {FARTHEST_MM:g} mm, the nearer "
                f"one first; got {self.nearest_mm:g} to {self.farthest_mm:g} mm"
                ": give distances in that range"
            )
        if not 0.0 <= self.border_mm <= FARTHEST_MM:
            raise InputError(
                f"the border of the liver that is left out must be 0 to {FARTHEST_MM:g} mm wide, "
                f"got {self.border_mm:g} mm"
                ": give a width in that range"
            )
        if not 0.0 < self.shell_mm <= FARTHEST_MM:
            raise InputError(
                f"the shell about a tumor's outline must reach above 0 and up to {FARTHEST_MM:g} mm to either side, "
                f"got {self.shell_mm:g} mm: give a width in that range"
            )


@dataclass(frozen=True)
class PerilesionalLiver:
    """Parenchyma that any tumor may be compared with, as a mask `usable` of one box of the image."""

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
    ) -> PerilesionalLiver:
        """Select the liver that is neither tumor nor near one, neither border nor vessel.

        labels: 0, 1 liver, 2, … tumors; organ: the liver, its cavities filled; vessels: a mask to exclude;
        all in a box around the liver, expanded by a voxel where the image has one. Beyond the edge of the image
        nothing counts as outside.
        """
        usable: NDArray[np.bool_] = labels == 1
        usable &= distance_map_mm(labels > 1, spacing_zyx_mm) > settings.nearest_mm
        usable &= distance_map_mm(~organ, spacing_zyx_mm) > settings.border_mm
        if vessels is not None:
            usable &= ~vessels
        return cls(usable, box, spacing_zyx_mm, settings)

    def around_tumor(
        self, labels: NDArray[np.integer], value: int, box: Box
    ) -> tuple[NDArray[np.bool_], Box]:
        """Return the perilesional liver of a tumor as a mask of a box of the image, and that box.

        labels: of the whole image. box: the tumor's bounding box.
        """
        grown = expanded_box(box, margin_voxels(self.settings.farthest_mm, self.spacing_zyx_mm), labels.shape)
        grown = tuple(
            slice(max(part.start, whole.start), min(part.stop, whole.stop))
            for part, whole in zip(grown, self.box, strict=True)
        )
        distance = distance_map_mm(labels[grown] == value, self.spacing_zyx_mm)
        return self.usable[relative_box(grown, self.box)] & (distance <= self.settings.farthest_mm), grown
