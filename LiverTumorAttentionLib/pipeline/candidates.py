"""Candidates of a case: the tumors as the networks give them, and the second look at each.

A model without the block `candidates` has no second look: every candidate is a finding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.lesion_classifier import DEFAULT_OPERATING_POINT, LesionClassifier, left_out
from LiverTumorAttentionLib.models import ModelDescription
from LiverTumorAttentionLib.pipeline.arterial_policy import is_usable
from LiverTumorAttentionLib.pipeline.jobs import SegmentationJob
from LiverTumorAttentionLib.pipeline.stages import (
    FoundLiver,
    FoundTumors,
    Stages,
    find_liver,
    find_tumors,
    on_portal_grid,
    register_arterial,
    tumor_instances,
)
from LiverTumorAttentionLib.postprocessing import (
    CandidateVolumes,
    PostprocessingSettings,
    check_features,
    judge_candidates,
)
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.registration import RegistrationResult
from LiverTumorAttentionLib.voxels.geometry import Point, to_lps


@dataclass(frozen=True, kw_only=True)
class FoundCase:
    """What the networks find in a case. Images lie on the portal grid, in LPS order."""

    portal: sitk.Image
    """HU."""
    liver: FoundLiver
    """In the portal phase."""
    registration: RegistrationResult | None
    """Of the arterial phase; None when none was given."""
    tumors: FoundTumors
    """On their stage's grid."""
    probability: sitk.Image
    """float32: probability of tumor; the mean where it is averaged."""
    deviation: sitk.Image | None
    """float32: its standard deviation over flips and turns; None where it is not averaged."""
    instances: sitk.Image
    """uint16: 0 background, 1 liver, 2, 3, … one value a candidate, the largest first."""

    @property
    def arterial(self) -> sitk.Image | None:
        """The arterial volume, registered, where it may be used; HU."""
        registration = self.registration
        return registration.registered if registration and is_usable(registration.verdict) else None

    def volumes(self) -> CandidateVolumes:
        """Return what the features of the candidates are taken from, as arrays (z, y, x)."""
        arterial, deviation = self.arterial, self.deviation
        return CandidateVolumes(
            instances=sitk.GetArrayViewFromImage(self.instances),
            liver=sitk.GetArrayFromImage(self.liver.mask).astype(bool),
            probability=sitk.GetArrayViewFromImage(self.probability),
            portal=sitk.GetArrayViewFromImage(self.portal),
            arterial=None if arterial is None else sitk.GetArrayViewFromImage(arterial),
            deviation=None if deviation is None else sitk.GetArrayViewFromImage(deviation),
            spacing_zyx_mm=self.portal.GetSpacing()[::-1],
        )


def find_candidates(
    portal: sitk.Image,
    arterial: sitk.Image | None,
    stages: Stages,
    settings: PostprocessingSettings,
    progress: Progress,
    *,
    seed: int = 0,
    attention_point: Point | None = None,
) -> FoundCase:
    """Run the networks on a case: liver, registration, probability of tumor, candidates.

    portal, arterial: HU, the portal one in LPS order. seed: of what registration samples. attention_point: as for
    `find_tumors`. Raises `InputError`, `ModelError` or `Cancelled`.
    """
    part = progress.part(0.0, stages.liver_share, "liver")
    liver = find_liver(portal, "portal", stages, settings, part)
    registration = None
    if arterial is not None:
        part = progress.part(stages.liver_share, 0.6)
        registration = register_arterial(portal, to_lps(arterial), liver.mask, stages, settings, seed, part)
    usable = registration is not None and is_usable(registration.verdict)
    tumors = find_tumors(
        portal,
        registration.registered if registration and usable else None,
        liver,
        stages,
        progress.part(0.6, 0.92, "tumors"),
        attention_point=attention_point,
    )
    progress.part(0.92, 1.0, "measuring").update(0.0)
    probability = on_portal_grid(tumors.probability, portal, liver.mask)
    deviation = None
    if tumors.deviation is not None:
        deviation = on_portal_grid(tumors.deviation, portal, liver.mask)
    return FoundCase(
        portal=portal,
        liver=liver,
        registration=registration,
        tumors=tumors,
        probability=probability,
        deviation=deviation,
        instances=tumor_instances(probability, liver.mask, settings),
    )


@dataclass(frozen=True, kw_only=True)
class SecondLook:
    """What the second look did. Field names are the keys of the report."""

    operating_point: str
    """Its name."""
    threshold: float
    """The lesion probability from which a candidate is a finding."""
    candidates: int
    """How many there were."""
    dropped: tuple[float, ...]
    """The lesion probability of each that was left out, the largest candidate first."""
    probabilities: dict[int, float]
    """The lesion probability of each finding, by its number 1, 2, …"""

    def sentence(self) -> str:
        """Return how many candidates were left out and why; empty when none was."""
        return left_out(len(self.dropped), self.operating_point)

    def to_dict(self) -> dict[str, Any]:
        """Return what the report says, as JSON values; the findings have their probabilities themselves."""
        return {
            "operating_point": self.operating_point,
            "threshold": self.threshold,
            "found": self.candidates,
            "left_out": len(self.dropped),
            "lesion_probabilities_left_out": list(self.dropped),
        }


def operating_point_of(model: ModelDescription, job: SegmentationJob) -> str | None:
    """Return the operating point of a run; None for a model that gives no lesion probability.

    Raises `ModelError` when one is asked for and the model has none, or needs what this version does not know.
    """
    if model.candidates is None:
        if job.operating_point is not None:
            raise ModelError(
                f"the model {model.id!r} gives no lesion probability, so it has no operating points: leave out "
                f"{job.operating_point!r}, or choose another model"
            )
        return None
    check_features(model.candidates)
    return job.operating_point or DEFAULT_OPERATING_POINT


def second_look(
    found: FoundCase, classifier: LesionClassifier, operating_point: str
) -> tuple[sitk.Image, SecondLook]:
    """Return the candidates that an operating point keeps, as instances, and what was done."""
    threshold = classifier.threshold(operating_point)
    judged = judge_candidates(found.volumes(), classifier, threshold)
    instances = sitk.GetImageFromArray(judged.instances)
    instances.CopyInformation(found.instances)
    return instances, SecondLook(
        operating_point=operating_point,
        threshold=threshold,
        candidates=len(judged.probabilities) + len(judged.dropped),
        dropped=tuple(judged.dropped[number] for number in sorted(judged.dropped)),
        probabilities=judged.probabilities,
    )


def calibration_warnings(
    model: ModelDescription, job: SegmentationJob, settings: PostprocessingSettings
) -> tuple[str, ...]:
    """Return a warning where a run's settings are not those that the lesion probability was calibrated for."""
    if model.candidates is None:
        return ()
    own = model.postprocessing.get("tumor_threshold", PostprocessingSettings.tumor_threshold)
    changed = []
    if not np.isclose(settings.tumor_threshold, own):
        changed.append(f"a tumor threshold of {own:g}, not {settings.tumor_threshold:g}")
    if job.averaging != model.candidates.averaging:
        changed.append(f"averaging over {model.candidates.averaging}, not {job.averaging}")
    if not changed:
        return ()
    return (f"the lesion probability was calibrated for {' and '.join(changed)}: read it with care",)
