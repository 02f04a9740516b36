"""Status tools: accept a lesion, reject it, or make it a draft again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from LiverTumorAttentionLib.correction.edits import Edit, replacing_mask
from LiverTumorAttentionLib.correction.lesions import LesionMap
from LiverTumorAttentionLib.correction.log_codec import PackedMask
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.geometry import Point


@dataclass(frozen=True, kw_only=True)
class Accept:
    """Accept a lesion, named by its number or a point in it (LPS mm); its voxels cannot be changed then."""

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
    """Reject a lesion, named by its number or a point in it (LPS mm).

    Its voxels become liver; its region is stored, so that findings of later network runs that match it are dropped.
    """

    tool: ClassVar[str] = "reject"
    lesion: int | None = None
    point: Point | None = None

    def edit(self, lesions: LesionMap, progress: Progress) -> Edit:
        lesion = lesions.editable(lesions.target(self.lesion, self.point))
        region = PackedMask.of(lesion.box, lesions.mask(lesion.number, lesion.box))
        empty = np.zeros(lesions.labels[lesion.box].shape, dtype=bool)
        return Edit(
            patches=(replacing_mask(lesions, lesion.number, lesion.box, empty),),
            records={lesion.number: replace(lesion, status="rejected", region=region)},
        )


@dataclass(frozen=True, kw_only=True)
class Revise:
    """Make an accepted or rejected lesion a draft again, named by its number or a point in it (LPS mm).

    A rejected one, which has no voxels, is named by its number; it gets those voxels of its region that no other lesion
    has.
    """

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
            patches=(replacing_mask(lesions, lesion.number, lesion.box, mask),),
            records={lesion.number: draft},
            subject=lesion.number,
        )
