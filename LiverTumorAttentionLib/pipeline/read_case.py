"""A case from its files to its volumes in memory: phases chosen, read and checked, before anything is computed.

It needs no torch: a run on this computer goes on from it, and so does one that sends the volumes to a server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import SimpleITK as sitk

from LiverTumorAttentionLib.io import collected_warnings
from LiverTumorAttentionLib.phases.comparison import Comparison
from LiverTumorAttentionLib.phases.estimate import PhaseEstimate
from LiverTumorAttentionLib.pipeline.jobs import SegmentationJob
from LiverTumorAttentionLib.pipeline.read_phases import read_phases
from LiverTumorAttentionLib.pipeline.study import choose_phases
from LiverTumorAttentionLib.progress import Progress


@dataclass(frozen=True, kw_only=True)
class ReadCase:
    """A case that was read and checked."""

    job: SegmentationJob
    """The job, with the series that were chosen in place of a study."""
    images: Mapping[str, sitk.Image]
    """The volumes, HU, by what they are for: "portal" and the other phases that there are."""
    estimates: Mapping[str, PhaseEstimate] = field(default_factory=dict)
    """What each volume seems to be; empty where somebody else has checked them."""
    compared: Comparison | None = None
    """What portal and arterial volume show beside each other, where that was needed."""
    chosen: tuple[str, ...] = ()
    """Which series of a study were chosen and why, one sentence each."""
    warnings: tuple[str, ...] = ()
    """Warnings for the user, one sentence each."""


def reported_phases(
    estimates: Mapping[str, PhaseEstimate],
    compared: Comparison | None,
    chosen: Iterable[str],
    job: SegmentationJob,
) -> dict[str, Any]:
    """Return what the report says of the phases, as JSON values; arguments as the fields of `ReadCase`."""
    return {
        "phase_estimates": {role: estimate.to_dict() for role, estimate in estimates.items()},
        "phase_comparison": compared.to_dict() if compared else None,
        "chosen_from_study": job.reported_warnings(chosen),
    }


def read_case(
    job: SegmentationJob, progress: Progress, check_again: Callable[[SegmentationJob], object]
) -> ReadCase:
    """Read a case. check_again: called with the job where series of a study were chosen, whose outputs then are known.

    Raises `InputError`, `PhaseMismatch`, `OutputError` and `Cancelled`.
    """
    with collected_warnings() as warnings:
        job, chosen = choose_phases(job, progress.part(0.0, 0.375, "choosing phases"))
        if chosen:
            check_again(job)
        images, estimates, compared = read_phases(job, progress.part(0.375, 1.0, "reading"))
    return ReadCase(
        job=job,
        images=images,
        estimates=estimates,
        compared=compared,
        chosen=tuple(chosen),
        warnings=tuple(warnings),
    )
