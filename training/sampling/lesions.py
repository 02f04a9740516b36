"""The lesions of prepared cases one by one, kept as bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.voxels.boxes import Box, bounding_box, box_start
from LiverTumorAttentionLib.voxels.morphology import CORNERS
from training.data.case import PreparedCase

TUMOR = 2
"""Value in the labels of prepared cases."""


@dataclass(frozen=True)
class CaseLesion:
    """A lesion of a prepared case: a component (26-connected) of its tumor voxels.

    case: number of the case. box: in its arrays (z, y, x). bits: its voxels there. diameter_mm: of a ball as large.
    """

    case: int
    box: Box
    bits: NDArray[np.uint8]
    diameter_mm: float

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Its voxels in its box."""
        shape = tuple(side.stop - side.start for side in self.box)
        return np.unpackbits(self.bits, count=int(np.prod(shape))).reshape(shape).astype(bool)

    def read(self, box: Box) -> NDArray[np.bool_]:
        """Return its voxels in a box of the case."""
        found = np.zeros([side.stop - side.start for side in box], bool)
        first = [max(a.start, b.start) for a, b in zip(box, self.box, strict=True)]
        end = [max(min(a.stop, b.stop), f) for a, b, f in zip(box, self.box, first, strict=True)]

        def part(of: Box) -> Box:
            start = box_start(of)
            return tuple(
                slice(int(a - s), int(max(b - s, a - s))) for a, b, s in zip(first, end, start, strict=True)
            )

        if all(a < b for a, b in zip(first, end, strict=True)):
            found[part(box)] = self.mask[part(self.box)]
        return found


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
                found.append(CaseLesion(number, box, np.packbits(mask), diameter))
    return found
