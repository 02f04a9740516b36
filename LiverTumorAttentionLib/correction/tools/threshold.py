"""A lesion's own threshold on the network's probability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import ndimage

from LiverTumorAttentionLib.correction.case import Point
from LiverTumorAttentionLib.correction.edits import Edit, repainted
from LiverTumorAttentionLib.correction.lesions import LesionMap
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.morphology import CORNERS

REACH_MM = 25.0
"""How far beyond its present outline a lesion can grow by a lower threshold."""


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """Give a lesion the voxels around it whose probability of tumour reaches a value of its own.

    These are the 26-connected parts, in the liver and in no other lesion, that touch the lesion as it is and lie
    within 25 mm of its box. Needs the network's probability.
    """

    tool: ClassVar[str] = "threshold"
    probability: float
    lesion: int | None = None
    point: Point | None = None

    def edit(self, lesions: LesionMap, progress: Progress) -> Edit:
        lesion = lesions.editable(lesions.target(self.lesion, self.point))
        chances = lesions.case.chances
        if chances is None:
            raise InputError(
                "the result kept no probability, so a lesion has no threshold: segment again and keep the "
                "probability (--save-probability on the command line), or correct it by points"
            )
        if not 0 < self.probability < 1:
            raise InputError(f"a threshold lies between 0 and 1, got {self.probability:g}")
        box = lesions.widened(lesion.box, REACH_MM)
        mask = lesions.mask(lesion.number, box)
        reaching = (chances[box] >= self.probability) & ~lesions.taken(lesion.number, box)
        reaching &= lesions.organ(box) | mask
        labels, _ = ndimage.label(reaching, structure=CORNERS)
        touched = np.unique(labels[mask & reaching])
        if not touched.size:
            highest = float(np.max(chances[box][mask]))
            raise InputError(
                f"no voxel of lesion {lesion.number} reaches {self.probability:g}, its highest probability is "
                f"{highest:.2f}: choose a lower threshold"
            )
        return Edit(
            patches=(repainted(lesions, lesion.number, box, np.isin(labels, touched)),), subject=lesion.number
        )
