"""Volumes of a job, read and checked: whether they are of the patient, the body part and the phases as asked for."""

from __future__ import annotations

from functools import partial

import SimpleITK as sitk

from LiverTumorAttentionLib.contrast_phase import ROLES
from LiverTumorAttentionLib.io import read_phase, read_side_by_side
from LiverTumorAttentionLib.phases.comparison import Comparison
from LiverTumorAttentionLib.phases.estimate import PhaseEstimate
from LiverTumorAttentionLib.pipeline.headers_file import known_facts
from LiverTumorAttentionLib.pipeline.jobs import SegmentationJob
from LiverTumorAttentionLib.pipeline.phase_check import (
    check_same_patient,
    check_shows_trunk,
    checked_phases,
)
from LiverTumorAttentionLib.progress import Progress


def read_phases(
    job: SegmentationJob, progress: Progress
) -> tuple[dict[str, sitk.Image], dict[str, PhaseEstimate], Comparison | None]:
    """Read the volumes of a job, HU, by what they are for, and check that they are what they were given as.

    Returns what each seems to be too, and what portal and arterial volume show beside each other where that was needed.

    Raises `InputError` for what cannot be read, another patient or another part of the body, and `PhaseMismatch`.
    """
    progress.update(0.0)
    given = [role for role in ROLES if getattr(job, role)]
    readers = [
        partial(read_phase, getattr(job, role), series=getattr(job, f"{role}_series"), phase=role)
        for role in given
    ]
    read = dict(zip(given, read_side_by_side(readers), strict=True))
    images = {role: image for role, (image, _) in read.items()}
    facts = known_facts({role: own for role, (_, own) in read.items()}, job.headers)
    progress.update(0.8, "checking phases")
    check_same_patient(facts, as_given=job.phases_as_given)
    check_shows_trunk(images)
    estimates, compared = checked_phases(images, facts, as_given=job.phases_as_given)
    return images, estimates, compared
