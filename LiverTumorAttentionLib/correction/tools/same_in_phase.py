"""The same lesion in the other phase: its prompts answered again by the appearance in that phase alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from LiverTumorAttentionLib.correction.algorithm.appearance import (
    FAINT_CONTRAST,
    LocalAppearance,
    Phase,
    phase_named,
)
from LiverTumorAttentionLib.correction.algorithm.block_grid import BlockGrid
from LiverTumorAttentionLib.correction.algorithm.click_segmentation import Terms, segment_at
from LiverTumorAttentionLib.correction.algorithm.settings import ClickSettings
from LiverTumorAttentionLib.correction.algorithm.shapes import inner_depth_mm
from LiverTumorAttentionLib.correction.case import Voxel
from LiverTumorAttentionLib.correction.click_network.answer import Prompts, asked, improved, pasted
from LiverTumorAttentionLib.correction.edits import Edit, replacing_mask
from LiverTumorAttentionLib.correction.lesions import Lesion, LesionMap
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import box_start, enclosing_box
from LiverTumorAttentionLib.wording import measured

AROUND_MM = 15.0
"""Liver around a lesion with which it is compared."""
PHASE_NAMES: dict[Phase, str] = {"portal": "portal venous", "arterial": "arterial"}


@dataclass(frozen=True, kw_only=True)
class SameInPhase:
    """Redraw a lesion as it is seen in one phase (`phase`: "portal" or "arterial").

    The lesion keeps its number, and its outline becomes what its prompts lead to by the appearance in that phase alone:
    what a reader would draw who looked at no other. So the arterial phase shows the part that enhances, which mRECIST
    measures, and the portal venous one the extent with its washout or capsule. The clicks that made the lesion are
    answered again, those that excluded something too; for a lesion without clicks, such as a model's, its deepest
    voxel is the click. An outline that was drawn by hand is one of the former phase and does not hold in the other.
    Neither another lesion nor what lies outside of the liver is taken, as ever.

    The note says the volume in the phase and before, so that both are known; undo brings back the former outline.
    Raises `InputError`, and nothing changes, for a lesion that does not stand out from the liver in that phase.
    """

    tool: ClassVar[str] = "same_in_phase"
    lesion: int
    phase: str

    def edit(self, lesions: LesionMap, progress: Progress) -> Edit:
        lesion = lesions.editable(self.lesion)
        phase = phase_named(self.phase)
        if phase is None:
            raise ValueError("unreachable")
        progress.update(0.0, f"lesion {lesion.number}")
        _check_seen(lesions, lesion, phase)
        first, include, exclude = _prompts(lesions, lesion)
        terms = Terms(number=lesion.number, phase=phase, include=include, exclude=exclude)
        found = segment_at(lesions, first, progress, terms=terms)
        clicks = asked(lesions, phase)
        if clicks is not None:
            prompts = Prompts(include=(first, *include), exclude=exclude)
            found = improved(lesions, lesion.number, prompts, found, clicks.predict, progress, phase=phase)
        box = enclosing_box([found.box, lesion.box])
        mask = np.zeros([side.stop - side.start for side in box], bool)
        pasted(mask, box, found)
        mask &= ~lesions.taken(lesion.number, box)
        volumes = [
            measured(np.count_nonzero(each) * lesions.case.voxel_mm3 / 1000, "mL")
            for each in (mask, lesions.mask(lesion.number, box))
        ]
        progress.update(1.0)
        return Edit(
            patches=(replacing_mask(lesions, lesion.number, box, mask),),
            records={lesion.number: replace(lesion, outlines=(), phase=phase)},
            subject=lesion.number,
            note=f"lesion {lesion.number} has {volumes[0]} in the {PHASE_NAMES[phase]} phase, and had {volumes[1]}",
            answered_by=None if clicks is None else clicks.name,
        )


def _prompts(lesions: LesionMap, lesion: Lesion) -> tuple[Voxel, tuple[Voxel, ...], tuple[Voxel, ...]]:
    """Return the voxel to click on, and the further ones that belong to the lesion, or do not."""
    include = tuple(seed.voxel for seed in lesion.include)
    exclude = tuple(seed.voxel for seed in lesion.exclude)
    if include:
        return include[0], include[1:], exclude
    mask = lesions.mask(lesion.number, lesion.box)
    depth = inner_depth_mm(mask, np.asarray(lesions.case.spacing_mm))
    place = np.unravel_index(int(np.argmax(np.round(depth, 3))), depth.shape)
    z, y, x = (int(i) for i in np.asarray(place) + box_start(lesion.box))
    return (z, y, x), (), exclude


def _check_seen(lesions: LesionMap, lesion: Lesion, phase: Phase) -> None:
    """Raise `InputError` for a lesion whose inside does not stand out from the liver around it in a phase."""
    box = lesions.widened(lesion.box, AROUND_MM)
    grid = BlockGrid(
        box, lesions.case.spacing_mm, lesions.labels.shape, most_blocks=ClickSettings().most_blocks
    )
    appearance = LocalAppearance(lesions, lesion.number, grid, phase)
    inside = grid.box_means(lesions.mask(lesion.number, grid.box))
    appearance.measure(inside > 0)
    core = inside >= min(0.99, float(inside.max()))
    if appearance.contrast_of(core) < FAINT_CONTRAST:
        hu = abs(float(np.mean(appearance.contrast[0][core])))
        raise InputError(
            f"lesion {lesion.number} does not stand out from the liver in the {PHASE_NAMES[phase]} phase ({hu:.0f} HU, "
            f"noise {appearance.noise[0]:.0f} HU): its outline stays; correct it in the phase in which it is seen"
        )
