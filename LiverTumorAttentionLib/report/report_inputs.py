"""Input of a report: the volumes of a case, read, checked and resampled onto the portal grid."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from LiverTumorAttentionLib.analysis import Vessels, read_vessels
from LiverTumorAttentionLib.analysis.segments import LiverSegments
from LiverTumorAttentionLib.contrast_phase import REGISTERED_ROLES, ROLES
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import (
    Meanings,
    collected_warnings,
    read_ct,
    read_probability,
)
from LiverTumorAttentionLib.pipeline.arterial_policy import is_usable, review_warnings
from LiverTumorAttentionLib.pipeline.jobs import ReviewJob
from LiverTumorAttentionLib.pipeline.liver_segments import segments_for_case
from LiverTumorAttentionLib.pipeline.liver_vessels import proposal_warnings
from LiverTumorAttentionLib.pipeline.segmented_case import read_segmented_liver
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.report.run_report import RunReport
from LiverTumorAttentionLib.voxels.geometry import regridded


@dataclass(frozen=True, kw_only=True)
class ReportCase:
    """The volumes of a case, all on the portal volume's own grid.

    portal, arterial, delayed, native: HU, all but the portal volume registered, -1024 where they saw nothing.
    instances: uint16, 0 background, 1 liver, 2, 3, … one value a tumor. probability: of tumor. segments: of
    Couinaud, None where none are known. notes: what the user should know, a sentence
    each; they name files, series and segments.
    """

    portal: sitk.Image
    instances: sitk.Image
    arterial: sitk.Image | None = None
    delayed: sitk.Image | None = None
    native: sitk.Image | None = None
    probability: sitk.Image | None = None
    vessels: Vessels | None = None
    segments: LiverSegments | None = None
    notes: tuple[str, ...] = ()

    @property
    def phases(self) -> dict[str, sitk.Image]:
        """The volumes that there are, by phase, the portal one first."""
        images = {role: getattr(self, role) for role in ROLES}
        return {role: image for role, image in images.items() if image is not None}


def read_case(job: ReviewJob, run: RunReport | None, progress: Progress) -> ReportCase:
    """Read everything that a report needs.

    run: what is known of the run that the segmentation comes from. Raises `InputError`, `Cancelled`.
    """
    meanings = Meanings(job.labels)
    with collected_warnings() as warnings:
        progress.update(0.0, "portal volume")
        portal = read_ct(job.portal, series=job.portal_series, phase="portal")
        progress.update(0.4, "segmentation")
        liver = read_segmented_liver(job.segmentation, portal, meanings)
        case = ReportCase(portal=portal, instances=liver.instances, notes=liver.notes)
        for number, phase in enumerate(REGISTERED_ROLES):
            path = getattr(job, phase)
            if path is not None:
                progress.update(0.6 + 0.06 * number, f"{phase} volume")
                case = _with_phase(case, phase, path, getattr(job, f"{phase}_series"), run)
        if job.probability is not None:
            progress.update(0.8, "probability")
            case = replace(case, probability=_probability(job.probability, portal))
        if job.vessels is not None:
            progress.update(0.9, "vessels")
            vessels = _vessels(job.vessels, portal, meanings)
            told = tuple(f"vessels: {warning}" for warning in proposal_warnings(job.vessels))
            case = replace(case, vessels=vessels, notes=(*case.notes, *told))
        if job.segments is not None:
            progress.update(0.95, "Couinaud segments")
            segments = segments_for_case(job.segments, case.instances, case.vessels)
            case = replace(case, segments=segments, notes=(*case.notes, *segments.notes))
    meanings.check_used()
    progress.update(1.0)
    return replace(case, notes=(*warnings, *case.notes))


def _with_phase(
    case: ReportCase, phase: str, path: str, series: str | None, run: RunReport | None
) -> ReportCase:
    """Return the case with the volume of a phase where it may be used, and a note on how far it is registered."""
    verdict = None if run is None else run.verdict(phase)
    notes = review_warnings(verdict, unregistered_series=Path(path).is_dir(), phase=phase)
    if verdict is not None and not is_usable(verdict):
        return replace(case, notes=(*case.notes, *notes))
    image = read_ct(path, series=series, phase=phase)
    try:
        image = regridded(image, case.portal, f"the {phase} volume", "the portal volume")
    except InputError as error:
        raise InputError(
            f"{error}. A report needs the {phase} volume registered onto the portal one: give the file that segment "
            f"--save-{'registered' if phase == 'arterial' else phase} or register --output wrote, or leave the {phase} "
            "volume out"
        ) from error
    changed: dict[str, Any] = {phase: image}
    return replace(case, notes=(*case.notes, *notes), **changed)


def _probability(path: str, portal: sitk.Image) -> sitk.Image:
    return regridded(read_probability(path), portal, "the probability", "the portal volume")


def _vessels(path: str, portal: sitk.Image, meanings: Meanings) -> Vessels:
    found = read_vessels(path, meanings=meanings)
    labels = regridded(found.labels, portal, "the vessels", "the portal volume", part=True)
    return Vessels(labels=labels, names=found.names)
