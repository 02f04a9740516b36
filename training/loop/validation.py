"""Validation on whole prepared cases, to choose the best weights; `evaluate` gives the scores to publish."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray
from torch import nn

from LiverTumorAttentionLib.inference import Device
from LiverTumorAttentionLib.inference.patches import PatchPredictor
from LiverTumorAttentionLib.inference.slices import SlicePredictor
from LiverTumorAttentionLib.metrics import confusion, dice_per_case
from LiverTumorAttentionLib.models.stage_description import PatchSettings, StageDescription
from LiverTumorAttentionLib.progress import Progress
from training.data.case import PreparedCase
from training.sampling.view import network_input


def case_inputs(case: PreparedCase, stage: StageDescription) -> list[NDArray[np.float32]]:
    """Return what the network is given of a whole case, one (z, y, x) volume a phase."""
    inside, inputs = case.inside, []
    for phase in stage.phases:
        given = phase if case.has(phase) else "portal"
        values = network_input(case.volume(given), case, given, stage)
        inputs.append(values if inside is None else values * inside)
    return inputs


Predictor = SlicePredictor | PatchPredictor


def stage_predictor(network: nn.Module, stage: StageDescription, device: Device) -> Predictor:
    """Return what runs a stage's network over a whole volume; its maps are those of `stage.class_groups`, in order."""
    groups = tuple(stage.class_groups.values())
    if stage.slices is not None:
        return SlicePredictor(network, stage.slices, device, groups)
    return PatchPredictor(
        network, cast("PatchSettings", stage.patches), device, groups
    )  # it has one of the two


def validation_scores(
    network: nn.Module,
    cases: Sequence[PreparedCase],
    stage: StageDescription,
    device: Device,
    progress: Progress,
    *,
    tumor_slices_only: bool = False,
) -> dict[str, float]:
    """Return {"dice": …, "dice_liver": …, "dice_tumor": …}, as far as the stage finds them; nothing without cases.

    dice_<class>: mean over the cases, on the stage's grid, from a probability of one half on; the liver holds its
    tumors, and a case without tumors in which none is found scores 1. dice: the mean over the classes.
    tumor_slices_only: look at no other slices. Raises `Cancelled`.
    """
    if not cases:
        return {}
    groups, predictor = stage.class_groups, stage_predictor(network, stage, device)
    counts: dict[str, list] = {name: [] for name in groups}
    for number, case in enumerate(cases):
        part = progress.part(number / len(cases), (number + 1) / len(cases), case.name)
        maps = predictor.predict(case_inputs(case, stage), part)
        labels, inside = case.labels, case.inside
        seen = (labels == 2).any(axis=(1, 2)) if tumor_slices_only else np.ones(len(labels), bool)
        for name, probability in zip(groups, maps, strict=True):
            found = (probability >= 0.5) if inside is None else (probability >= 0.5) & (inside > 0)
            truth = labels == 2 if name == "tumor" else labels > 0
            counts[name].append(confusion(found[seen], truth[seen]))
    dice = {f"dice_{name}": dice_per_case(of_cases) for name, of_cases in counts.items()}
    return {"dice": float(np.mean(list(dice.values()))), **dice}
