"""Candidates of a case: the tumors as the networks give them, before the second look at each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.memory import give_back
from LiverTumorAttentionLib.pipeline.arterial_policy import is_usable
from LiverTumorAttentionLib.pipeline.stages import (
    FoundLiver,
    FoundTumors,
    Phase,
    Stages,
    around_liver,
    arterial_box,
    find_liver,
    find_tumors,
    register_arterial,
    tumor_instances,
)
from LiverTumorAttentionLib.postprocessing import (
    SURROUNDINGS_MM,
    CandidateVolumes,
    PostprocessingSettings,
)
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.registration import RegistrationResult
from LiverTumorAttentionLib.voxels.boxes import Box, bounding_box, expanded_box, margin_voxels
from LiverTumorAttentionLib.voxels.geometry import Point, to_lps
from LiverTumorAttentionLib.voxels.labels import OUTSIDE_HU
from LiverTumorAttentionLib.voxels.parts import box_of_part, values_in_box


@dataclass(frozen=True, kw_only=True)
class FoundCase:
    """What the networks find in a case. Images lie on the portal grid, in LPS order, or on a part of it."""

    portal: sitk.Image
    """HU, whole."""
    liver: FoundLiver
    """In the portal phase."""
    registration: RegistrationResult | None
    """Of the arterial phase; None when none was given."""
    tumors: FoundTumors
    """On their stage's grid."""
    probability: sitk.Image
    """float32: probability of tumor around the liver, 0 beyond; the mean where it is averaged."""
    deviation: sitk.Image | None
    """float32: its standard deviation over flips and turns, likewise; None where it is not averaged."""
    instances: sitk.Image
    """uint16: 0 background, 1 liver, 2, 3, … one value a candidate, the largest first; nothing beyond its part."""
    arterial: sitk.Image | None = None
    """The arterial volume around the liver, registered, HU; None where there is none that may be used."""
    further: Mapping[str, RegistrationResult] = field(default_factory=dict)
    """Registrations of the delayed and the native phase, by name, where they were given."""
    further_parts: Mapping[str, sitk.Image] = field(default_factory=dict)
    """Those volumes around the liver, registered, HU, where they may be used."""

    def volumes(self) -> CandidateVolumes:
        """Return what the features of the candidates are taken from, as arrays (z, y, x) of `surroundings`."""
        box = self.surroundings()

        def values(part: sitk.Image, outside: float = 0) -> NDArray[Any]:
            return values_in_box(part, self.portal, box, outside=outside)

        return CandidateVolumes(
            instances=values(self.instances),
            liver=values(self.liver.mask).astype(bool),
            probability=values(self.probability),
            portal=values(self.portal),
            arterial=None if self.arterial is None else values(self.arterial, OUTSIDE_HU),
            deviation=None if self.deviation is None else values(self.deviation),
            spacing_zyx_mm=self.portal.GetSpacing()[::-1],
        )

    def surroundings(self) -> Box:
        """Return the box (z, y, x) of the portal grid with liver, candidates and all that these are compared with."""
        part = box_of_part(self.instances, self.portal)
        found = bounding_box(sitk.GetArrayViewFromImage(self.instances))
        if found is None:
            return part
        within = tuple(
            slice(side.start + whole.start, side.stop + whole.start)
            for side, whole in zip(found, part, strict=True)
        )
        margin = margin_voxels(SURROUNDINGS_MM[1], self.portal.GetSpacing()[::-1])
        return expanded_box(within, margin, self.portal.GetSize()[::-1])


def find_candidates(
    portal: sitk.Image,
    arterial: sitk.Image | None,
    stages: Stages,
    settings: PostprocessingSettings,
    progress: Progress,
    *,
    seed: int = 0,
    attention_point: Point | None = None,
    further: Mapping[str, sitk.Image] | None = None,
) -> FoundCase:
    """Run the networks on a case: liver, registration, probability of tumor, candidates.

    portal, arterial: HU, the portal one in LPS order. seed: of what registration samples. attention_point: as for
    `find_tumors`. further: delayed and native phase, HU, by name; registered as the arterial one.
    Raises `InputError`, `ModelError` or `Cancelled`.
    """
    part = progress.part(0.0, stages.liver_share, "liver")
    liver = find_liver(portal, "portal", stages, settings, part)
    give_back()
    given = {"arterial": arterial, **(further or {})}
    moving = {phase: image for phase, image in given.items() if image is not None}
    registrations, parts = {}, {}
    start, step = stages.liver_share, (0.6 - stages.liver_share) / max(1, len(moving))
    for number, (phase, image) in enumerate(moving.items()):
        part = progress.part(start + number * step, start + (number + 1) * step)
        found = registrations[phase] = register_arterial(
            portal, to_lps(image), liver.mask, stages, settings, seed, part, phase=cast("Phase", phase)
        )
        if is_usable(found.verdict):
            parts[phase] = found.registered_in(arterial_box(portal, liver.mask, stages))
        give_back()
    registration, seen = registrations.pop("arterial", None), parts.pop("arterial", None)
    tumors = find_tumors(
        portal,
        seen,
        liver,
        stages,
        progress.part(0.6, 0.92, "tumors"),
        attention_point=attention_point,
        settings=settings,
        further=parts,
    )
    progress.part(0.92, 1.0, "measuring").update(0.0)
    give_back()
    case = case_of(portal, liver, tumors, settings, arterial=seen)
    return replace(case, registration=registration, further=registrations, further_parts=parts)


def case_of(
    portal: sitk.Image,
    liver: FoundLiver,
    tumors: FoundTumors,
    settings: PostprocessingSettings,
    *,
    arterial: sitk.Image | None = None,
) -> FoundCase:
    """Return what the tumor stage found as a case with its candidates; without registrations.

    portal: HU, in LPS order. arterial: on the portal grid or a part of it, HU; None where there is none.
    """
    if tumors.liver is not None:
        liver = replace(liver, mask=tumors.liver)
    probability = around_liver(tumors.probability, portal, liver.mask)
    deviation = None
    if tumors.deviation is not None:
        deviation = around_liver(tumors.deviation, portal, liver.mask)
    return FoundCase(
        portal=portal,
        liver=liver,
        registration=None,
        tumors=tumors,
        probability=probability,
        deviation=deviation,
        instances=tumor_instances(probability, liver.mask, settings),
        arterial=arterial,
    )
