"""Smooth a lesion's surface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import ndimage

from LiverTumorAttentionLib.correction.case import Point
from LiverTumorAttentionLib.correction.edits import Edit, repainted
from LiverTumorAttentionLib.correction.lesions import LesionMap
from LiverTumorAttentionLib.correction.tools.checks import check_distance
from LiverTumorAttentionLib.progress import Progress


@dataclass(frozen=True, kw_only=True)
class Smooth:
    """Smooth a lesion: blur it by a Gaussian of this deviation and keep as many voxels as it had, where it may lie.

    It may lie where it lies now, and in the liver where no other lesion is.
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
        # Voxels that it has go first among equals, so that nothing moves without need.
        order = np.lexsort((~mask.ravel(), -np.where(allowed, blurred, -1.0).ravel()))
        smooth = np.zeros(mask.size, dtype=bool)
        smooth[order[: np.count_nonzero(mask)]] = True
        return Edit(
            patches=(repainted(lesions, lesion.number, box, smooth.reshape(mask.shape)),),
            subject=lesion.number,
        )
