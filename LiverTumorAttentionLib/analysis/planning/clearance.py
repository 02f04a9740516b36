"""How far a cut stays clear of a tumor.

The nearest point of a plane is the foot of the perpendicular. Where that foot lies on the cut surface, inside
the liver and on the border of what is taken out, the distance to the plane is the margin; that is so nearly
always. Where it does not, the nearest point of the cut surface is looked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from LiverTumorAttentionLib.analysis.planning.plane import CutPlane
from LiverTumorAttentionLib.analysis.planning.planning_volume import PlannedLiver
from LiverTumorAttentionLib.analysis.planning.region import Region
from LiverTumorAttentionLib.voxels.geometry import ImageAxes
from LiverTumorAttentionLib.voxels.surfaces import half_step_mm, point_tree

Status = Literal["resected", "cut", "remnant"]

ROUNDING_MM = 1e-6
FIRST_TRIED = 64
"""So many voxels of a tumor are tried first; what they find spares most of the others."""


class Clearance:
    """The clearance of one resection from each tumor.

    combine: "all" or "any", as the planes combine.
    """

    def __init__(self, liver: PlannedLiver, region: Region, planes: Sequence[CutPlane], combine: str) -> None:
        self._liver, self._region, self._planes = liver, region, planes
        self._together: Any = np.min if combine == "all" else np.max
        self._chosen: Any = np.argmin if combine == "all" else np.argmax
        self._sign = 1.0 if combine == "all" else -1.0
        points, self._begin = liver.surface_points_mm
        self._distance = np.stack([plane.height_mm(points) for plane in planes], axis=1)
        units = np.stack([plane.unit_normal for plane in planes])
        self._half_mm = half_step_mm(units, liver.axes)
        self._units = units
        begin = self._begin[:-1]
        self._inner = self._together(self._distance - self._half_mm, axis=1)
        outer = self._together(self._distance + self._half_mm, axis=1)
        # What has no tumor has nothing to reduce.
        self._least_mm = np.minimum.reduceat(self._inner, begin) if begin.size else np.zeros(0)
        self._most_mm = np.maximum.reduceat(outer, begin) if begin.size else np.zeros(0)

    def of_tumor(self, label: int) -> tuple[Status, float | None]:
        """Return what becomes of the tumor with a label, and its margin in mm."""
        if self._most_mm[label - 1] < 0:
            return "remnant", None
        margin_mm = float(self._least_mm[label - 1])
        if margin_mm <= 0:
            return "cut", margin_mm
        part = slice(self._begin[label - 1], self._begin[label])
        nearest = int(self._inner[part].argmin())
        distance = self._distance[part][nearest]
        plane = int(self._chosen(distance - self._half_mm))
        foot = self._liver.surfaces[label - 1].points_mm[nearest] - distance[plane] * self._units[plane]
        if self._is_cut(foot, plane):
            return "resected", margin_mm
        return "resected", max(margin_mm, self._to_cut_surface_mm(label))

    def _is_cut(self, point: NDArray[np.float64], plane: int) -> bool:
        """Tell whether a point of a plane lies on the cut surface."""
        for other, its_plane in enumerate(self._planes):
            if other != plane and self._sign * float(its_plane.height_mm(point)) < -ROUNDING_MM:
                return False
        return self._liver.is_liver(point)

    def _to_cut_surface_mm(self, label: int) -> float:
        """Return the distance of a tumor to the cut surface.

        No voxel is nearer to it than to the planes: those that are nearest to these are tried first, and of
        the others those alone that may still be nearer.
        """
        part = slice(self._begin[label - 1], self._begin[label])
        least = self._inner[part]
        order = least.argsort(kind="stable")
        centres = self._liver.surfaces[label - 1].points_mm
        best = float(self._gaps_mm(centres[order[:FIRST_TRIED]]).min())
        rest = order[FIRST_TRIED:]
        rest = rest[least[rest] < best]
        return min(best, float(self._gaps_mm(centres[rest]).min())) if rest.size else best

    def _gaps_mm(self, centres: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far voxels (N, 3), less half a step, lie from the cut surface."""
        points, tree, plane = self._cut_surface
        return gaps_mm(centres, points, tree, lambda nearest: self._units[plane[nearest]], self._liver.axes)

    @cached_property
    def _cut_surface(self) -> tuple[NDArray[np.float64], cKDTree, NDArray[np.intp]]:
        points, plane = self._region.border
        return points, point_tree(points), plane


def gaps_mm(
    centres: NDArray[np.float64],
    points: NDArray[np.float64],
    tree: cKDTree,
    normals: Callable[[NDArray[np.intp]], NDArray[np.float64]],
    axes: ImageAxes,
) -> NDArray[np.float64]:
    """Return how far voxels (N, 3), less half a step, lie from a cut surface inside the liver.

    The surface is known by one point a voxel, which stands for the plane around it: what lies within half a voxel of it
    is as far as the plane. points: (P, 3), and `tree` of them. normals: returns the unit normals there.
    """
    if len(points) == 0:
        return np.zeros(len(centres))  # the cut runs between pieces of the liver and cuts none
    distance, nearest = tree.query(centres)
    way = points[nearest] - centres
    upright = np.abs((way * normals(nearest)).sum(axis=1))
    aside = np.sqrt(np.maximum(distance**2 - upright**2, 0.0))
    reach = 0.5 * float(np.linalg.norm(axes.spacing_zyx_mm))
    along = way / np.maximum(distance, ROUNDING_MM)[:, None]
    gaps = np.where(aside <= reach, upright, distance) - half_step_mm(along, axes)
    return np.asarray(np.maximum(gaps, 0.0))
