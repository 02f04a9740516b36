"""Add a lesion by a box around it: two corners in one slice, or in space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.correction.algorithm.appearance import phase_named
from LiverTumorAttentionLib.correction.algorithm.block_grid import BlockGrid, Field, Mask
from LiverTumorAttentionLib.correction.algorithm.shapes import connected_to, inner_depth_mm
from LiverTumorAttentionLib.correction.case import Voxel
from LiverTumorAttentionLib.correction.click_network.answer import Prompts
from LiverTumorAttentionLib.correction.edits import Edit, new_number, replacing_mask
from LiverTumorAttentionLib.correction.lesions import Lesion, LesionMap, Seed
from LiverTumorAttentionLib.correction.tools.add_remove import check_place
from LiverTumorAttentionLib.correction.tools.part_answers import answered
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import Box, box_start, expanded_box, margin_voxels, relative_box
from LiverTumorAttentionLib.voxels.geometry import Point
from LiverTumorAttentionLib.voxels.morphology import fill_holes

SHORTEST_MM, LONGEST_MM = 3.0, 250.0
"""Of a side; a longer one spans the whole liver."""
CORE_SHARE = 0.5
"""Size of the ellipsoid in the middle that is lesion in any case, as a share of the one that fills the box."""
ALONG_RADII = 1.6
"""A box in one slice bounds the lesion across it at so many of its own radii."""
TIP_SHARE = 0.25
"""Half width of the tip to a side that is not reached, where it begins, as a share of twice its length."""
MARGIN_MM = 8.0
"""How much liver around the box is looked at."""
INNER_SHARE = 0.4
"""Places by which a network is told of the lesion lie so far from the middle, as a share of the way to a side."""


@dataclass(frozen=True, kw_only=True)
class AddByBox:
    """Add the lesion in a box (`points`: two opposite corners, LPS mm; sides along the voxel grid).

    Corners in one slice bound the lesion in all slices to the rectangle between them, as a line does along itself; its
    depth is what is seen. Corners that differ along all three axes bound it in space. The lesion lies within the box
    and reaches each of its sides, whatever random walker or network say, but where a side lies outside of the liver or
    in other lesions, which the note says.

    phase: "portal" or "arterial" answers by the appearance in that phase alone.
    """

    tool: ClassVar[str] = "box"
    points: tuple[Point, ...]
    phase: str | None = None

    def edit(self, lesions: LesionMap, progress: Progress) -> Edit:
        phase = phase_named(self.phase)
        frame = Frame(lesions, self.points)
        check_place(lesions, frame.middle)
        progress.update(0.0, "lesion")
        answer = answered(lesions, None, frame, Prompts(include=frame.prompts), phase, progress)
        mask, missed = frame.reaching(answer.mask, answer.part.possible, answer.box)
        number = new_number(lesions)
        depth = inner_depth_mm(mask, np.asarray(lesions.case.spacing_mm))
        place = tuple(np.asarray(frame.middle) - box_start(answer.box))
        seed = Seed(voxel=frame.middle, reach_mm=float(depth[place]))
        progress.update(1.0)
        return Edit(
            patches=(replacing_mask(lesions, number, answer.box, mask),),
            records={number: Lesion(number=number, box=answer.box, include=(seed,), phase=phase)},
            subject=number,
            answered_by=answer.answered_by,
            note=f"{missed} of {frame.sides} sides of the box lie outside of the liver or in other lesions, "
            "and are not reached"
            if missed
            else "",
        )


class Frame:
    """A box around a lesion in the voxels of a case. Raises `InputError` for what is none."""

    def __init__(self, lesions: LesionMap, points: tuple[Point, ...]) -> None:
        if len(points) != 2:
            raise InputError(f"a box has two corners, got {len(points)}: mark two opposite corners")
        case = lesions.case
        corners = np.array([case.voxel_at(point) for point in points])
        self._spacing = np.asarray(case.spacing_mm)
        self._low, self._high = corners.min(axis=0), corners.max(axis=0)
        flat = self._low == self._high
        sides = (self._high - self._low + 1) * self._spacing
        shortest, longest = float(sides[~flat].min(initial=np.inf)), float(sides.max())
        if flat.sum() > 1 or shortest < SHORTEST_MM or longest > LONGEST_MM:
            shown = " x ".join(f"{side:.1f}" for side in sides[::-1])
            raise InputError(
                f"a box around a lesion has two or three sides of {SHORTEST_MM:g} to {LONGEST_MM:g} mm, got {shown} mm"
                ": mark two opposite corners of it, or add the lesion by a click"
            )
        self._flat = flat
        half = 0.5 * sides
        half[flat] = float(np.sqrt(np.prod(half[~flat]))) if flat.any() else half[flat]
        self._half = half
        self._center = 0.5 * (self._low + self._high)
        z, y, x = (int(i) for i in np.floor(self._center))
        self.middle: Voxel = (z, y, x)
        bounds = [slice(int(a), int(b) + 1) for a, b in zip(self._low, self._high, strict=True)]
        deep = np.ceil(ALONG_RADII * half / self._spacing).astype(int)
        for axis in np.flatnonzero(flat):
            bounds[axis] = slice(int(self._low[axis] - deep[axis]), int(self._low[axis] + deep[axis] + 1))
        shape = lesions.labels.shape
        self._bounds: Box = tuple(
            slice(max(0, side.start), min(n, side.stop)) for side, n in zip(bounds, shape, strict=True)
        )
        self.box: Box = expanded_box(self._bounds, margin_voxels(MARGIN_MM, case.spacing_mm), shape)

    @property
    def sides(self) -> int:
        """How many sides the lesion is to reach."""
        return 2 * int(np.count_nonzero(~self._flat))

    @property
    def radius_mm(self) -> float:
        """Radius of the ball as large as the ellipsoid that fills the box."""
        return float(np.prod(self._half) ** (1 / 3))

    @property
    def prompts(self) -> tuple[Voxel, ...]:
        """Voxels well within the box."""
        places = [self._center]
        for axis in np.flatnonzero(~self._flat):
            step = np.zeros(3)
            step[axis] = INNER_SHARE * self._half[axis] / self._spacing[axis]
            places += [self._center - step, self._center + step]
        voxels = [(int(z), int(y), int(x)) for z, y, x in np.floor(places)]
        return tuple(dict.fromkeys(voxels))

    def voxels(self, box: Box) -> tuple[Mask, Mask]:
        outside = np.ones([side.stop - side.start for side in box], bool)
        outside[relative_box(self._bounds, box)] = False
        axes = [
            np.arange(side.start, side.stop) * step for side, step in zip(box, self._spacing, strict=True)
        ]
        lesion = self._ellipsoid(axes) <= CORE_SHARE
        lesion[tuple(np.asarray(self.middle) - box_start(box))] = True
        return lesion & ~outside, outside

    def excess(self, grid: BlockGrid) -> Field:
        return np.asarray(self._ellipsoid(grid.axes_mm()) - 1, np.float32)

    def near(self, grid: BlockGrid) -> Field:
        return np.ones(grid.shape, np.float32)

    def reaching(self, mask: Mask, possible: Mask, box: Box) -> tuple[Mask, int]:
        """Return a mask of a box of the volume that reaches the sides, and how many of them it cannot reach.

        A tip goes from the middle to each side that is not reached: to where the mask comes nearest to it, or the
        nearest voxel of the side where a lesion may lie.
        """
        mask, missed = mask.copy(), 0
        corner = box_start(box)
        for axis in map(int, np.flatnonzero(~self._flat)):
            for end, sign in ((self._low, -1), (self._high, 1)):
                depth = int(end[axis] - corner[axis])
                if mask.take(depth, axis).any():
                    continue
                free = np.argwhere((possible & self._within(box)).take(depth, axis))
                if not len(free):
                    missed += 1
                    continue
                places = np.argwhere(mask)
                reach = sign * places[:, axis]
                nearest = places[reach == reach.max()]
                off = ((nearest + corner - self._center) * self._spacing) ** 2
                start = np.delete(nearest[int(np.argmin(np.round(off.sum(axis=1), 6)))], axis)
                steps = (free - start) * np.delete(self._spacing, axis)
                target = np.insert(free[int(np.argmin(np.round((steps**2).sum(axis=1), 6)))], axis, depth)
                mask |= self._tip(target + corner, box) & possible & self._within(box)
        seed = np.zeros_like(mask)
        seed[tuple(np.asarray(self.middle) - corner)] = True
        mask |= seed
        return fill_holes(connected_to(mask, seed)) & possible & self._within(box), missed

    def _tip(self, target: NDArray[np.int_], box: Box) -> Mask:
        """Return the half spindle from the middle to a voxel, and the straight path of voxels between them."""
        way = (target - np.asarray(self.middle)) * self._spacing
        length = float(np.linalg.norm(way))
        axes = [
            (np.arange(side.start, side.stop) - at) * step
            for side, at, step in zip(box, self.middle, self._spacing, strict=True)
        ]
        grid = np.meshgrid(*axes, indexing="ij")
        along = sum(part * share for part, share in zip(grid, way / length, strict=True))
        across = np.sqrt(np.maximum(sum(part**2 for part in grid) - along**2, 0))
        share = np.clip(along / length, 0, 1)
        tip = (along >= 0) & (along <= length) & (across <= 2 * TIP_SHARE * length * np.sqrt(1 - share**2))
        count = 2 * int(np.abs(target - np.asarray(self.middle)).max()) + 1
        path = np.rint(np.linspace(self.middle, target, count)).astype(int) - box_start(box)
        tip[tuple(path.T)] = True
        return np.asarray(tip)

    def _within(self, box: Box) -> Mask:
        return ~self.voxels(box)[1]

    def _ellipsoid(self, axes: list[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Return how far points of three axes (grid mm) lie from the middle, 1 at the ellipsoid that fills the box."""
        z, y, x = (
            ((axis - center * step) / half) ** 2
            for axis, center, step, half in zip(axes, self._center, self._spacing, self._half, strict=True)
        )
        return np.sqrt(z[:, None, None] + y[None, :, None] + x[None, None, :])
