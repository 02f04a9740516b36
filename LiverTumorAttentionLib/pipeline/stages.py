"""Finding the liver and its tumours with a model's networks, be it one for both or one for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.inference import (
    AttentionRecorder,
    Device,
    LiverStage,
    TumorStage,
    check_records_attention,
)
from LiverTumorAttentionLib.models import ModelPackage
from LiverTumorAttentionLib.pipeline.attention_maps import Attention
from LiverTumorAttentionLib.postprocessing import PostprocessingSettings, liver_from_probability
from LiverTumorAttentionLib.preprocessing import resample_to_grid
from LiverTumorAttentionLib.progress import Progress

SMALLEST_LIVER_ML = 20.0
"""Less than this is not a liver that anything could be planned on: the volume shows something else."""

Point = tuple[float, float, float]
"""A place in the patient, LPS mm."""


@dataclass(frozen=True, kw_only=True)
class Stages:
    """The networks of a model, ready to run."""

    liver: LiverStage
    """Finds the liver; and the tumours, where there is no stage for them."""
    tumor: TumorStage | None
    """Finds the tumours inside the liver's box; None where one network finds both."""
    recorder: AttentionRecorder | None
    """Watches the attention that finds the tumours; None when nobody asked."""

    @property
    def finding_tumors(self) -> LiverStage | TumorStage:
        """The stage that finds the tumours."""
        return self.tumor or self.liver

    @property
    def liver_share(self) -> float:
        """Share of the whole time until the liver is known, roughly."""
        return 0.15 if self.tumor is not None else 0.5


@dataclass(frozen=True, kw_only=True)
class FoundLiver:
    """What the first stage found in one phase."""

    mask: sitk.Image
    """The liver on the image's grid, uint8."""
    tumor: sitk.Image | None
    """The probability of tumour on the stage's grid, where the stage tells tumours from liver."""


@dataclass(frozen=True, kw_only=True)
class FoundTumors:
    """What the stage that finds the tumours found."""

    probability: sitk.Image
    """The probability of tumour on the stage's grid, float32."""
    attention: Attention | None
    """What its network attended to; None when nobody asked."""


def load_stages(package: ModelPackage, device: Device, *, watched: bool = False) -> Stages:
    """Build the networks of a model and load their weights.

    Raises `ModelError` when weights do not fit, or when attention is to be watched and there is none.
    """
    liver = LiverStage.of(package, device)
    tumor = None if "tumor" in liver.finds else TumorStage.of(package, device)
    if watched:
        stage = tumor or liver
        check_records_attention(stage.network, stage.description.network)
    return Stages(liver=liver, tumor=tumor, recorder=AttentionRecorder() if watched else None)


def find_liver(
    image: sitk.Image, name: str, stages: Stages, settings: PostprocessingSettings, progress: Progress
) -> FoundLiver:
    """Return the liver on the image's grid. Raises `InputError` when there is none.

    image: HU, in LPS order. name: how the user knows it, such as "portal volume".
    """
    recorder = stages.recorder if stages.tumor is None and name.startswith("portal") else None
    probabilities = stages.liver.probabilities(image, progress, recorder)
    fine = resample_to_grid(probabilities["liver"], image)
    liver = liver_from_probability(
        sitk.GetArrayViewFromImage(fine),
        image.GetSpacing()[::-1],
        threshold=settings.liver_threshold,
        opening_mm=settings.liver_opening_mm,
    )
    volume_ml = float(liver.sum()) * float(np.prod(image.GetSpacing())) / 1000.0
    if volume_ml < SMALLEST_LIVER_ML:
        raise InputError(
            f"no liver was found in the {name} (at most {volume_ml:.0f} mL of something like it): "
            "check that it is a CT of the upper abdomen, or choose another series"
        )
    mask = sitk.GetImageFromArray(liver.astype(np.uint8))
    mask.CopyInformation(image)
    return FoundLiver(mask=mask, tumor=probabilities.get("tumor"))


def find_tumors(
    portal: sitk.Image,
    arterial: sitk.Image | None,
    liver: FoundLiver,
    stages: Stages,
    progress: Progress,
    *,
    attention_point: Point | None = None,
) -> FoundTumors:
    """Return the probability of tumour, and what was attended to if that is watched.

    portal: HU, in LPS order. arterial: registered, on the portal grid; None when there is none that can be used.
    attention_point: where a network that relates places is looked at, LPS mm; None takes the place where
    tumour is most probable. Raises `ModelError` when the model needs the arterial phase and there is none,
    `InputError` for a point outside of what the network sees.
    """
    recorder, point = stages.recorder, None
    if stages.tumor is None:
        # A model without a stage for tumours finds them with the liver.
        probability = cast("sitk.Image", liver.tumor)
    else:
        probability = stages.tumor.probability(portal, arterial, liver.mask, progress, recorder)
        if recorder is not None and recorder.has_point_attention(stages.tumor.network):
            point = attention_point or _most_probable(probability)
            stages.tumor.record_from(point, portal, arterial, liver.mask, recorder)
    progress.update(1.0)
    attention = (
        None if recorder is None else _attention(stages.finding_tumors.description.network, recorder, point)
    )
    return FoundTumors(probability=probability, attention=attention)


def _most_probable(probability: sitk.Image) -> Point:
    """Return where the probability is highest, LPS mm."""
    values = sitk.GetArrayViewFromImage(probability)
    z, y, x = np.unravel_index(int(values.argmax()), values.shape)
    point: Point = probability.TransformIndexToPhysicalPoint((int(x), int(y), int(z)))
    return point


def _attention(network: str, recorder: AttentionRecorder, point: Point | None) -> Attention:
    """Return what was watched, with the places of tiles and patches in millimetres."""

    def in_mm(index: Sequence[float]) -> list[float]:
        return [round(value, 2) for value in recorder.grid.TransformContinuousIndexToPhysicalPoint(index)]

    vectors = {
        name: [
            {
                "center_lps_mm": in_mm(piece.center),
                "weights": [round(float(weight), 5) for weight in piece.weights],
            }
            for piece in pieces
        ]
        for name, pieces in recorder.vectors.items()
    }
    return Attention(
        network=network, about=recorder.about, maps=recorder.maps, vectors=vectors, point_lps_mm=point
    )
