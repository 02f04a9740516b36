"""Steps of the pipeline that run a model: loading it, liver, registration within the livers, tumors, instances.

A model has one network for liver and tumors, or one for each; the steps are called alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, cast

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.config_parsing import from_mapping
from LiverTumorAttentionLib.errors import InputError, ModelError
from LiverTumorAttentionLib.inference import (
    AttentionRecorder,
    Device,
    ImportedLiverStage,
    ImportedRun,
    ImportedTumorStage,
    LiverStage,
    TumorStage,
    check_records_attention,
)
from LiverTumorAttentionLib.memory import give_back
from LiverTumorAttentionLib.models import ModelDescription, ModelPackage
from LiverTumorAttentionLib.pipeline.attention_maps import Attention
from LiverTumorAttentionLib.pipeline.jobs import SegmentationJob
from LiverTumorAttentionLib.pipeline.liver_mask import SMALLEST_LIVER_ML, liver_mask
from LiverTumorAttentionLib.postprocessing import (
    SURROUNDINGS_MM,
    PostprocessingSettings,
    instances_from_probability,
)
from LiverTumorAttentionLib.preprocessing import resample_to_grid
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.registration import RegistrationResult, register_phases
from LiverTumorAttentionLib.voxels.boxes import (
    Box,
    enclosing_box,
    expanded_box,
    full_box,
    margin_voxels,
    mask_box,
)
from LiverTumorAttentionLib.voxels.geometry import Point
from LiverTumorAttentionLib.voxels.parts import box_of_part, grid_in_box, whole_of
from LiverTumorAttentionLib.voxels.plane_symmetries import SYMMETRIES

SMALLEST_SHARED_LIVER = 0.05
"""An arterial volume that holds less of the portal volume's liver than this shows another region."""
BOX_MARGIN_MM = 15.0
"""Margin around the liver within which the probability of tumor is computed on the portal grid."""

Phase = Literal["portal", "arterial", "delayed", "native"]


@dataclass(frozen=True, kw_only=True)
class Stages:
    """The networks of a model, ready to run."""

    liver: LiverStage | ImportedLiverStage
    """Finds the liver, and the tumors where there is no stage for them."""
    tumor: TumorStage | ImportedTumorStage | None
    """Finds the tumors inside the liver's box; None where one network finds both."""
    recorder: AttentionRecorder | None
    """Records the attention of the tumor network; None when it was not asked for."""
    averaging: str = "none"
    """What the tumor stage's probability is averaged over, by its name in SYMMETRIES; the liver's never is."""

    @property
    def tumor_passes(self) -> int | None:
        """How often the network of a model of another program runs for each patch; None for the project's own."""
        stage = self.tumor or self.liver
        return None if isinstance(stage, LiverStage | TumorStage) else stage.passes

    @property
    def seen(self) -> str | None:
        """Where the networks of a model of another program run, in words; None for the project's own."""
        stages = (self.liver, self.tumor)
        return next((s.seen for s in stages if isinstance(s, ImportedLiverStage | ImportedTumorStage)), None)

    @property
    def tumor_network(self) -> str:
        """Name of the network that finds the tumors."""
        return (self.tumor or self.liver).description.network

    @property
    def device(self) -> Device:
        """The device on which the tumors were found."""
        return (self.tumor or self.liver).device

    @property
    def liver_share(self) -> float:
        """Share of the running time that the liver takes, roughly."""
        return 0.15 if self.tumor is not None else 0.5


@dataclass(frozen=True, kw_only=True)
class FoundLiver:
    """Result of the liver stage in one phase."""

    mask: sitk.Image
    """The liver on the image's grid, uint8."""
    tumor: sitk.Image | None
    """The probability of tumor on the stage's grid, where the stage tells tumors from liver."""


@dataclass(frozen=True, kw_only=True)
class FoundTumors:
    """Result of the stage that finds the tumors."""

    probability: sitk.Image
    """The probability of tumor on the stage's grid, float32; the mean where it is averaged."""
    deviation: sitk.Image | None
    """Its standard deviation over flips and turns, likewise; None where it is not averaged."""
    attention: Attention | None
    """Attention of its network; None when it was not asked for."""
    liver: sitk.Image | None = None
    """The liver that the stage found anew, uint8 on the portal grid; None where it finds none."""


def load_stages(
    package: ModelPackage,
    device: Device,
    *,
    record_attention: bool = False,
    averaging: str = "none",
    imported: ImportedRun | None = None,
) -> Stages:
    """Build the networks of a model and load their weights.

    imported: how networks of other programs are run; over flips they are averaged as they were trained.
    Raises `ModelError` when weights do not fit, when attention is to be recorded and there is none, or when a
    network would have to be averaged over flips that was not trained for it.
    """
    description = package.description
    other = replace(imported or ImportedRun(), mirror=averaging == "flips")
    if averaging != "none" and description.tumor_stage.is_imported:
        _check_mirrored(description, averaging)
    elif averaging != "none" and description.tumor_stage is description.liver_stage:
        raise ModelError(
            f"the model {description.id!r} finds liver and tumors with one network, which must not be given a mirrored "
            "body: leave out the averaging, or choose a model with a tumor stage of its own"
        )
    liver: LiverStage | ImportedLiverStage
    tumor: TumorStage | ImportedTumorStage | None = None
    if description.liver_stage.is_imported:
        liver = ImportedLiverStage(package, device, other)
    else:
        liver = LiverStage.of(package, device)
    if isinstance(liver, ImportedLiverStage):
        tumor = liver.tumor_stage()
    if tumor is None and "tumor" not in liver.finds:
        if description.tumor_stage.is_imported:
            tumor = ImportedTumorStage.of(package, device, other)
        else:
            tumor = TumorStage.of(package, device)
    if record_attention:
        stage = tumor or liver
        check_records_attention(stage.network, stage.description.network)
    recorder = AttentionRecorder() if record_attention else None
    return Stages(liver=liver, tumor=tumor, recorder=recorder, averaging=averaging)


def _check_mirrored(description: ModelDescription, averaging: str) -> None:
    """Raise `ModelError` where the tumor network of another program was not trained for what it is averaged over."""
    settings = description.tumor_stage.nnunet
    axes = () if settings is None else settings.run.mirror_axes
    if averaging != "flips" or not axes:
        fits = "leave out the averaging" + (", or average over flips" if axes else "")
        raise ModelError(
            f"the model {description.id!r} was trained by another program, not on {averaging.replace('-', ' ')}: {fits}"
        )


def find_liver(
    image: sitk.Image,
    phase: Phase,
    stages: Stages,
    settings: PostprocessingSettings,
    progress: Progress,
    *,
    smallest_ml: float = SMALLEST_LIVER_ML,
) -> FoundLiver:
    """Return the liver on the image's grid. Raises `InputError` when there is none.

    image: HU, in LPS order. phase: which phase it is; attention is recorded in the portal one, where tumors are found.
    smallest_ml: less is no liver.
    """
    recorder = stages.recorder if stages.tumor is None and phase == "portal" else None
    probabilities = stages.liver.probabilities(image, progress, recorder)
    mask = liver_mask(
        probabilities["liver"], image, f"in the {phase} volume", settings, smallest_ml=smallest_ml
    )
    return FoundLiver(mask=mask, tumor=probabilities.get("tumor"))


def postprocessing_settings(package: ModelPackage, job: SegmentationJob) -> PostprocessingSettings:
    """Return the model's settings with what the job sets itself."""
    values = dict(package.description.postprocessing)
    if job.minimum_diameter_mm is not None:
        values["minimum_diameter_mm"] = job.minimum_diameter_mm
    if job.tumor_threshold is not None:
        values["tumor_threshold"] = job.tumor_threshold
        values["minimum_peak_probability"] = max(
            job.tumor_threshold,
            values.get("minimum_peak_probability", PostprocessingSettings.minimum_peak_probability),
        )
    return from_mapping(PostprocessingSettings, values, where="model.json: postprocessing", error=ModelError)


def register_arterial(
    portal: sitk.Image,
    arterial: sitk.Image,
    portal_liver: sitk.Image,
    stages: Stages,
    settings: PostprocessingSettings,
    seed: int,
    progress: Progress,
    *,
    phase: Phase = "arterial",
) -> RegistrationResult:
    """Find the liver in the arterial phase, or another one, and register that phase onto the portal one.

    portal, arterial: HU, in LPS order. portal_liver: uint8 mask on the portal grid.
    Raises `InputError` when the arterial volume shows no liver, or another region.
    """
    liver_progress = progress.part(0.0, 0.3, f"liver, {phase} phase")
    arterial_liver = find_liver(arterial, phase, stages, settings, liver_progress).mask
    give_back()
    result = register_phases(
        portal,
        arterial,
        portal_liver=portal_liver,
        arterial_liver=arterial_liver,
        progress=progress.part(0.3, 1.0, "registration"),
        seed=seed,
    )
    share = result.verdict.liver_share_inside
    if share < SMALLEST_SHARED_LIVER:
        raise InputError(
            f"the {phase} volume holds {100 * share:.0f} % of the liver seen in the portal volume, so it shows "
            "another region: choose another series, or segment without it"
        )
    return result


def find_tumors(
    portal: sitk.Image,
    arterial: sitk.Image | None,
    liver: FoundLiver,
    stages: Stages,
    progress: Progress,
    *,
    attention_point: Point | None = None,
    settings: PostprocessingSettings | None = None,
    further: Mapping[str, sitk.Image] | None = None,
) -> FoundTumors:
    """Return the probability of tumor, and the attention of its network where it is recorded.

    portal: HU, in LPS order. arterial: registered, on the portal grid or on the part of it that the stage sees; None
    when there is none that can be used.
    attention_point: from where attention between places is recorded, LPS mm; None takes the point where
    tumor is most probable. settings: of a liver that the stage finds anew; None takes the defaults. further: the
    delayed and the native phase by name, as the arterial one, for a network of another program that takes them. Raises
    `ModelError` when the model needs a phase and there is none, `InputError` for a point outside the network's input.
    """
    recorder, point, deviation = stages.recorder, None, None
    anew = None
    if stages.tumor is None:
        # A model without a tumor stage finds tumors with the liver.
        probability = cast("sitk.Image", liver.tumor)
    elif isinstance(stages.tumor, ImportedTumorStage) and stages.tumor.finds_liver:
        coarse, probability = stages.tumor.liver_and_probability(
            portal, arterial, liver.mask, progress, further=further
        )
        anew = liver_mask(coarse, portal, "in both phases together", settings or PostprocessingSettings())
    else:
        if isinstance(stages.tumor, ImportedTumorStage):
            probability = stages.tumor.probability(
                portal, arterial, liver.mask, progress, recorder, further=further
            )
        elif stages.averaging == "none":
            probability = stages.tumor.probability(portal, arterial, liver.mask, progress, recorder)
        else:
            probability, deviation = stages.tumor.averaged_probability(
                portal, arterial, liver.mask, progress, SYMMETRIES[stages.averaging], recorder
            )
        if (
            isinstance(stages.tumor, TumorStage)
            and recorder is not None
            and recorder.has_point_attention(stages.tumor.network)
        ):
            point = attention_point or _most_probable(probability)
            stages.tumor.record_from(point, portal, arterial, liver.mask, recorder)
    progress.update(1.0)
    attention = None if recorder is None else Attention.of(recorder, stages.tumor_network, point)
    return FoundTumors(probability=probability, deviation=deviation, attention=attention, liver=anew)


def _most_probable(probability: sitk.Image) -> Point:
    """Return where the probability is highest, LPS mm."""
    values = sitk.GetArrayViewFromImage(probability)
    z, y, x = np.unravel_index(int(values.argmax()), values.shape)
    point: Point = probability.TransformIndexToPhysicalPoint((int(x), int(y), int(z)))
    return point


def arterial_box(portal: sitk.Image, liver: sitk.Image, stages: Stages) -> Box:
    """Return the box (z, y, x) of the portal grid in which the registered volume is looked at.

    That is what the tumor network sees, and what surrounds the candidates. portal: in LPS order. liver: its mask.
    """
    margin = margin_voxels(SURROUNDINGS_MM[1], portal.GetSpacing()[::-1])
    around = expanded_box(probability_box(portal, liver), margin, portal.GetSize()[::-1])
    return around if stages.tumor is None else enclosing_box([around, stages.tumor.seen_box(portal, liver)])


def probability_box(portal: sitk.Image, liver: sitk.Image) -> Box:
    """Return the box (z, y, x) of the portal grid in which the probability of tumor is computed."""
    return mask_box(liver, margin_mm=BOX_MARGIN_MM) or full_box(portal.GetSize()[::-1])


def around_liver(coarse: sitk.Image, portal: sitk.Image, liver: sitk.Image) -> sitk.Image:
    """Return the tumor probability on the part of the portal grid around the liver, float32."""
    return resample_to_grid(coarse, grid_in_box(portal, probability_box(portal, liver)), outside=0.0)


def on_portal_grid(coarse: sitk.Image, portal: sitk.Image, liver: sitk.Image) -> sitk.Image:
    """Return the tumor probability on the whole portal grid, float32; only the liver's box is computed."""
    return whole_of(around_liver(coarse, portal, liver), portal)


def tumor_instances(
    probability: sitk.Image, liver: sitk.Image, settings: PostprocessingSettings
) -> sitk.Image:
    """Return the liver and its tumors one by one as a uint16 image on the grid of the probability.

    probability: on the grid of the liver's mask, or on the part of it around the liver.
    """
    box = box_of_part(probability, liver)
    instances = instances_from_probability(
        sitk.GetArrayViewFromImage(probability),
        sitk.GetArrayViewFromImage(liver)[box].astype(bool),
        spacing_zyx_mm=probability.GetSpacing()[::-1],
        settings=settings,
    )
    image = sitk.GetImageFromArray(instances)
    image.CopyInformation(probability)
    return image
