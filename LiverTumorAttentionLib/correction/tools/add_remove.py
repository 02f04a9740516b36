"""Add a lesion by a click, or remove one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from LiverTumorAttentionLib.correction.algorithm.appearance import phase_named
from LiverTumorAttentionLib.correction.algorithm.click_segmentation import Terms, segment_at
from LiverTumorAttentionLib.correction.algorithm.shapes import inner_depth_mm
from LiverTumorAttentionLib.correction.case import Voxel
from LiverTumorAttentionLib.correction.click_network.answer import Prompts, asked, improved
from LiverTumorAttentionLib.correction.edits import Edit, new_number, replacing_mask
from LiverTumorAttentionLib.correction.lesions import Lesion, LesionMap, Seed, point_text
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import box_start
from LiverTumorAttentionLib.voxels.geometry import Point
from LiverTumorAttentionLib.voxels.labels import LIVER

BORDER_MM = 5.0
"""Largest distance of a click from the liver: a coarse liver mask often misses lesions at its surface."""


def check_place(lesions: LesionMap, voxel: Voxel) -> None:
    """Raise `InputError` where no lesion can be added at a voxel: in another one, or far from the liver."""
    point = point_text(lesions.case.point_at(voxel))
    there = int(lesions.labels[voxel]) - LIVER
    if there > 0:
        raise InputError(f"lesion {there} is at {point} already: include or exclude points to correct it")
    if not lesions.organ(lesions.around([voxel], BORDER_MM)).any():
        raise InputError(
            f"the point {point} lies outside of the liver, by more than {BORDER_MM:g} mm: "
            "click on a lesion in the liver"
        )


@dataclass(frozen=True, kw_only=True)
class Add:
    """Add the lesion at a clicked `point` (LPS mm), under the next free number.

    phase: "portal" or "arterial" answers by the appearance in that phase alone: what a reader sees who looks at it.
    """

    tool: ClassVar[str] = "add"
    point: Point
    phase: str | None = None

    def edit(self, lesions: LesionMap, progress: Progress) -> Edit:
        phase = phase_named(self.phase)
        voxel = lesions.case.voxel_at(self.point)
        check_place(lesions, voxel)
        progress.update(0.0, "lesion")
        clicks = asked(lesions, phase)
        segmented = segment_at(lesions, voxel, progress, terms=Terms(phase=phase))
        if clicks is not None:
            prompts = Prompts(include=(voxel,))
            segmented = improved(lesions, None, prompts, segmented, clicks.predict, progress, phase=phase)
        number = new_number(lesions)
        free = segmented.mask & ~lesions.taken(None, segmented.box)
        depth = inner_depth_mm(free, np.asarray(lesions.case.spacing_mm))
        seed = Seed(voxel=voxel, reach_mm=float(depth[tuple(np.asarray(voxel) - box_start(segmented.box))]))
        progress.update(1.0)
        return Edit(
            patches=(replacing_mask(lesions, number, segmented.box, free),),
            records={number: Lesion(number=number, box=segmented.box, include=(seed,), phase=phase)},
            subject=number,
            answered_by=None if clicks is None else clicks.name,
        )


@dataclass(frozen=True, kw_only=True)
class Remove:
    """Remove a lesion, named by its number or by a point in it (LPS mm). Its number is not reused."""

    tool: ClassVar[str] = "remove"
    lesion: int | None = None
    point: Point | None = None

    def edit(self, lesions: LesionMap, progress: Progress) -> Edit:
        lesion = lesions.editable(lesions.target(self.lesion, self.point))
        nothing = np.zeros(lesions.labels[lesion.box].shape, dtype=bool)
        return Edit(patches=(replacing_mask(lesions, lesion.number, lesion.box, nothing),))
