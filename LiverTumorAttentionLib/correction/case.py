"""Inputs of a correction: both phases, the probability of tumor and the segmentation, on one grid."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.geometry import Point, check_same_grid

Voxel = tuple[int, int, int]
"""A voxel of the portal grid in array order (z, y, x)."""


@dataclass(frozen=True, kw_only=True)
class CorrectionCase:
    """The inputs of a correction, read-only.

    portal: HU, in any orientation and handedness. arterial: HU on the portal grid (registered), -1024 where it
    has no data; None without one. probability: of tumor, on the portal grid; None when the result has none.
    instances: 0 background, 1 liver, 2, 3, … one value a lesion; lesion number n has the value n + 1.
    model: id of the model that found the lesions; None when they were drawn by hand.
    Raises `InputError` when the grids differ or the instances are no whole numbers from 0 to 65535.
    """

    portal: sitk.Image
    instances: sitk.Image
    arterial: sitk.Image | None = None
    probability: sitk.Image | None = None
    model: str | None = None

    def __post_init__(self) -> None:
        others = {
            "the segmentation": self.instances,
            "the arterial volume": self.arterial,
            "the probability": self.probability,
        }
        for name, image in others.items():
            if image is not None:
                check_same_grid(self.portal, image, "the portal volume", name)
        if self.start.dtype.kind not in "iu" or self.start.min() < 0 or self.start.max() > 65535:
            raise InputError(
                f"the segmentation holds {self.instances.GetPixelIDTypeAsString()} from {self.start.min():g} to "
                f"{self.start.max():g}: whole numbers are needed, 0 background, 1 liver, 2, 3, … one a lesion"
                ": give such a segmentation"
            )

    @cached_property
    def start(self) -> NDArray[Any]:
        """The segmentation before any correction (z, y, x), read-only."""
        return sitk.GetArrayViewFromImage(self.instances)

    @cached_property
    def portal_hu(self) -> NDArray[Any]:
        """The portal phase (z, y, x), read-only."""
        return sitk.GetArrayViewFromImage(self.portal)

    @cached_property
    def arterial_hu(self) -> NDArray[Any] | None:
        """The arterial phase (z, y, x), read-only."""
        return None if self.arterial is None else sitk.GetArrayViewFromImage(self.arterial)

    @cached_property
    def tumor_probability(self) -> NDArray[Any] | None:
        """The probability of tumor (z, y, x), read-only."""
        return None if self.probability is None else sitk.GetArrayViewFromImage(self.probability)

    @cached_property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Voxel size along z, y, x."""
        x, y, z = self.portal.GetSpacing()
        return float(z), float(y), float(x)

    @cached_property
    def start_checksum(self) -> int:
        """CRC-32 of the segmentation. Takes a pass over the volume."""
        return zlib.crc32(np.ascontiguousarray(self.start, dtype=np.uint16).data)

    @property
    def voxel_mm3(self) -> float:
        """Volume of a voxel."""
        return float(np.prod(self.spacing_mm))

    def voxel_at(self, point: Point) -> Voxel:
        """Return the voxel that contains a point. Raises `InputError` for a point outside the volume."""
        if len(point) != 3 or not np.isfinite(point).all():
            raise InputError(f"a point has three numbers x, y, z in LPS mm, got {tuple(point)}: give three")
        x, y, z = (int(np.rint(i)) for i in self.portal.TransformPhysicalPointToContinuousIndex(list(point)))
        if not all(0 <= i < n for i, n in zip((x, y, z), self.portal.GetSize(), strict=True)):
            words = ", ".join(f"{value:.1f}" for value in point)
            raise InputError(
                f"the point ({words}) mm lies outside of the portal volume: choose one inside it (on the command "
                "line, points are LPS: x to the left, y to the back)"
            )
        return z, y, x

    def point_at(self, voxel: Voxel) -> Point:
        """Return the centre of a voxel, LPS mm."""
        z, y, x = (int(i) for i in voxel)
        px, py, pz = self.portal.TransformIndexToPhysicalPoint((x, y, z))
        return px, py, pz
