"""Merge lesions into one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from LiverTumorAttentionLib.correction.case import Point
from LiverTumorAttentionLib.correction.edits import Edit, Patch
from LiverTumorAttentionLib.correction.lesions import LesionMap
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.labels import LIVER


@dataclass(frozen=True, kw_only=True)
class Merge:
    """Merge lesions, named by their numbers or by points in them (LPS mm); the lowest number stays."""

    tool: ClassVar[str] = "merge"
    lesions: tuple[int, ...] = ()
    points: tuple[Point, ...] = ()

    def edit(self, lesions: LesionMap, progress: Progress) -> Edit:
        numbers = {lesions.target(n, None) for n in self.lesions}
        numbers |= {lesions.target(None, point) for point in self.points}
        if len(numbers) < 2:
            raise InputError(
                f"two lesions or more are needed to merge, got {len(numbers)}: click on each of them"
            )
        parts = [lesions.editable(number) for number in sorted(numbers)]
        kept, others = parts[0], parts[1:]
        patches = []
        for part in others:
            mask = lesions.mask(part.number, part.box)
            patches.append(Patch(part.box, mask, np.full(mask.shape, kept.number + LIVER, np.uint16)))
        record = replace(
            kept,
            include=tuple(seed for part in parts for seed in part.include),
            exclude=tuple(seed for part in parts for seed in part.exclude),
        )
        return Edit(patches=tuple(patches), records={kept.number: record}, subject=kept.number)
