"""Our tools: `CorrectionSession` with Add, Include and Exclude."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.correction import (
    Action,
    Add,
    ClickModel,
    CorrectionCase,
    CorrectionSession,
    Exclude,
    Include,
    Remove,
)
from LiverTumorAttentionLib.errors import InputError
from Testing.benchmarks.interaction.task import Click, Task


class Ours:
    """Both phases, and the probability where the task has one. A lesion that is not there is added.

    Where nothing would be left of a lesion, so that excluding is refused, the user removes it. clicks: the network that
    improves the random walker's answers; None for these as they are.
    """

    def __init__(self, task: Task, clicks: ClickModel | None = None) -> None:
        instances = sitk.GetImageFromArray(task.labels)
        instances.CopyInformation(task.portal)
        self.case = CorrectionCase(
            portal=task.portal, arterial=task.arterial, probability=task.probability, instances=instances
        )
        self.session = CorrectionSession(self.case, clicks=clicks)
        self._number = None if task.start is None else task.start - 1
        self.mask = task.mask

    def click(self, click: Click) -> bool:
        point = self.case.point_at(click.voxel)
        if self._number is None:
            return self._done(Add(point=point))
        if click.include:
            return self._done(Include(stroke=(point,), lesion=self._number))
        return self._done(Exclude(stroke=(point,), lesion=self._number)) or self._done(
            Remove(lesion=self._number)
        )

    def _done(self, action: Action) -> bool:
        try:
            self._number = self.session.do(action).subject
        except InputError:
            return False
        self.mask = np.asarray(self.session.labels == (self._number or 0) + 1)
        if self._number is None:
            self.mask = np.zeros_like(self.mask)
        return True
