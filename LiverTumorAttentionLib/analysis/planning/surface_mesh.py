"""A curved cut as triangles, where it passes through the liver, to be drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.analysis.planning.planning_volume import PlannedLiver
from LiverTumorAttentionLib.analysis.planning.surface import CutSurface

CELL_MM = 2.5
"""Edge of the squares that are halved into triangles."""
RIM_CELLS = 2
"""So far beyond the liver's outline it is drawn."""


@dataclass(frozen=True)
class SurfaceMesh:
    """Triangles of a surface. points_mm: (N, 3) LPS. triangles: (M, 3) indices of points; both may be empty."""

    points_mm: NDArray[np.float64]
    triangles: NDArray[np.intp]


def surface_mesh(liver: PlannedLiver, surface: CutSurface) -> SurfaceMesh:
    """Return a curved cut in the liver, and a little beyond it."""
    across, _ = surface.in_plane(liver.corners_mm)
    low, high = across.min(axis=0) - CELL_MM, across.max(axis=0) + CELL_MM
    count = np.ceil((high - low) / CELL_MM).astype(int) + 1
    columns, rows = (start + CELL_MM * np.arange(n) for start, n in zip(low, count, strict=True))
    places = surface.points_at(np.stack(np.meshgrid(rows, columns, indexing="ij")[::-1], axis=-1))
    inside = ndimage.binary_dilation(liver.are_liver(places), iterations=RIM_CELLS)
    whole = inside[:-1, :-1] & inside[:-1, 1:] & inside[1:, 1:] & inside[1:, :-1]
    row, column = np.nonzero(whole)
    width = inside.shape[1]
    first = row * width + column
    corners = np.stack([first, first + 1, first + width + 1, first + width], axis=1)
    triangles = np.concatenate([corners[:, [0, 1, 2]], corners[:, [0, 2, 3]]])
    used, triangles = np.unique(triangles, return_inverse=True)
    return SurfaceMesh(places.reshape(-1, 3)[used], triangles.reshape(-1, 3))
