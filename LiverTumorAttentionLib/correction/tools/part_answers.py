"""The answer to a prompt that shows a part of a lesion, by the random walker, and a network where one answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from LiverTumorAttentionLib.correction.algorithm.appearance import Phase
from LiverTumorAttentionLib.correction.algorithm.block_grid import Mask
from LiverTumorAttentionLib.correction.algorithm.part_segmentation import (
    KnownPart,
    PartAnswer,
    segment_around,
)
from LiverTumorAttentionLib.correction.click_network.answer import Prompts, asked, improved, pasted
from LiverTumorAttentionLib.correction.lesions import LesionMap
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import Box


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a prompt that shows a part leads to. mask: of the lesion in `box`. part: what is known, in that box.

    answered_by: name of the network that improved it; None where none did.
    """

    box: Box
    mask: Mask
    part: PartAnswer
    answered_by: str | None


def answered(
    lesions: LesionMap,
    number: int | None,
    part: KnownPart,
    prompts: Prompts,
    phase: Phase | None,
    progress: Progress,
) -> Answer:
    """Return the lesion that holds a known part; prompts: voxels by which a network is told of it.

    Raises as `segment_around` does.
    """
    known = segment_around(lesions, number, part, phase, progress)
    box, mask = known.found.box, known.found.mask
    clicks = asked(lesions, phase)
    if clicks is not None:
        better = improved(lesions, number, prompts, known.found, clicks.predict, progress, phase=phase)
        wide = np.zeros_like(mask)
        pasted(wide, box, better)
        mask = known.held(wide)
    return Answer(box=box, mask=mask, part=known, answered_by=None if clicks is None else clicks.name)
