"""Add a lesion by a click."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from LiverTumorAttentionLib.correction.algorithm.click_segmentation import lesion_at
from LiverTumorAttentionLib.correction.algorithm.shapes import inner_depth_mm
from LiverTumorAttentionLib.correction.case import Point
from LiverTumorAttentionLib.correction.edits import Edit, new_number, repainted
from LiverTumorAttentionLib.correction.lesions import Lesion, LesionMap, Seed, words
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import box_start
from LiverTumorAttentionLib.voxels.labels import LIVER

BORDER_MM = 5.0
"""A click may lie so far outside of the liver: a coarse liver often misses what lies at its surface."""


@dataclass(frozen=True, kw_only=True)
class Add:
    """Add the lesion that a click at `point` (LPS mm) means, under the next free number."""

    tool: ClassVar[str] = "add"
    point: Point

    def edit(self, lesions: LesionMap, progress: Progress) -> Edit:
        voxel = lesions.case.voxel_at(self.point)
        there = int(lesions.labels[voxel]) - LIVER
        if there > 0:
            raise InputError(
                f"lesion {there} is at {words(self.point)} already: include or exclude points to correct it"
            )
        around = lesions.around([voxel], BORDER_MM)
        if not lesions.organ(around).any():
            raise InputError(
                f"the point {words(self.point)} lies outside of the liver, by more than {BORDER_MM:g} mm: click on "
                "a lesion in the liver"
            )
        progress.update(0.0, "lesion")
        drawn = lesion_at(lesions, voxel, progress)
        number = new_number(lesions)
        free = drawn.mask & ~lesions.taken(None, drawn.box)
        depth = inner_depth_mm(free, np.asarray(lesions.case.spacing_mm))
        seed = Seed(voxel=voxel, reach_mm=float(depth[tuple(np.asarray(voxel) - box_start(drawn.box))]))
        progress.update(1.0)
        return Edit(
            patches=(repainted(lesions, number, drawn.box, free),),
            records={number: Lesion(number=number, box=drawn.box, include=(seed,))},
            subject=number,
        )
