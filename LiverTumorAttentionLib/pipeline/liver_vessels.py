"""Vessels of a case, proposed in the portal phase: what the command and the panel's child process run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import SimpleITK as sitk

from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE, __version__
from LiverTumorAttentionLib.analysis.vasculature.proposal import VesselPoints, VesselProposal, propose_vessels
from LiverTumorAttentionLib.io import Meanings, collected_warnings, read_phase
from LiverTumorAttentionLib.io.atomic_write import full_suffix
from LiverTumorAttentionLib.io.json_file import read_json
from LiverTumorAttentionLib.io.named_labels import write_named_labels
from LiverTumorAttentionLib.io.nrrd_header import read_nrrd_header
from LiverTumorAttentionLib.io.terminology import vessel_segments
from LiverTumorAttentionLib.pipeline.headers_file import known_facts
from LiverTumorAttentionLib.pipeline.jobs import VesselsJob
from LiverTumorAttentionLib.pipeline.outputs import check_outputs, output_files, write_all, write_json
from LiverTumorAttentionLib.pipeline.phase_check import (
    check_one_patient,
    check_shows_trunk,
    checked_phases,
)
from LiverTumorAttentionLib.pipeline.segmented_case import read_segmented_liver
from LiverTumorAttentionLib.progress import Progress

SOURCE_KEY = "LiverTumorAttention_VesselSource"
"""Field of the header of a `.seg.nrrd` that says who told the vessels."""

WARNINGS_KEY = "LiverTumorAttention_VesselWarnings"
"""Field of the header that keeps what the proposal warned of, JSON, a list of sentences."""
MOST_WARNINGS, LONGEST_WARNING = 10, 500


@dataclass(frozen=True, kw_only=True)
class VesselsResult:
    """Vessels of a case. warnings: one sentence each."""

    proposal: VesselProposal
    warnings: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers as JSON values."""
        return {
            "notice": NOT_FOR_CLINICAL_USE,
            "version": __version__,
            "source": self.proposal.source,
            "liver_hu": self.proposal.liver_hu,
            "volumes_ml": {
                segment.name: self.proposal.volumes_ml[segment.value] for segment in vessel_segments()
            },
            "warnings": list(self.warnings),
        }

    def line(self) -> str:
        """Return the result in a line for the terminal."""
        volumes = ", ".join(
            f"{segment.name.lower()} {self.proposal.volumes_ml[segment.value]:.0f} mL"
            for segment in vessel_segments()
        )
        return f"vessels {self.proposal.source}: {volumes}"


def proposal_fields(source: str, warnings: Sequence[str]) -> dict[str, str]:
    """Return what the header of a `.seg.nrrd` says of a proposal. source: who told the vessels; empty for none."""
    fields = {SOURCE_KEY: source} if source else {}
    return {**fields, WARNINGS_KEY: json.dumps(list(warnings))} if warnings else fields


def proposal_warnings(path: str) -> tuple[str, ...]:
    """Return what the proposal of vessels warned of, as the header of a `.seg.nrrd` says; none where it does not."""
    if full_suffix(path) != ".seg.nrrd":
        return ()
    try:
        told = json.loads(read_nrrd_header(path).pairs.get(WARNINGS_KEY, "[]"))
    except ValueError:
        return ()
    if not isinstance(told, list):
        return ()
    return tuple(str(each)[:LONGEST_WARNING] for each in told[:MOST_WARNINGS] if isinstance(each, str))


def vessels_case(job: VesselsJob, progress: Progress | None = None) -> VesselsResult:
    """Propose the vessels of a liver and write them: all that the job asks for, or nothing.

    A volume that seems to be of another phase is used with a warning. Raises `InputError`, also for a volume without a
    liver's part of the body, `OutputError` or `Cancelled`.
    """
    progress = progress or Progress()
    check_outputs(job)
    points = VesselPoints()
    if job.points is not None:
        points = VesselPoints.from_dict(read_json(job.points, "points"))
    meanings = Meanings(job.labels)
    with collected_warnings() as warnings:
        progress.update(0.0, "reading")
        portal, own = read_phase(job.portal, series=job.portal_series, phase="portal")
        facts = known_facts({"portal": own}, job.headers)
        check_one_patient(facts)
        check_shows_trunk({"portal": portal})
        liver = read_segmented_liver(job.segmentation, portal, meanings)
        meanings.check_used()
        progress.update(0.05, "checking the phase")
        organ = sitk.Cast(liver.instances > 0, sitk.sitkUInt8)
        checked_phases({"portal": portal}, facts, {"portal": organ}, as_given=True)
        proposal = propose_vessels(
            portal, liver.instances, points, progress=progress.part(0.1, 0.95, "proposing vessels")
        )
    result = VesselsResult(proposal=proposal, warnings=(*warnings, *liver.notes, *proposal.notes))
    writers = {
        "vessels": lambda path: write_named_labels(
            path,
            proposal.labels,
            vessel_segments(),
            "vessels",
            proposal_fields(proposal.source, proposal.notes),
        ),
        "numbers": lambda path: write_json(path, result.as_dict()),
    }
    write_all(output_files(job, writers), progress.part(0.95, 1.0, "writing"), name="vessels")
    return result
