"""The lesions of prepared cases one by one, kept as bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from LiverTumorAttentionLib.voxels.boxes import bounding_box
from LiverTumorAttentionLib.voxels.morphology import CORNERS
from training.data.case import PreparedCase
from training.sampling.box_mask import BoxMask

TUMOR = 2
"""Value in the labels of prepared cases."""


@dataclass(frozen=True)
class CaseLesion:
    """A lesion of a prepared case: a component (26-connected) of its tumor voxels.

    case: number of the case. voxels: in its arrays. diameter_mm: of a ball as large.
    """

    case: int
    voxels: BoxMask
    diameter_mm: float


def lesions_of(cases: Sequence[PreparedCase], least_diameter_mm: float) -> list[CaseLesion]:
    """Return the lesions of all cases that are large enough, case by case. Reads the labels of all cases."""
    found: list[CaseLesion] = []
    for number, case in enumerate(cases):
        if not case.voxels["tumor"]:
            continue
        tumor = case.labels == TUMOR
        outer = bounding_box(tumor)
        if outer is None:
            continue
        parts, _ = ndimage.label(tumor[outer], structure=CORNERS)
        for value, inner in enumerate(ndimage.find_objects(parts), start=1):
            mask = parts[inner] == value
            volume = np.count_nonzero(mask) * float(np.prod(case.spacing_mm))
            diameter = float((6 * volume / np.pi) ** (1 / 3))
            if diameter >= least_diameter_mm:
                box = tuple(
                    slice(a.start + b.start, a.start + b.stop) for a, b in zip(outer, inner, strict=True)
                )
                found.append(CaseLesion(number, BoxMask.of(box, mask), diameter))
    return found
