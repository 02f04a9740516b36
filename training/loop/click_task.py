"""The task of a network that answers clicks: cubes with simulated users, and validation by the library's own answer."""

from __future__ import annotations

import copy
from functools import cached_property

import numpy as np
from torch import nn

from LiverTumorAttentionLib.correction.algorithm.click_segmentation import segment_at
from LiverTumorAttentionLib.correction.algorithm.shapes import inner_depth_mm
from LiverTumorAttentionLib.correction.click_network.answer import Prompts, improved
from LiverTumorAttentionLib.correction.lesions import LesionMap
from LiverTumorAttentionLib.inference.click_predictor import ClickPredictor
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import box_start
from training.loop.case_task import CaseTask
from training.sampling.cubes import CubeSampler
from training.sampling.lesions import CaseLesion, lesions_of
from training.sampling.walker_clicks import lesion_map

MOST_VALIDATION = 60
"""Lesions that validate, of all sizes."""


class ClickTask(CaseTask):
    """A recipe with simulated users on prepared cases, for `Trainer`; made as `CaseTask`."""

    @cached_property
    def sampler(self) -> CubeSampler:
        """What the network is shown."""
        return CubeSampler(self.training, self.recipe, self.seed)

    def validate(self, network: nn.Module, progress: Progress) -> dict[str, float]:
        """Return the mean Dice of lesions of the validation cases after one click in their middle, as "dice".

        "dice_low": its 10th percentile. Nothing without validation cases. A copy of the network answers, on the CPU as
        in a correction, wherever it trains. Raises `Cancelled`.
        """
        chosen = self._validation_lesions
        if not chosen:
            return {}
        predictor, dice = ClickPredictor(copy.deepcopy(network).cpu()), []
        maps: dict[int, LesionMap] = {}
        for number, lesion in enumerate(chosen):
            progress.update(number / len(chosen), self.validation[lesion.case].name)
            if lesion.case not in maps:
                maps = {lesion.case: lesion_map(self.validation[lesion.case])}
            dice.append(dice_after_click(maps[lesion.case], lesion, predictor))
        return {"dice": float(np.mean(dice)), "dice_low": float(np.percentile(dice, 10))}

    @cached_property
    def _validation_lesions(self) -> list[CaseLesion]:
        """Lesions that validate: those of all cases, evenly thinned."""
        if self.recipe.interaction is None:
            raise ValueError("a recipe without simulated users")
        found = lesions_of(self.validation, self.recipe.interaction.least_diameter_mm)
        every = max(1, -(-len(found) // MOST_VALIDATION))
        return found[::every]


def dice_after_click(lesions: LesionMap, lesion: CaseLesion, predictor: ClickPredictor) -> float:
    """Return the Dice of a lesion after a click on the deepest voxel of it."""
    mask = lesion.voxels.mask
    depth = inner_depth_mm(mask, np.asarray(lesions.case.spacing_mm))
    place = np.unravel_index(int(depth.argmax()), mask.shape)
    z, y, x = (int(a) + int(b) for a, b in zip(place, box_start(lesion.voxels.box), strict=True))
    walker = segment_at(lesions, (z, y, x), Progress())
    found = improved(lesions, None, Prompts(include=((z, y, x),)), walker, predictor, Progress())
    there = lesion.voxels.read(found.box)
    total = np.count_nonzero(mask) + np.count_nonzero(found.mask)
    return 2 * np.count_nonzero(there & found.mask) / total
