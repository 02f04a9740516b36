"""False-positive components of a probability map."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.voxels.boxes import label_boxes
from LiverTumorAttentionLib.voxels.labels import TUMOR
from LiverTumorAttentionLib.voxels.morphology import CORNERS

MOST_VOXELS = 16
"""Of a component that are kept."""


@dataclass(frozen=True, kw_only=True)
class FalsePositive:
    """A connected part of what was taken for a tumor that touches no true one."""

    voxels: NDArray[np.int32]
    """(n, 3) of (z, y, x): the most probable voxel first, then up to 15 others, spread over the component."""
    peak: float
    """Highest probability."""
    mean: float
    """Mean probability."""
    volume_ml: float

    @property
    def strength_ml(self) -> float:
        """Volume weighted by probability."""
        return self.mean * self.volume_ml


def false_positives(
    probability: NDArray[np.float32],
    labels: NDArray[np.uint8],
    spacing_zyx_mm: Sequence[float],
    *,
    threshold: float,
    minimum_diameter_mm: float = 0.0,
) -> list[FalsePositive]:
    """Return the false-positive components of a probability of tumor, strongest first.

    probability, labels: (z, y, x); labels: 2 is tumor. A component is connected by faces, edges or corners; one that
    overlaps or neighbors a true tumor in the same way is none of these. minimum_diameter_mm: of the ball of equal
    volume; smaller ones are left out.
    """
    found, _ = ndimage.label(probability >= threshold, structure=CORNERS)
    near_truth = ndimage.binary_dilation(labels == TUMOR, structure=CORNERS)
    true = set(np.unique(found[near_truth]).tolist())
    voxel_ml = float(np.prod(spacing_zyx_mm)) / 1000.0
    least_ml = math.pi / 6.0 * minimum_diameter_mm**3 / 1000.0
    kept = []
    for number, box in label_boxes(found).items():
        if number in true:
            continue
        mask = found[box] == number
        voxels = np.argwhere(mask)  # in the order of probability[box][mask]
        values = probability[box][mask]
        if len(voxels) * voxel_ml < least_ml:
            continue
        kept.append(
            FalsePositive(
                voxels=(_spread(voxels, int(values.argmax())) + [side.start for side in box]).astype(
                    np.int32
                ),
                peak=float(values.max()),
                mean=float(values.mean()),
                volume_ml=len(voxels) * voxel_ml,
            )
        )
    return sorted(kept, key=lambda one: -one.strength_ml)


def _spread(voxels: NDArray[np.intp], peak: int) -> NDArray[np.intp]:
    """Return the voxel of a number and others, evenly spaced in the order in which they lie in memory."""
    others = np.delete(voxels, peak, axis=0)
    step = -(-len(others) // (MOST_VOXELS - 1)) or 1
    return np.concatenate([voxels[peak : peak + 1], others[::step]])
