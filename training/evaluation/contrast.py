"""How much the lesions of a case differ from the liver around them, which says whether they can be seen at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.metrics import Components
from LiverTumorAttentionLib.postprocessing import SURROUNDINGS_MM
from LiverTumorAttentionLib.voxels.boxes import bounding_box, expanded_box, margin_voxels
from LiverTumorAttentionLib.voxels.labels import LIVER, TUMOR
from LiverTumorAttentionLib.voxels.surfaces import distance_map_mm

Spacing = tuple[float, float, float]


def lesion_contrasts_hu(
    labels: NDArray[np.integer[Any]], phases: Mapping[str, NDArray[Any]], spacing_zyx_mm: Spacing
) -> list[float]:
    """Return of each lesion, the largest first, its mean less the median of the liver around it, HU.

    That of the phase in which it is largest, either way; NaN where no liver lies around. labels: (z, y, x), 0, 1 liver,
    2 tumor, whose 26-connected parts are the lesions, in the order of `Components`. phases: HU on the same grid.
    """
    lesions = Components.of(labels == TUMOR)
    margin, found = margin_voxels(SURROUNDINGS_MM[1], spacing_zyx_mm), []
    for number in range(1, len(lesions.voxels) + 1):
        own = bounding_box(lesions.numbers == number)
        if own is None:
            raise ValueError("a lesion without a voxel")
        box = expanded_box(own, margin, labels.shape)
        inside = lesions.numbers[box] == number
        distance = distance_map_mm(inside, spacing_zyx_mm)
        around = (labels[box] == LIVER) & (distance > SURROUNDINGS_MM[0]) & (distance <= SURROUNDINGS_MM[1])
        contrasts = (
            [float(hu[box][inside].mean(dtype=float) - np.median(hu[box][around])) for hu in phases.values()]
            if around.any()
            else [np.nan]
        )
        found.append(max(contrasts, key=abs))
    return found
