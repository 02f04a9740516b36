"""Remove a lesion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from LiverTumorAttentionLib.correction.case import Point
from LiverTumorAttentionLib.correction.edits import Edit, repainted
from LiverTumorAttentionLib.correction.lesions import LesionMap
from LiverTumorAttentionLib.progress import Progress


@dataclass(frozen=True, kw_only=True)
class Remove:
    """Remove a lesion, named by its number or by a point in it (LPS mm). Its number is not given again."""

    tool: ClassVar[str] = "remove"
    lesion: int | None = None
    point: Point | None = None

    def edit(self, lesions: LesionMap, progress: Progress) -> Edit:
        lesion = lesions.editable(lesions.target(self.lesion, self.point))
        nothing = np.zeros(lesions.labels[lesion.box].shape, dtype=bool)
        return Edit(patches=(repainted(lesions, lesion.number, lesion.box, nothing),))
