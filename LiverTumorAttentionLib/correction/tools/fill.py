"""Fill holes and gaps of a lesion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from LiverTumorAttentionLib.correction.case import Point
from LiverTumorAttentionLib.correction.edits import Edit, repainted
from LiverTumorAttentionLib.correction.lesions import LesionMap
from LiverTumorAttentionLib.correction.tools.checks import check_distance
from LiverTumorAttentionLib.correction.tools.resize import depth_mm
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.morphology import fill_holes


@dataclass(frozen=True, kw_only=True)
class Fill:
    """Fill what no ball of this radius outside a lesion reaches (a closing), and every hole that is left.

    Other lesions stay, and beyond the liver nothing is filled.
    """

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
        return Edit(patches=(repainted(lesions, lesion.number, box, filled),), subject=lesion.number)
