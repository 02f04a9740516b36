"""Nearest other tumor of every tumor, from surface to surface."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.geometry import Line
from LiverTumorAttentionLib.voxels.surfaces import Gap, Surface, gap_between


@dataclass(frozen=True, kw_only=True)
class NearestTumor:
    """The nearest other tumor. number: which; distance_mm, line_lps_mm: from surface to surface, 0 in contact."""

    number: int
    distance_mm: float
    line_lps_mm: Line


def nearest_tumors(surfaces: Mapping[int, Surface], progress: Progress) -> dict[int, NearestTumor]:
    """Return the nearest other tumor of each, by number; of several equally near the one numbered lowest.

    surfaces: of all tumors, by number. Pairs whose bounding boxes already lie farther apart are skipped.
    """
    numbers = sorted(surfaces)
    least = _least_distances_mm([surfaces[number] for number in numbers])
    known: dict[tuple[int, int], Gap] = {}
    found = {}
    for index, number in enumerate(numbers):
        progress.update(index / len(numbers))
        best: NearestTumor | None = None
        for other in np.argsort(least[index], kind="stable"):
            if other == index:
                continue
            if best is not None and least[index, other] > best.distance_mm:
                break
            pair = (min(index, int(other)), max(index, int(other)))
            if pair not in known:
                known[pair] = gap_between(surfaces[numbers[pair[0]]], surfaces[numbers[pair[1]]])
            gap = known[pair]
            rank = (gap.distance_mm, numbers[other])
            if best is None or rank < (best.distance_mm, best.number):
                line = gap.line_lps_mm if index == pair[0] else gap.line_lps_mm[::-1]
                best = NearestTumor(
                    number=numbers[other], distance_mm=gap.distance_mm, line_lps_mm=(line[0], line[1])
                )
        if best is not None:
            found[number] = best
    return found


def _least_distances_mm(surfaces: list[Surface]) -> np.ndarray:
    """Return for every pair a length that the gap between them is not shorter than, (N, N).

    The bounding boxes of the voxel centers lie no farther apart than the nearest centers, and the two half steps
    that are subtracted are one step along the line at most.
    """
    low = np.array([surface.bounds_mm[0] for surface in surfaces])
    high = np.array([surface.bounds_mm[1] for surface in surfaces])
    squared = np.zeros((len(surfaces), len(surfaces)))
    for axis in range(3):
        apart = low[:, axis][None, :] - high[:, axis][:, None]
        squared += np.maximum(np.maximum(apart, apart.T), 0.0) ** 2
    return np.maximum(np.sqrt(squared) - max(surfaces[0].axes.spacing_zyx_mm), 0.0)
