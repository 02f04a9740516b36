"""A network's answer to clicks: `correction.click_network`, with the weights of a model."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.correction import CorrectionCase
from LiverTumorAttentionLib.correction.case import Voxel
from LiverTumorAttentionLib.correction.click_network.answer import Prompts, answer
from LiverTumorAttentionLib.correction.lesions import LesionMap
from LiverTumorAttentionLib.inference.click_predictor import ClickPredictor, load_click_predictor
from LiverTumorAttentionLib.models.interaction_model import InteractionPackage
from LiverTumorAttentionLib.progress import Progress
from Testing.benchmarks.interaction.task import Click, Task

LIVER = 1


@cache
def predictor_of(model: Path) -> ClickPredictor:
    """Return the network of a model, once in every process."""
    return load_click_predictor(InteractionPackage(model))


class ClickNetwork:
    """Sees what our tools see. All clicks on a lesion so far are prompts, and the answer replaces the lesion."""

    def __init__(self, task: Task, predict: ClickPredictor) -> None:
        instances = sitk.GetImageFromArray(task.labels)
        instances.CopyInformation(task.portal)
        self._case = CorrectionCase(
            portal=task.portal, arterial=task.arterial, probability=task.probability, instances=instances
        )
        self._predict, self._value = predict, task.start or int(task.labels.max()) + 1
        self._labels = task.labels.astype(np.uint16)
        self._include: tuple[Voxel, ...] = ()
        self._exclude: tuple[Voxel, ...] = ()
        self.mask = task.mask

    def click(self, click: Click) -> bool:
        lesions = self._lesions()
        if click.include and lesions.taken(self._number, tuple(slice(i, i + 1) for i in click.voxel)).any():
            return False
        if click.include:
            self._include = (*self._include, click.voxel)
        else:
            self._exclude = (*self._exclude, click.voxel)
        prompts = Prompts(include=self._include, exclude=self._exclude)
        found = answer(lesions, self._number, prompts, self._predict, Progress())
        self.mask = self.mask.copy()
        self.mask[found.box] = found.mask
        return True

    @property
    def _number(self) -> int | None:
        """The lesion's number; None while it has no voxel."""
        return self._value - LIVER if self.mask.any() else None

    def _lesions(self) -> LesionMap:
        """Return the lesions as they stand."""
        labels = np.where(self._labels == self._value, np.uint16(LIVER), self._labels)
        labels[self.mask] = self._value
        instances = sitk.GetImageFromArray(labels)
        instances.CopyInformation(self._case.portal)
        return LesionMap(
            CorrectionCase(
                portal=self._case.portal,
                arterial=self._case.arterial,
                probability=self._case.probability,
                instances=instances,
            )
        )
