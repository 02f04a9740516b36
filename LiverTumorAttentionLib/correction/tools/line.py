"""Add a lesion by a line across it, as diameters are measured by RECIST."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.correction.algorithm.appearance import phase_named
from LiverTumorAttentionLib.correction.algorithm.click_segmentation import (
    SegmentedLesion,
    Terms,
    segment_at,
)
from LiverTumorAttentionLib.correction.algorithm.shapes import connected_to, inner_depth_mm
from LiverTumorAttentionLib.correction.case import Voxel
from LiverTumorAttentionLib.correction.click_network.answer import Prompts, asked, improved, pasted
from LiverTumorAttentionLib.correction.edits import Edit, new_number, replacing_mask
from LiverTumorAttentionLib.correction.lesions import Lesion, LesionMap, Seed
from LiverTumorAttentionLib.correction.tools.add_remove import check_place
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import Box, box_start, enclosing_box, expanded_box, margin_voxels
from LiverTumorAttentionLib.voxels.geometry import Point
from LiverTumorAttentionLib.voxels.morphology import fill_holes

SHORTEST_MM, LONGEST_MM = 3.0, 250.0
"""Of a line; a longer one crosses the whole liver."""
CORE_SHARE = 0.25
"""Half width of the spindle around the line that is lesion in any case, as a share of the line."""
MOST_PROMPTS = 5
"""Voxels of the line that a network sees as clicks."""


@dataclass(frozen=True, kw_only=True)
class AddByLine:
    """Add the lesion that a line crosses, from outline to outline (`points`: its two ends, LPS mm).

    The lesion reaches to both ends and, along the line, not beyond them, whatever random walker or network say: so its
    extent along the line is the line's length, to a voxel.

    phase: "portal" or "arterial" answers by the appearance in that phase alone.
    """

    tool: ClassVar[str] = "line"
    points: tuple[Point, ...]
    phase: str | None = None

    def edit(self, lesions: LesionMap, progress: Progress) -> Edit:
        phase = phase_named(self.phase)
        line = _Line(lesions, self.points)
        check_place(lesions, line.middle)
        progress.update(0.0, "lesion")
        walked = segment_at(lesions, line.middle, progress, terms=Terms(phase=phase))
        found = line.limited(walked, lesions)
        clicks = asked(lesions, phase)
        if clicks is not None:
            prompts = Prompts(include=line.prompts)
            better = improved(lesions, None, prompts, found, clicks.predict, progress, phase=phase)
            found = line.limited(better, lesions)
        number = new_number(lesions)
        depth = inner_depth_mm(found.mask, np.asarray(lesions.case.spacing_mm))
        seed = Seed(
            voxel=line.middle, reach_mm=float(depth[tuple(np.asarray(line.middle) - box_start(found.box))])
        )
        progress.update(1.0)
        return Edit(
            patches=(replacing_mask(lesions, number, found.box, found.mask),),
            records={number: Lesion(number=number, box=found.box, include=(seed,), phase=phase)},
            subject=number,
            answered_by=None if clicks is None else clicks.name,
        )


class _Line:
    """A line in the voxels of a case. Raises `InputError` for what is no line across a lesion."""

    def __init__(self, lesions: LesionMap, points: tuple[Point, ...]) -> None:
        if len(points) != 2:
            raise InputError(f"a line has two ends, got {len(points)}: mark both ends of the lesion")
        case = lesions.case
        self._ends = [case.voxel_at(point) for point in points]
        self._spacing = np.asarray(case.spacing_mm)
        self._start, end = (np.asarray(voxel) * self._spacing for voxel in self._ends)
        self.length_mm = float(np.linalg.norm(end - self._start))
        if not SHORTEST_MM <= self.length_mm <= LONGEST_MM:
            raise InputError(
                f"a line across a lesion is {SHORTEST_MM:g} to {LONGEST_MM:g} mm long, got {self.length_mm:.1f} mm: "
                "draw it from outline to outline, or add the lesion by a click"
            )
        self._along = (end - self._start) / self.length_mm
        self.middle: Voxel = self._at(0.5)

    @property
    def prompts(self) -> tuple[Voxel, ...]:
        """Voxels well within the line."""
        return tuple(dict.fromkeys(self._at(share) for share in np.linspace(0.1, 0.9, MOST_PROMPTS)))

    def limited(self, found: SegmentedLesion, lesions: LesionMap) -> SegmentedLesion:
        """Return a lesion with the spindle around the line, without what lies beyond its ends or in other lesions."""
        shape = lesions.labels.shape
        own: Box = tuple(slice(min(pair), max(pair) + 1) for pair in zip(*self._ends, strict=True))
        own = expanded_box(own, margin_voxels(CORE_SHARE * self.length_mm, self._spacing.tolist()), shape)
        box = enclosing_box([found.box, own])
        mask = np.zeros([side.stop - side.start for side in box], bool)
        pasted(mask, box, found)
        along, across = self._places(box)
        half = 0.5 * float(np.abs(self._along * self._spacing).sum())
        share = np.clip(along / self.length_mm, 0, 1)
        spindle = across <= CORE_SHARE * self.length_mm * np.sqrt(4 * share * (1 - share))
        inside = (along >= -half) & (along <= self.length_mm + half)
        mask = (mask | spindle) & inside & lesions.organ(box) & ~lesions.taken(None, box)
        line = np.zeros_like(mask)
        for at in np.linspace(0, 1, int(2 * self.length_mm / self._spacing.min()) + 2):
            line[tuple(np.asarray(self._at(float(at))) - box_start(box))] = True
        line &= ~lesions.taken(None, box)
        return SegmentedLesion(box, fill_holes(connected_to(mask | line, line)) & ~lesions.taken(None, box))

    def _at(self, share: float) -> Voxel:
        place = np.rint((self._start + share * self.length_mm * self._along) / self._spacing)
        z, y, x = (int(value) for value in place)
        return z, y, x

    def _places(self, box: Box) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return of each voxel of a box how far along the line it lies, and how far off it, mm."""
        axes = [
            (np.arange(side.start, side.stop) * step - start)
            for side, step, start in zip(box, self._spacing, self._start, strict=True)
        ]
        grid = np.meshgrid(*axes, indexing="ij")
        along = sum(part * a for part, a in zip(grid, self._along, strict=True))
        square = sum(part**2 for part in grid) - along**2
        return np.asarray(along), np.sqrt(np.maximum(square, 0))
