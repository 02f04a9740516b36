"""Draw around a lesion in one slice: there it is what was drawn, and its neighbouring slices follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from LiverTumorAttentionLib.correction.algorithm.appearance import phase_named
from LiverTumorAttentionLib.correction.algorithm.block_grid import BlockGrid, Field, Mask
from LiverTumorAttentionLib.correction.algorithm.outline import Outline
from LiverTumorAttentionLib.correction.case import Voxel
from LiverTumorAttentionLib.correction.click_network.answer import Prompts
from LiverTumorAttentionLib.correction.edits import Edit, new_number, replacing_mask
from LiverTumorAttentionLib.correction.lesions import Lesion, LesionMap, Seed
from LiverTumorAttentionLib.correction.tools.add_remove import BORDER_MM
from LiverTumorAttentionLib.correction.tools.part_answers import answered
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import Box, box_start, enclosing_box
from LiverTumorAttentionLib.voxels.geometry import Point
from LiverTumorAttentionLib.voxels.labels import LIVER

SAME_SHARE = 0.5
"""An outline is about the draft that shares so much with it of the smaller of the two, in its slice."""
ALONG_RADII, MARGIN_MM, MARGIN_SHARE = 1.6, 8.0, 0.4
"""The lesion is looked for over so many radii of the outline and the margin on both sides of its slice, and around it
in that over a margin, or a share of the radius where that is larger."""
NEAR_SHARE, NEAR_MM = 0.5, 2.0
"""A lesion that is redrawn stays beyond about this share of the outline's radius, and this more, off its slice."""
INSIDE, AROUND = 5, 8
"""Voxels well inside of the outline, and around it, by which a network is told of it."""
AROUND_MM = 3.0
"""How far these lie outside of it."""


@dataclass(frozen=True, kw_only=True)
class Lasso:
    """Draw around a lesion in one slice (`points`: a closed outline, LPS mm, in the order it was drawn).

    In that slice, which may lie along the grid or across it, the lesion is what the outline encloses, without what
    belongs to other lesions or lies outside of the liver; the note says how much that is. A random walker carries it
    into the neighbouring slices, and a network improves what lies there.

    lesion: the one that is redrawn. None: the draft that shares half of it or of its section there with the outline,
    and a new lesion where none does. phase: "portal" or "arterial" answers by the appearance in that phase alone.
    Later clicks change the drawn slice only where they lie in it.
    """

    tool: ClassVar[str] = "lasso"
    points: tuple[Point, ...]
    lesion: int | None = None
    phase: str | None = None

    def edit(self, lesions: LesionMap, progress: Progress) -> Edit:
        phase = phase_named(self.phase)
        outline = Outline(lesions.case, self.points)
        number = self._number(lesions, outline)
        old = None if number is None else lesions.editable(number)
        part = DrawnPart(lesions, outline, old)
        _check(lesions, number, part)
        progress.update(0.0, "lesion" if number is None else f"lesion {number}")
        answer = answered(lesions, number, part, part.prompts, phase, progress)
        if not (answer.part.lesion & part.enclosed(answer.box)).any():
            raise _outside_liver()
        value = new_number(lesions) if number is None else number
        record = part.record(value, answer.part.lesion, answer.box, self.points)
        drawn = np.count_nonzero(part.enclosed(answer.box))
        left_out = drawn - np.count_nonzero(answer.mask & part.enclosed(answer.box))
        progress.update(1.0)
        return Edit(
            patches=(replacing_mask(lesions, value, answer.box, answer.mask),),
            records={value: replace(record, phase=phase)},
            subject=value,
            answered_by=answer.answered_by,
            note=f"{left_out} of {drawn} drawn voxels lie outside of the liver or in other lesions and are left out"
            if left_out
            else "",
        )

    def _number(self, lesions: LesionMap, outline: Outline) -> int | None:
        """Return the number of the lesion that is redrawn; None for a new one. Raises `InputError`."""
        if self.lesion is not None:
            return lesions.editable(self.lesion).number
        box = outline.box(0.0, 0.0)
        inside = outline.enclosed(box)
        shared = np.bincount(lesions.labels[box][inside])
        best, most = None, 0
        for value in np.flatnonzero(shared[LIVER + 1 :]) + LIVER + 1:
            lesion = lesions.lesions.get(int(value) - LIVER)
            if lesion is None or lesion.status != "draft":
                continue
            section = np.count_nonzero(lesions.mask(lesion.number, lesion.box) & outline.slab(lesion.box))
            if shared[value] >= SAME_SHARE * min(np.count_nonzero(inside), section) and shared[value] > most:
                best, most = lesion.number, int(shared[value])
        return best


class DrawnPart:
    """What an outline says of a lesion; and earlier outlines and clicks, of one that is redrawn."""

    def __init__(self, lesions: LesionMap, outline: Outline, old: Lesion | None) -> None:
        self._lesions, self._outline, self._old = lesions, outline, old
        radius = self.radius_mm = max(outline.radius_mm, float(outline.depth_mm.max()))
        box = outline.box(ALONG_RADII * radius + MARGIN_MM, max(MARGIN_MM, MARGIN_SHARE * radius))
        self.box: Box = box if old is None else enclosing_box([box, old.box])
        self._section = outline.box(0.0, MARGIN_MM)
        earlier = () if old is None else old.outlines
        self._earlier = [
            (points, each)
            for points in earlier
            if (each := Outline(lesions.case, points)).slab(self.box).any() and not self._in_this_slice(each)
        ]

    def voxels(self, box: Box) -> tuple[Mask, Mask]:
        shape = [side.stop - side.start for side in box]
        lesion, outside = np.zeros(shape, bool), np.zeros(shape, bool)
        if self._old is not None:
            there = self._lesions.mask(self._old.number, box)
            for _, outline in self._earlier:
                slab = outline.slab(box)
                lesion |= slab & there
                outside |= slab & ~there
            for seeds, mask, other in (
                (self._old.include, lesion, outside),
                (self._old.exclude, outside, lesion),
            ):
                for place in _places(seeds, box):
                    mask[place], other[place] = True, False
        slab, inside = self._outline.slab(box), self._outline.enclosed(box)
        lesion[slab], outside[slab] = inside[slab], ~inside[slab]
        return lesion, outside

    def excess(self, grid: BlockGrid) -> Field:
        return self._outline.excess(grid)

    def near(self, grid: BlockGrid) -> Field:
        reach = NEAR_SHARE * self.radius_mm + NEAR_MM
        return np.asarray(np.exp(-((self._outline.height_mm(grid) / reach) ** 2)), np.float32)

    def enclosed(self, box: Box) -> Mask:
        """Return the voxels of a box that were drawn."""
        return self._outline.enclosed(box)

    @property
    def prompts(self) -> Prompts:
        """Return voxels well inside of the outline and around it, and the clicks on the lesion so far."""
        include, exclude = self._outline.beside(INSIDE, AROUND, AROUND_MM)
        if self._old is not None:
            lesion, outside = self.voxels(self.box)
            include += [seed.voxel for seed in _held(self._old.include, lesion, self.box)]
            exclude += [seed.voxel for seed in _held(self._old.exclude, outside, self.box)]
        return Prompts(include=tuple(dict.fromkeys(include)), exclude=tuple(dict.fromkeys(exclude)))

    def record(self, number: int, lesion: Mask, box: Box, points: tuple[Point, ...]) -> Lesion:
        """Return the record of the lesion. lesion: voxels of a box that are known to be lesion."""
        voxel, depth = self._outline.deepest(lesion & self._outline.slab(box), box)
        seed = Seed(voxel=voxel, reach_mm=max(depth, 0.0))
        if self._old is None:
            return Lesion(number=number, box=box, include=(seed,), outlines=(points,))
        known, outside = self.voxels(box)
        return replace(
            self._old,
            include=(*_held(self._old.include, known, box, but=voxel), seed),
            exclude=_held(self._old.exclude, outside, box, but=voxel),
            outlines=(*self._kept(), points),
        )

    def _kept(self) -> tuple[tuple[Point, ...], ...]:
        old = () if self._old is None else self._old.outlines
        gone = [points for points in old if self._in_this_slice(Outline(self._lesions.case, points))]
        return tuple(points for points in old if points not in gone)

    def _in_this_slice(self, other: Outline) -> bool:
        """Tell whether another outline was drawn in the slice of this one."""
        both = enclosing_box([self._section, other.box(0.0, 0.0)])
        return not (other.slab(both) & ~self._outline.slab(both)).any()


def _check(lesions: LesionMap, number: int | None, part: DrawnPart) -> None:
    """Raise `InputError` where all that was drawn belongs to other lesions or lies outside of the liver."""
    box = part.box
    drawn = part.enclosed(box)
    if not drawn.any():
        raise InputError(
            "the outline encloses no voxel: draw it around the lesion, or add the lesion by a click"
        )
    free = drawn & ~lesions.taken(number, box)
    if not free.any():
        owner = int(lesions.labels[box][drawn].max()) - LIVER
        raise InputError(
            f"what was drawn belongs to lesion {owner}: exclude it there first, or merge the two"
        )
    places = np.argwhere(free) + box_start(box)
    if not lesions.organ(lesions.around(places, BORDER_MM)).any():
        raise _outside_liver()


def _outside_liver() -> InputError:
    return InputError("what was drawn lies outside of the liver: draw around a lesion in the liver")


def _places(seeds: Sequence[Seed], box: Box) -> list[tuple[int, ...]]:
    """Return where the seeds that lie in a box lie in it."""
    inside = [s.voxel for s in seeds if all(a.start <= i < a.stop for a, i in zip(box, s.voxel, strict=True))]
    return [tuple(int(i) for i in np.asarray(voxel) - box_start(box)) for voxel in inside]


def _held(seeds: Sequence[Seed], mask: Mask, box: Box, *, but: Voxel | None = None) -> tuple[Seed, ...]:
    """Return the seeds that what is known does not contradict, without one at a voxel."""
    kept = []
    for seed in seeds:
        place = _places([seed], box)
        if seed.voxel != but and (not place or mask[place[0]]):
            kept.append(seed)
    return tuple(kept)
