"""Outlines drawn around balls of generated cases, in any plane."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from LiverTumorAttentionLib.correction import CorrectionCase, Point
from Testing.Library.correction.made_case import SPACING_MM

AXES = {"axial": 0, "coronal": 1, "sagittal": 2}


def circle(
    case: CorrectionCase, center: Sequence[float], radius_mm: float, plane: str = "axial", *, points: int = 40
) -> tuple[Point, ...]:
    """Return a circle around a voxel (z, y, x) in a slice along the grid."""
    normal = AXES[plane]
    first, second = (k for k in range(3) if k != normal)
    ways = np.zeros((2, 3))
    ways[0, first] = ways[1, second] = 1.0
    return circle_across(case, center, radius_mm, ways, points=points)


def circle_across(
    case: CorrectionCase, center: Sequence[float], radius_mm: float, ways: np.ndarray, *, points: int = 40
) -> tuple[Point, ...]:
    """Return a circle in the plane of two unit vectors (2, 3), in grid millimetres (z, y, x)."""
    turns = np.linspace(0, 2 * np.pi, points, endpoint=False)
    places = radius_mm * (np.cos(turns)[:, None] * ways[0] + np.sin(turns)[:, None] * ways[1])
    found = []
    for place in np.asarray(center) + places / SPACING_MM:
        px, py, pz = case.portal.TransformContinuousIndexToPhysicalPoint(place[::-1].tolist())
        found.append((px, py, pz))
    return tuple(found)
