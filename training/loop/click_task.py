"""The task of a network that answers clicks: cubes with simulated users, and validation by the library's own answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import SimpleITK as sitk
import torch
from torch import nn

from LiverTumorAttentionLib.correction.case import CorrectionCase
from LiverTumorAttentionLib.correction.click_network.answer import Prompts, answer
from LiverTumorAttentionLib.correction.lesions import LesionMap
from LiverTumorAttentionLib.inference.click_predictor import ClickPredictor
from LiverTumorAttentionLib.networks import build_network
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import box_start
from training.data.case import PreparedCase
from training.losses import Loss, build_loss
from training.recipes.recipe import Recipe, to_values
from training.recipes.settings import LoopSettings, OptimizerSettings, ScheduleSettings
from training.sampling.cubes import CubeSampler
from training.sampling.lesions import CaseLesion, lesions_of

MOST_VALIDATION = 60
"""Lesions that validate, of all sizes."""


class ClickTask:
    """A recipe with simulated users on prepared cases, for `Trainer`.

    training, validation: the cases; without validation cases the last weights are kept. about: what else decides the
    training or belongs into run.json, as JSON values.
    """

    def __init__(
        self,
        recipe: Recipe,
        training: Sequence[PreparedCase],
        validation: Sequence[PreparedCase],
        *,
        seed: int,
        about: Mapping[str, Any] | None = None,
        initial: Mapping[str, torch.Tensor] | None = None,
    ) -> None:
        self.recipe, self.seed = recipe, seed
        self.training, self.validation = tuple(training), tuple(validation)
        self._about, self._initial = dict(about or {}), initial

    @property
    def optimizer(self) -> OptimizerSettings:
        """How weights move."""
        return self.recipe.optimizer

    @property
    def schedule(self) -> ScheduleSettings:
        """How long, and how the learning rate changes."""
        return self.recipe.schedule

    @property
    def loop(self) -> LoopSettings:
        """How a step is made."""
        return self.recipe.loop

    @cached_property
    def sampler(self) -> CubeSampler:
        """What the network is shown."""
        return CubeSampler(self.training, self.recipe, self.seed)

    @cached_property
    def _loss(self) -> Loss:
        return build_loss(self.recipe, self.training)

    def build(self) -> nn.Module:
        """Return the network with its first weights."""
        stage = self.recipe.stage
        network = build_network(
            stage.network, generator=torch.Generator().manual_seed(self.seed), **stage.arguments
        )
        if self._initial is not None:
            network.load_state_dict(dict(self._initial))
        return network

    def loss(self, outputs: Any, truth: torch.Tensor) -> torch.Tensor:
        """Return the recipe's loss."""
        return self._loss(outputs, truth)

    def validate(self, network: nn.Module, progress: Progress) -> dict[str, float]:
        """Return the mean Dice of lesions of the validation cases after one click in their middle, as "dice".

        "dice_low": its 10th percentile. Nothing without validation cases. Raises `Cancelled`.
        """
        chosen = self._validation_lesions
        if not chosen:
            return {}
        predictor, dice = ClickPredictor(network), []
        maps: dict[int, LesionMap] = {}
        for number, lesion in enumerate(chosen):
            progress.update(number / len(chosen), self.validation[lesion.case].name)
            if lesion.case not in maps:
                maps = {lesion.case: lesion_map(self.validation[lesion.case])}
            dice.append(dice_after_click(maps[lesion.case], lesion, predictor))
        network.train()
        return {"dice": float(np.mean(dice)), "dice_low": float(np.percentile(dice, 10))}

    @cached_property
    def _validation_lesions(self) -> list[CaseLesion]:
        """Lesions that validate: those of all cases, evenly thinned."""
        if self.recipe.interaction is None:
            raise ValueError("a recipe without simulated users")
        found = lesions_of(self.validation, self.recipe.interaction.least_diameter_mm)
        every = max(1, -(-len(found) // MOST_VALIDATION))
        return found[::every]

    def settings(self) -> dict[str, Any]:
        """Return the settings for run.json."""
        return {"recipe": to_values(self.recipe), "seed": self.seed, **self._about}


def lesion_map(case: PreparedCase) -> LesionMap:
    """Return a prepared case without its lesions, as a session of correction has it."""

    def image(values: Any) -> sitk.Image:
        made = sitk.GetImageFromArray(values)
        made.SetSpacing(case.spacing_mm[::-1])
        return made

    return LesionMap(
        CorrectionCase(
            portal=image(np.asarray(case.volume("portal"))),
            arterial=image(np.asarray(case.volume("arterial"))) if case.has("arterial") else None,
            instances=image((np.asarray(case.labels) > 0).astype(np.uint16)),
        )
    )


def dice_after_click(lesions: LesionMap, lesion: CaseLesion, predictor: ClickPredictor) -> float:
    """Return the Dice of a lesion after a click on the deepest voxel of it."""
    from LiverTumorAttentionLib.correction.algorithm.shapes import inner_depth_mm

    mask = lesion.mask
    depth = inner_depth_mm(mask, np.asarray(lesions.case.spacing_mm))
    place = np.unravel_index(int(depth.argmax()), mask.shape)
    z, y, x = (int(a) + int(b) for a, b in zip(place, box_start(lesion.box), strict=True))
    found = answer(lesions, None, Prompts(include=((z, y, x),)), predictor, Progress())
    there = lesion.read(found.box)
    total = np.count_nonzero(mask) + np.count_nonzero(found.mask)
    return 2 * np.count_nonzero(there & found.mask) / total
