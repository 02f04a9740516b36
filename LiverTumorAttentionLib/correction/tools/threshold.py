"""Threshold of a single lesion on the network's probability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import ndimage

from LiverTumorAttentionLib.correction.edits import Edit, replacing_mask
from LiverTumorAttentionLib.correction.lesions import LesionMap
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.geometry import Point
from LiverTumorAttentionLib.voxels.morphology import CORNERS

REACH_MM = 25.0
"""Largest growth of a lesion beyond its box by a lower threshold."""


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """Set a lesion to the voxels around it whose probability of tumor is at least `probability`.

    Of these, its 26-connected components that touch the lesion, in the liver and in no other lesion, within 25 mm of
    its box. Needs the network's probability.
    """

    tool: ClassVar[str] = "threshold"
    probability: float
    lesion: int | None = None
    point: Point | None = None

    def edit(self, lesions: LesionMap, progress: Progress) -> Edit:
        lesion = lesions.editable(lesions.target(self.lesion, self.point))
        probability = lesions.case.tumor_probability
        if probability is None:
            raise InputError(
                "the result kept no probability, so a lesion has no threshold: segment again and keep the "
                "probability (--save-probability on the command line), or correct it by points"
            )
        if not 0 < self.probability < 1:
            raise InputError(
                f"a threshold lies between 0 and 1, got {self.probability:g}: give a number in between"
            )
        box = lesions.widened(lesion.box, REACH_MM)
        mask = lesions.mask(lesion.number, box)
        reaching = (probability[box] >= self.probability) & ~lesions.taken(lesion.number, box)
        reaching &= lesions.organ(box) | mask
        labels, _ = ndimage.label(reaching, structure=CORNERS)
        touched = np.unique(labels[mask & reaching])
        if not touched.size:
            highest = float(np.max(probability[box][mask]))
            raise InputError(
                f"no voxel of lesion {lesion.number} reaches {self.probability:g}, its highest probability is "
                f"{highest:.2f}: choose a lower threshold"
            )
        return Edit(
            patches=(replacing_mask(lesions, lesion.number, box, np.isin(labels, touched)),),
            subject=lesion.number,
        )
