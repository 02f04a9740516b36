"""A plane that cuts the liver, as a surgeon would draw it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.geometry import Point

SHORTEST_NORMAL = 1e-6


@dataclass(frozen=True, kw_only=True)
class CutPlane:
    """A plane in the patient.

    point_lps_mm: any point of it. normal_lps: the direction, of any length, that points to the part that is
    taken out. Raises `InputError` when it is none.
    """

    point_lps_mm: Point
    normal_lps: Point

    def __post_init__(self) -> None:
        for values, what in ((self.point_lps_mm, "point"), (self.normal_lps, "normal")):
            if len(values) != 3 or not np.isfinite(values).all():
                raise InputError(
                    f"the {what} of a plane must be three finite numbers (L, P, S), got {values}"
                    ": give three numbers"
                )
        if np.linalg.norm(self.normal_lps) < SHORTEST_NORMAL:
            raise InputError(
                f"the normal of a plane must point somewhere, got {self.normal_lps}: give the direction of "
                "the part that is taken out"
            )

    @property
    def unit_normal(self) -> NDArray[np.float64]:
        """The normal, one long."""
        normal = np.asarray(self.normal_lps, float)
        unit: NDArray[np.float64] = normal / np.linalg.norm(normal)
        return unit

    def height_mm(self, position_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far positions (..., 3) lie from the plane, above 0 where they are taken out."""
        height: NDArray[np.float64] = (position_mm - np.asarray(self.point_lps_mm)) @ self.unit_normal
        return height

    def slope(self, position_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how the height changes with the position: (..., 3) LPS, per mm; everywhere alike."""
        return np.broadcast_to(self.unit_normal, np.shape(position_mm))

    def flipped(self) -> CutPlane:
        """Return the same plane with what is taken out and what stays exchanged."""
        x, y, z = self.normal_lps
        return CutPlane(point_lps_mm=self.point_lps_mm, normal_lps=(-x, -y, -z))
