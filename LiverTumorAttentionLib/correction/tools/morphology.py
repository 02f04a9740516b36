"""Morphological tools: grow, shrink, smooth and fill a lesion by a distance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.correction.edits import Edit, replacing_mask
from LiverTumorAttentionLib.correction.lesions import LesionMap
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.geometry import Point
from LiverTumorAttentionLib.voxels.morphology import fill_holes

LARGEST_MM = 50.0
"""Largest distance of a morphological tool."""


@dataclass(frozen=True, kw_only=True)
class Grow:
    """Dilate a lesion by a distance between voxel centers, in the liver and outside of other lesions."""

    tool: ClassVar[str] = "grow"
    distance_mm: float
    lesion: int | None = None
    point: Point | None = None

    def edit(self, lesions: LesionMap, progress: Progress) -> Edit:
        lesion = lesions.editable(lesions.target(self.lesion, self.point))
        check_distance(self.distance_mm, "a lesion grows by")
        box = lesions.widened(lesion.box, self.distance_mm)
        mask = lesions.mask(lesion.number, box)
        near = depth_mm(~mask, lesions) <= self.distance_mm
        grown = mask | (near & lesions.organ(box))
        return Edit(patches=(replacing_mask(lesions, lesion.number, box, grown),), subject=lesion.number)


@dataclass(frozen=True, kw_only=True)
class Shrink:
    """Erode a lesion by a distance between voxel centers."""

    tool: ClassVar[str] = "shrink"
    distance_mm: float
    lesion: int | None = None
    point: Point | None = None

    def edit(self, lesions: LesionMap, progress: Progress) -> Edit:
        lesion = lesions.editable(lesions.target(self.lesion, self.point))
        check_distance(self.distance_mm, "a lesion shrinks by")
        box = lesions.widened(lesion.box, max(lesions.case.spacing_mm))
        mask = lesions.mask(lesion.number, box)
        eroded = depth_mm(mask, lesions) > self.distance_mm
        if not eroded.any():
            raise InputError(
                f"nothing would be left of lesion {lesion.number} if it shrank by {self.distance_mm:g} mm: "
                "shrink it by less, or remove it"
            )
        return Edit(patches=(replacing_mask(lesions, lesion.number, box, eroded),), subject=lesion.number)


@dataclass(frozen=True, kw_only=True)
class Smooth:
    """Smooth a lesion's mask by a Gaussian of this deviation, thresholded at the value that preserves its volume.

    It stays within its present voxels and the liver outside of other lesions.
    """

    tool: ClassVar[str] = "smooth"
    distance_mm: float
    lesion: int | None = None
    point: Point | None = None

    def edit(self, lesions: LesionMap, progress: Progress) -> Edit:
        lesion = lesions.editable(lesions.target(self.lesion, self.point))
        check_distance(self.distance_mm, "a lesion is smoothed over")
        box = lesions.widened(lesion.box, 2 * self.distance_mm)
        mask = lesions.mask(lesion.number, box)
        deviation = [self.distance_mm / step for step in lesions.case.spacing_mm]
        blurred = ndimage.gaussian_filter(mask.astype(np.float32), deviation, mode="constant", truncate=3)
        allowed = mask | (lesions.organ(box) & ~lesions.taken(lesion.number, box))
        # Of voxels of equal value, those of the lesion come first, so that none moves without need.
        order = np.lexsort((~mask.ravel(), -np.where(allowed, blurred, -1.0).ravel()))
        smooth = np.zeros(mask.size, dtype=bool)
        smooth[order[: np.count_nonzero(mask)]] = True
        return Edit(
            patches=(replacing_mask(lesions, lesion.number, box, smooth.reshape(mask.shape)),),
            subject=lesion.number,
        )


@dataclass(frozen=True, kw_only=True)
class Fill:
    """Close a lesion by a ball of this radius, then fill its cavities, in the liver and outside of other lesions."""

    tool: ClassVar[str] = "fill"
    distance_mm: float
    lesion: int | None = None
    point: Point | None = None

    def edit(self, lesions: LesionMap, progress: Progress) -> Edit:
        lesion = lesions.editable(lesions.target(self.lesion, self.point))
        check_distance(self.distance_mm, "gaps are filled up to")
        box = lesions.widened(lesion.box, 2 * self.distance_mm + max(lesions.case.spacing_mm))
        mask = lesions.mask(lesion.number, box)
        dilated = depth_mm(~mask, lesions) <= self.distance_mm
        closed = mask | (depth_mm(dilated, lesions) > self.distance_mm)
        filled = mask | (fill_holes(closed) & lesions.organ(box))
        return Edit(patches=(replacing_mask(lesions, lesion.number, box, filled),), subject=lesion.number)


def check_distance(distance_mm: float, what: str) -> None:
    """Raise `InputError` unless a distance lies above 0 and at most 50 mm."""
    if not 0 < distance_mm <= LARGEST_MM:
        raise InputError(
            f"{what} more than 0 and at most {LARGEST_MM:g} mm, got {distance_mm:g}"
            ": give a distance in that range"
        )


def depth_mm(mask: NDArray[np.bool_], lesions: LesionMap) -> NDArray[np.float64]:
    """Return each voxel's distance to the outside of a mask; the border of the box is not outside."""
    if mask.all():
        return np.full(mask.shape, np.inf)
    return np.asarray(ndimage.distance_transform_edt(mask, sampling=lesions.case.spacing_mm))
