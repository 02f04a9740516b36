"""Accept a lesion, reject it, or make it a draft again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from LiverTumorAttentionLib.correction.case import Point
from LiverTumorAttentionLib.correction.edits import Edit, repainted
from LiverTumorAttentionLib.correction.lesions import LesionMap
from LiverTumorAttentionLib.correction.packed_mask import PackedMask
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.progress import Progress


@dataclass(frozen=True, kw_only=True)
class Accept:
    """Accept a lesion: from now on nothing changes its voxels. By its number or a point in it (LPS mm)."""

    tool: ClassVar[str] = "accept"
    lesion: int | None = None
    point: Point | None = None

    def edit(self, lesions: LesionMap, progress: Progress) -> Edit:
        lesion = lesions.lesion(lesions.target(self.lesion, self.point))
        if lesion.status == "rejected":
            raise InputError(f"lesion {lesion.number} is rejected: make it a draft again, then accept it")
        return Edit(records={lesion.number: replace(lesion, status="accepted")}, subject=lesion.number)


@dataclass(frozen=True, kw_only=True)
class Reject:
    """Reject a lesion: its voxels are liver again, and what it covered is remembered, so that a later run of a network
    does not bring it back. By its number or a point in it (LPS mm).
    """

    tool: ClassVar[str] = "reject"
    lesion: int | None = None
    point: Point | None = None

    def edit(self, lesions: LesionMap, progress: Progress) -> Edit:
        lesion = lesions.editable(lesions.target(self.lesion, self.point))
        region = PackedMask.of(lesion.box, lesions.mask(lesion.number, lesion.box))
        nothing = np.zeros(lesions.labels[lesion.box].shape, dtype=bool)
        return Edit(
            patches=(repainted(lesions, lesion.number, lesion.box, nothing),),
            records={lesion.number: replace(lesion, status="rejected", region=region)},
        )


@dataclass(frozen=True, kw_only=True)
class Revise:
    """Make an accepted or rejected lesion a draft again. A rejected one, which has no
    voxels and so only a number, takes back what no other lesion took since. By number or a point (LPS mm)."""

    tool: ClassVar[str] = "revise"
    lesion: int | None = None
    point: Point | None = None

    def edit(self, lesions: LesionMap, progress: Progress) -> Edit:
        lesion = lesions.lesion(lesions.target(self.lesion, self.point))
        draft = replace(lesion, status="draft", region=None)
        if lesion.region is None:
            return Edit(records={lesion.number: draft}, subject=lesion.number)
        mask = lesion.region.mask() & ~lesions.taken(lesion.number, lesion.box)
        if not mask.any():
            raise InputError(
                f"other lesions cover all that lesion {lesion.number} covered: remove them first, or leave it rejected"
            )
        return Edit(
            patches=(repainted(lesions, lesion.number, lesion.box, mask),),
            records={lesion.number: draft},
            subject=lesion.number,
        )
