"""The patch around one candidate, as the network of the second look sees it.

A cube along the axes of the volume around the candidate's center of mass, which grows with the candidate. Channels,
each (z, y, x):

    0  portal venous phase: HU above the liver's median, by CONTRAST_HU, clipped
    1  arterial phase: likewise, 0 where it was not imaged
    2  share that the arterial phase imaged
    3  probability of tumor
    4  share of the candidate
    5  share of the coarse liver
    6  binary logarithm of the step by USUAL_STEP_MM
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.voxels.labels import OUTSIDE_HU
from LiverTumorAttentionLib.voxels.sample_cube import Cube, Field, Read, Triple

CHANNELS = 7
SAMPLES = 32
"""Samples along each side."""
DIAMETERS = 3.0
"""Length of a side in diameters of the candidate,"""
SIDE_MM = (36.0, 160.0)
"""within these limits: what surrounds a small candidate tells what it is."""
CONTRAST_HU = 50.0
"""HU above the liver that become 1."""
LARGEST_CONTRAST = 4.0
"""What lies beyond, either way, is clipped."""
USUAL_STEP_MM = 1.2
"""The step whose channel is 0; twice as far apart is 1."""


@dataclass(frozen=True, kw_only=True)
class PatchVolumes:
    """Readers of the volumes of a case, each of which takes a box (z, y, x) of one grid.

    portal, arterial: HU, the arterial volume registered, `OUTSIDE_HU` where it saw nothing, None without one.
    probability: of tumor. liver: mask of the coarse liver. instances: 2, 3, … one value a candidate.
    shape, spacing_mm: of the grid (z, y, x). portal_hu, arterial_hu: medians of the liver.
    """

    portal: Read
    arterial: Read | None
    probability: Read
    liver: Read
    instances: Read
    shape: tuple[int, ...]
    spacing_mm: Triple
    portal_hu: float
    arterial_hu: float

    def patch(self, value: int, center: Triple, diameter_mm: float, *, samples: int = SAMPLES) -> Field:
        """Return the patch of a candidate, (7, samples, samples, samples).

        value: in the instances. center: of mass, in voxels (z, y, x). diameter_mm: of the ball of its volume.
        samples: more of them, as far apart, show more of what lies around.
        """
        step = patch_step_mm(diameter_mm)
        cube = Cube(
            center=center,
            step_mm=(step,) * 3,
            samples=samples,
            spacing_mm=self.spacing_mm,
            shape=self.shape,
        )
        patch = np.zeros((CHANNELS, samples, samples, samples), np.float32)
        patch[0] = _contrast(cube.sampled(self.portal) - np.float32(self.portal_hu))
        arterial = self.arterial
        if arterial is not None and not np.isnan(self.arterial_hu):
            level = np.float32(self.arterial_hu)
            patch[1] = _contrast(
                cube.sampled(lambda box: np.where(_imaged(values := arterial(box)), values - level, 0))
            )
            patch[2] = cube.sampled(lambda box: _imaged(arterial(box)))
        patch[3] = cube.sampled(lambda box: np.nan_to_num(self.probability(box)))
        patch[4] = cube.sampled(lambda box: self.instances(box) == value)
        patch[5] = cube.sampled(self.liver)
        patch[6] = np.log2(step / USUAL_STEP_MM)
        return patch


def patch_step_mm(diameter_mm: float) -> float:
    """Return the distance of a patch's samples. diameter_mm: of the ball of the candidate's volume."""
    return float(np.clip(DIAMETERS * diameter_mm, *SIDE_MM)) / SAMPLES


def _contrast(hu: Field) -> Field:
    return np.clip(hu / np.float32(CONTRAST_HU), -LARGEST_CONTRAST, LARGEST_CONTRAST)


def _imaged(hu: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(hu > OUTSIDE_HU)
