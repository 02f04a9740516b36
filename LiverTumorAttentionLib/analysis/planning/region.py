"""What of the liver lies on the far side of all of some planes, to a fraction of a voxel.

A plane crosses a run of voxels in one place, so that the run has a part that is whole, a part that is not
touched, and in between the voxels that are cut. Those few are looked at (`halfspace`, `several_sheets`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.analysis.planning.halfspace import VoxelShare
from LiverTumorAttentionLib.analysis.planning.plane import CutPlane
from LiverTumorAttentionLib.analysis.planning.several_sheets import share_beyond_all
from LiverTumorAttentionLib.analysis.planning.voxel_runs import Runs

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

LEVEL = 1e-12
"""A plane whose distance changes by less from voxel to voxel runs along the rows, mm."""


@dataclass(frozen=True)
class Region:
    """What of the runs lies beyond all planes.

    voxels: by label, fractions included. cut_run, cut_offset: (P,) the voxels on the border, as run and place
    in it. cut_distance_mm: (P, planes) of their centers.
    """

    runs: Runs
    planes: Sequence[CutPlane]
    voxels: Floats
    cut_run: Indices
    cut_offset: Indices
    cut_distance_mm: Floats

    @cached_property
    def border(self) -> tuple[Floats, Indices]:
        """Points of the region's border inside the liver (P, 3), LPS mm, and the plane that each lies on."""
        steps = self.cut_offset[:, None] * self.runs.axes.steps_mm[2]
        centres = self.runs.start_mm[self.cut_run] + steps
        nearest = np.abs(self.cut_distance_mm).argmin(axis=1)
        normals = np.stack([plane.unit_normal for plane in self.planes])[nearest]
        distance = np.take_along_axis(self.cut_distance_mm, nearest[:, None], axis=1)
        return centres - distance * normals, nearest


def region_beyond(runs: Runs, planes: Sequence[CutPlane], label_count: int) -> Region:
    """Return what of the runs lies on the far side of all planes; labels are 0 to `label_count` - 1."""
    steps = runs.axes.steps_mm
    shares = [VoxelShare(plane.unit_normal, steps) for plane in planes]
    first = [plane.height_mm(runs.start_mm) for plane in planes]
    slope = [float(steps[2] @ plane.unit_normal) for plane in planes]
    whole_low, whole_high = _spans(first, slope, [share.half_mm for share in shares], runs.length)
    low, high = _spans(first, slope, [-share.half_mm for share in shares], runs.length)

    nothing = whole_low > whole_high
    whole_low, whole_high = np.where(nothing, high + 1, whole_low), np.where(nothing, high, whole_high)
    whole = np.where(nothing, 0, whole_high - whole_low + 1)
    before, after = _listed(low, whole_low - 1), _listed(whole_high + 1, high)
    run = np.concatenate([before[0], after[0]])
    offset = np.concatenate([before[1], after[1]])
    distance = np.stack([f[run] + offset * s for f, s in zip(first, slope, strict=True)], axis=1)
    alone = np.stack([share(distance[:, i]) for i, share in enumerate(shares)], axis=1)
    share = share_beyond_all(alone, distance, np.stack([plane.unit_normal for plane in planes]), steps)

    voxels = np.bincount(runs.label, weights=whole, minlength=label_count).astype(np.float64)
    voxels += np.bincount(runs.label[run], weights=share, minlength=label_count)
    border = (share > 0) & (share < 1)
    return Region(runs, planes, voxels, run[border], offset[border], distance[border])


def _spans(
    first: Sequence[Floats], slope: Sequence[float], level: Sequence[float], length: Indices
) -> tuple[Indices, Indices]:
    """Return the first and last place in each run where no distance is below its level; last < first: none."""
    low, high = np.zeros(len(length)), (length - 1).astype(float)
    for start, step, least in zip(first, slope, level, strict=True):
        step = step if abs(step) > LEVEL else LEVEL
        place = np.clip((least - start) / step, -1.0, length)
        if step > 0:
            low = np.maximum(low, np.ceil(place))
        else:
            high = np.minimum(high, np.floor(place))
    return low.astype(np.intp), high.astype(np.intp)


def _listed(low: Indices, high: Indices) -> tuple[Indices, Indices]:
    """Return run and place of every voxel from `low` to `high` of each run."""
    count = np.maximum(high - low + 1, 0)
    run = np.repeat(np.arange(len(count)), count)
    begin = np.cumsum(count) - count
    return run, np.arange(len(run)) - begin[run] + low[run]
