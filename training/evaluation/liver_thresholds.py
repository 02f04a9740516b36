"""Where to cut a liver's probability: Dice by threshold over cases that may train."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.inference import LiverStage, choose_device
from LiverTumorAttentionLib.models import find_model
from LiverTumorAttentionLib.preprocessing import resample_to_grid
from LiverTumorAttentionLib.progress import Progress
from training.data.case import SourceCase
from training.data.held_out import is_held_out
from training.data.layouts.reading import read_case

THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True, kw_only=True)
class AtThreshold:
    """What a threshold does.

    dice: mean over patients of their cases' mean. over, under: what is found beyond the liver, and what is missed, as
    shares of the true liver.
    """

    threshold: float
    dice: float
    over: float
    under: float


def liver_by_threshold(
    model: str, cases: Sequence[SourceCase], progress: Progress, *, device: str = "auto"
) -> list[AtThreshold]:
    """Return one row a threshold of `THRESHOLDS`. model: id or path. Cases that validate are left out.

    The probability is cut on each case's own grid, before its largest part is taken, as `LiverStage` gives it.
    Raises `InputError` where no case is left, `ModelError` for a model of another program.
    """
    used = [case for case in cases if not is_held_out(case.facts)]
    if not used:
        raise InputError("every case validates and may not choose a threshold: give cases that may train")
    stage = LiverStage.of(find_model(model), choose_device(device))
    dice: dict[str, list[list[float]]] = defaultdict(list)
    totals = np.zeros((len(THRESHOLDS), 3))
    for number, case in enumerate(used):
        progress.update(number / len(used))
        loaded = read_case(case, arterial=False)
        probability = resample_to_grid(stage.probabilities(loaded.portal, Progress())["liver"], loaded.portal)
        values = sitk.GetArrayViewFromImage(probability)
        truth = sitk.GetArrayViewFromImage(loaded.labels) > 0
        voxel = float(np.prod(loaded.portal.GetSpacing()))
        of_case = []
        for place, threshold in enumerate(THRESHOLDS):
            found = values >= threshold
            both = int(np.count_nonzero(found & truth))
            sizes = int(np.count_nonzero(found)), int(np.count_nonzero(truth))
            of_case.append(2 * both / sum(sizes) if sum(sizes) else 1.0)
            totals[place] += voxel * (sizes[0] - both), voxel * (sizes[1] - both), voxel * sizes[1]
        dice[case.patient or case.name].append(of_case)
    progress.update(1.0)
    means = np.mean([np.mean(of_patient, axis=0) for of_patient in dice.values()], axis=0)
    return [
        AtThreshold(
            threshold=threshold, dice=float(mean), over=float(over / whole), under=float(under / whole)
        )
        for threshold, mean, (over, under, whole) in zip(THRESHOLDS, means, totals, strict=True)
    ]
