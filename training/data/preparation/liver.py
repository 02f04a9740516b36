"""The coarse liver that crops and masks a tumor stage's input: the true one, or what a model finds."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import SimpleITK as sitk

from LiverTumorAttentionLib.config_parsing import from_mapping
from LiverTumorAttentionLib.errors import InputError, ModelError
from LiverTumorAttentionLib.inference import LiverStage, choose_device
from LiverTumorAttentionLib.models import find_model
from LiverTumorAttentionLib.pipeline.liver_mask import SMALLEST_LIVER_ML
from LiverTumorAttentionLib.pipeline.stages import Phase, Stages, find_liver
from LiverTumorAttentionLib.postprocessing import PostprocessingSettings
from LiverTumorAttentionLib.progress import Progress
from training.runs.stage_weights import StageWeights


@dataclass(frozen=True, kw_only=True)
class Livers:
    """The liver in each phase, uint8 masks; None where it is not known."""

    portal: sitk.Image
    arterial: sitk.Image | None


def true_livers(labels: sitk.Image) -> Livers:
    """Return the true liver, tumors included, on the portal grid; it is not annotated in the arterial phase."""
    liver = sitk.Cast(labels >= 1, sitk.sitkUInt8)
    if not sitk.GetArrayViewFromImage(liver).any():
        raise InputError("its labels show no liver: check what their values mean")
    return Livers(portal=liver, arterial=None)


def found_livers(model: str, portal: sitk.Image, arterial: sitk.Image | None) -> Livers:
    """Return the livers that a liver stage finds in both phases, as inference does.

    model: id or path of a model, or the folder of a run that trains a liver stage. Of a single slice any liver is
    taken, however little it is in mL.
    """

    stages, settings = _loaded(model)

    def found(image: sitk.Image, phase: Phase) -> sitk.Image:
        smallest_ml = 0.0 if image.GetSize()[2] == 1 else SMALLEST_LIVER_ML
        return find_liver(image, phase, stages, settings, Progress(), smallest_ml=smallest_ml).mask

    return Livers(
        portal=found(portal, "portal"),
        arterial=None if arterial is None else found(arterial, "arterial"),
    )


def identity(model: str) -> str:
    """Return what tells a liver stage from others: where it comes from, and the SHA-256 of its weights."""
    weights = _weights(model)
    name = weights.run.recipe.name if weights.run is not None else find_model(model).description.id
    return f"{name} {weights.sha256}"


def _weights(model: str) -> StageWeights:
    return StageWeights.find(model, lambda stage: "liver" in stage.class_groups, "that finds the liver")


@functools.lru_cache(maxsize=1)
def _loaded(model: str) -> tuple[Stages, PostprocessingSettings]:
    """Return a liver stage and its settings, built once in every process."""
    weights = _weights(model)
    settings = PostprocessingSettings()
    if weights.run is None:
        settings = from_mapping(
            PostprocessingSettings,
            find_model(model).description.postprocessing,
            where="model.json: postprocessing",
            error=ModelError,
        )
    liver = LiverStage(weights.description, weights.network(), choose_device("cpu"))
    return Stages(liver=liver, tumor=None, recorder=None), settings
