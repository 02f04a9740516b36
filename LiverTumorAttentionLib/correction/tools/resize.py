"""Grow or shrink a lesion by a distance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.correction.case import Point
from LiverTumorAttentionLib.correction.edits import Edit, repainted
from LiverTumorAttentionLib.correction.lesions import LesionMap
from LiverTumorAttentionLib.correction.tools.checks import check_distance
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.progress import Progress


@dataclass(frozen=True, kw_only=True)
class Grow:
    """Add what lies within a distance of a lesion, from voxel centre to centre, in the liver and in no other lesion."""

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
        return Edit(patches=(repainted(lesions, lesion.number, box, grown),), subject=lesion.number)


@dataclass(frozen=True, kw_only=True)
class Shrink:
    """Take off what lies within a distance of a lesion's outside, voxel centre to voxel centre."""

    tool: ClassVar[str] = "shrink"
    distance_mm: float
    lesion: int | None = None
    point: Point | None = None

    def edit(self, lesions: LesionMap, progress: Progress) -> Edit:
        lesion = lesions.editable(lesions.target(self.lesion, self.point))
        check_distance(self.distance_mm, "a lesion shrinks by")
        box = lesions.widened(lesion.box, max(lesions.case.spacing_mm))
        mask = lesions.mask(lesion.number, box)
        left = depth_mm(mask, lesions) > self.distance_mm
        if not left.any():
            raise InputError(
                f"nothing would be left of lesion {lesion.number} if it shrank by {self.distance_mm:g} mm: "
                "shrink it by less, or remove it"
            )
        return Edit(patches=(repainted(lesions, lesion.number, box, left),), subject=lesion.number)


def depth_mm(mask: NDArray[np.bool_], lesions: LesionMap) -> NDArray[np.float64]:
    """Return how far each voxel of a mask lies from what is not in it; where the box ends, the mask goes on."""
    if mask.all():
        return np.full(mask.shape, np.inf)
    return np.asarray(ndimage.distance_transform_edt(mask, sampling=lesions.case.spacing_mm))
