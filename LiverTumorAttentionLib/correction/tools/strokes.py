"""Include voxels in a lesion, or exclude them, by a click or a stroke."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import ClassVar

import numpy as np

from LiverTumorAttentionLib.correction.algorithm.appearance import Phase, phase_named
from LiverTumorAttentionLib.correction.algorithm.click_segmentation import SegmentedLesion
from LiverTumorAttentionLib.correction.algorithm.lesion_refinement import distance_to_outline_mm, refine
from LiverTumorAttentionLib.correction.algorithm.outline import Outline
from LiverTumorAttentionLib.correction.case import Voxel
from LiverTumorAttentionLib.correction.click_network.answer import Prompts, asked, improved
from LiverTumorAttentionLib.correction.edits import Edit, Patch, replacing_mask
from LiverTumorAttentionLib.correction.lesions import Lesion, LesionMap, Seed
from LiverTumorAttentionLib.correction.tools.add_remove import BORDER_MM
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import box_start
from LiverTumorAttentionLib.voxels.geometry import Point
from LiverTumorAttentionLib.voxels.labels import LIVER

NEAREST_MM = 40.0
"""A point outside of all lesions means the nearest one within this distance."""
REACH_SHARES = (1.0, 0.5, 0.25)
"""Shares of its distance to the outline that are tried as the reach of a seed."""
MOST_SEEDS = 24
"""Upper limit of seeds along a stroke."""


@dataclass(frozen=True, kw_only=True)
class Include:
    """Include a click or a stroke (points in LPS mm, joined by straight lines) in a lesion.

    lesion: its number; None means the one nearest to the first point. Voxels of other lesions are unchanged.
    phase: "portal" or "arterial" answers by the appearance in that phase alone.
    """

    tool: ClassVar[str] = "include"
    stroke: tuple[Point, ...]
    lesion: int | None = None
    phase: str | None = None

    def edit(self, lesions: LesionMap, progress: Progress) -> Edit:
        return _edit(lesions, self, include=True, progress=progress)


@dataclass(frozen=True, kw_only=True)
class Exclude:
    """Exclude a click or a stroke (points in LPS mm, joined by straight lines) from a lesion.

    lesion: its number; None means the one nearest to the first point.
    phase: "portal" or "arterial" answers by the appearance in that phase alone.
    """

    tool: ClassVar[str] = "exclude"
    stroke: tuple[Point, ...]
    lesion: int | None = None
    phase: str | None = None

    def edit(self, lesions: LesionMap, progress: Progress) -> Edit:
        return _edit(lesions, self, include=False, progress=progress)


def _edit(lesions: LesionMap, action: Include | Exclude, *, include: bool, progress: Progress) -> Edit:
    stroke, number, phase = action.stroke, action.lesion, phase_named(action.phase)
    if not stroke:
        raise InputError("a stroke needs at least one point, got none: mark a point")
    if number is None:
        number = lesions.target(None, stroke[0], within_mm=NEAREST_MM)
    lesion = lesions.editable(number)
    voxels = _eligible(lesions, number, [lesions.case.voxel_at(point) for point in stroke], include=include)
    progress.update(0.0, f"lesion {number}")
    held = _held_outlines(lesions, lesion, voxels)
    seeds, patch = _refined(
        lesions, lesion, voxels, list(held.values()), phase, include=include, progress=progress
    )
    progress.update(1.0)
    same, other = (lesion.include, lesion.exclude) if include else (lesion.exclude, lesion.include)
    extended = (*_without(same, voxels), *seeds)
    rest = _without(other, voxels)
    record = replace(
        lesion,
        include=extended if include else rest,
        exclude=rest if include else extended,
        outlines=tuple(held),
        phase=phase,
    )
    clicks = asked(lesions, phase)
    answered_by = None if clicks is None else clicks.name
    return Edit(patches=(patch,), records={number: record}, subject=number, answered_by=answered_by)


def _held_outlines(
    lesions: LesionMap, lesion: Lesion, voxels: Sequence[Voxel]
) -> dict[tuple[Point, ...], Outline]:
    """Return the outlines of a lesion in whose slices nothing changes: those that a stroke does not cross."""
    drawn = {points: Outline(lesions.case, points) for points in lesion.outlines}
    return {points: each for points, each in drawn.items() if not any(map(each.passes, voxels))}


def _refined(
    lesions: LesionMap,
    lesion: Lesion,
    voxels: Sequence[Voxel],
    held: Sequence[Outline],
    phase: Phase | None,
    *,
    include: bool,
    progress: Progress,
) -> tuple[tuple[Seed, ...], Patch]:
    """Return the seeds of a stroke and the patch that they lead to.

    A seed's reach is at most its distance to the outline; smaller ones are tried where nothing would be left of the
    lesion. Raises `InputError` when nothing is left of it with the smallest either. A network that answers clicks
    improves what is left; where it would leave nothing, the random walker's answer stays.
    """
    reaches = [distance_to_outline_mm(lesions, lesion.number, voxel) for voxel in voxels]
    for share in REACH_SHARES:
        seeds = tuple(Seed(voxel=v, reach_mm=share * reach) for v, reach in zip(voxels, reaches, strict=True))
        refined = refine(lesions, lesion, seeds, include=include, progress=progress, phase=phase)
        patch = _patch(lesions, lesion.number, refined, voxels, held, include=include)
        if not _leaves_voxels(lesions, lesion, patch):
            continue
        clicks = asked(lesions, phase)
        if clicks is not None:
            prompts = _prompts(lesion, voxels, include=include)
            better = improved(lesions, lesion.number, prompts, refined, clicks.predict, progress, phase=phase)
            by_network = _patch(lesions, lesion.number, better, voxels, held, include=include)
            patch = by_network if _leaves_voxels(lesions, lesion, by_network) else patch
        return seeds, patch
    raise InputError(f"nothing would be left of lesion {lesion.number}: remove or reject it instead")


def _patch(
    lesions: LesionMap,
    number: int,
    found: SegmentedLesion,
    voxels: Sequence[Voxel],
    held: Sequence[Outline],
    *,
    include: bool,
) -> Patch:
    """Return the patch that gives a lesion what was found, with the marked voxels as they were marked.

    held: outlines in whose slices it stays as it is.
    """
    mask = found.mask.copy()
    for outline in held:
        slab = outline.slab(found.box)
        mask[slab] = lesions.mask(number, found.box)[slab]
    for place in np.asarray(voxels) - box_start(found.box):
        if ((place >= 0) & (place < mask.shape)).all():
            mask[tuple(place)] = include
    return replacing_mask(lesions, number, found.box, mask)


def _prompts(lesion: Lesion, voxels: Sequence[Voxel], *, include: bool) -> Prompts:
    """Return all clicks on a lesion, those of a new stroke in place of earlier ones at the same voxels."""
    same, other = (lesion.include, lesion.exclude) if include else (lesion.exclude, lesion.include)
    extended = (*(seed.voxel for seed in _without(same, voxels)), *voxels)
    rest = tuple(seed.voxel for seed in _without(other, voxels))
    return Prompts(include=extended, exclude=rest) if include else Prompts(include=rest, exclude=extended)


def _eligible(lesions: LesionMap, number: int, corners: Sequence[Voxel], *, include: bool) -> list[Voxel]:
    """Return the voxels of a stroke that can be seeds. Raises `InputError` when none can."""
    voxels = _along(corners)
    if not include:
        return voxels
    box = lesions.around(voxels, 0.0)
    taken = lesions.taken(number, box)
    free = [v for v in voxels if not taken[tuple(np.asarray(v) - box_start(box))]]
    if not free:
        owner = int(lesions.labels[voxels[0]]) - LIVER
        raise InputError(
            f"what was marked for lesion {number} belongs to lesion {owner}: exclude it there first, or merge the two"
        )
    inside = [v for v in free if lesions.organ(lesions.around([v], BORDER_MM)).any()]
    if not inside:
        raise InputError(
            f"what was marked for lesion {number} lies outside of the liver, by more than {BORDER_MM:g} mm: "
            "mark voxels in the liver"
        )
    return inside


def _along(corners: Sequence[Voxel]) -> list[Voxel]:
    """Return distinct voxels along the straight lines between corners, evenly thinned."""
    path = [corners[0]]
    for start, end in pairwise(corners):
        steps = int(np.abs(np.subtract(end, start)).max())
        line = np.rint(np.linspace(start, end, steps + 1)[1:]).astype(int)
        path += [(int(z), int(y), int(x)) for z, y, x in line]
    path = list(dict.fromkeys(path))
    if len(path) <= MOST_SEEDS:
        return path
    return [path[int(i)] for i in np.rint(np.linspace(0, len(path) - 1, MOST_SEEDS))]


def _without(seeds: tuple[Seed, ...], voxels: Sequence[Voxel]) -> tuple[Seed, ...]:
    """Return the seeds at other voxels, since a new seed replaces an earlier one."""
    return tuple(seed for seed in seeds if seed.voxel not in voxels)


def _leaves_voxels(lesions: LesionMap, lesion: Lesion, patch: Patch) -> bool:
    """Tell whether a patch leaves voxels of a lesion."""
    value = lesion.number + LIVER
    gained = np.count_nonzero(patch.labels[patch.where] == value)
    lost = np.count_nonzero(patch.where & (lesions.labels[patch.box] == value))
    return np.count_nonzero(lesions.mask(lesion.number, lesion.box)) - lost + gained > 0
