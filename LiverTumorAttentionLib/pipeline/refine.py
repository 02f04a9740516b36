"""From a segmentation and prompts to a corrected segmentation and its log."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import SimpleITK as sitk

from LiverTumorAttentionLib.correction import (
    HEADER_KEY,
    CorrectionCase,
    CorrectionLog,
    CorrectionSession,
    Outcome,
    resume,
)
from LiverTumorAttentionLib.correction.lesions import instances_from_labels
from LiverTumorAttentionLib.correction.prompts import Prompt, read_prompts
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import (
    SEGMENTATION_SUFFIXES,
    check_ct,
    check_dicom_seg_source,
    check_writable,
    full_suffix,
    read_instances,
    read_volume,
    replacing_all,
    write_segmentation,
)
from LiverTumorAttentionLib.pipeline.jobs import RefinementJob
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.registration import register_phases, resample_onto
from LiverTumorAttentionLib.voxels.orientation import same_grid


@dataclass(frozen=True, kw_only=True)
class RefinementResult:
    """What a correction gave.

    outcomes: one a prompt, with the prompt's name. warnings: what the user should know, one sentence each.
    """

    session: CorrectionSession
    outcomes: tuple[tuple[str, Outcome], ...]
    warnings: tuple[str, ...]


def refine_case(job: RefinementJob, progress: Progress | None = None) -> RefinementResult:
    """Correct a segmentation by prompts and write it, with its log: all that the job asks for, or nothing.

    Raises `InputError`, `OutputError` or `Cancelled`; then nothing is written.
    """
    progress = progress or Progress()
    _check_outputs(job)
    case, warnings = _case(job, progress.part(0.0, 0.5))
    prompts = read_prompts(_text(job.prompts, "prompts"), case.portal)
    session = CorrectionSession(case)
    if job.history is not None:
        session = resume(case, CorrectionLog.from_text(_text(job.history, "log of earlier corrections")))
    outcomes = [
        (prompt.name, _done(session, prompt, progress.part(0.5 + 0.4 * k / len(prompts), 0.9, "correcting")))
        for k, prompt in enumerate(prompts)
    ]
    _write(session, job, progress.part(0.9, 1.0, "writing"))
    return RefinementResult(session=session, outcomes=tuple(outcomes), warnings=tuple(warnings))


def read_corrected(
    portal: str, arterial: str | None, segmentation: str, log: str | None, progress: Progress
) -> tuple[CorrectionCase, CorrectionLog | None, list[str]]:
    """Return a corrected case, its log if there is one, and what the user should know. Raises `InputError`."""
    job = RefinementJob(portal=portal, arterial=arterial, segmentation=segmentation, prompts="", output="")
    case, warnings = _case(job, progress)
    if log is None:
        return case, None, warnings
    known = CorrectionLog.from_text(_text(log, "log of corrections"))
    known.check_fits(case)
    return case, known, warnings


def _case(job: RefinementJob, progress: Progress) -> tuple[CorrectionCase, list[str]]:
    """Return the inputs of a job on the portal grid, and what the user should know of them."""
    part = progress.part(0.0, 0.3, "reading")
    part.update(0.0, "portal volume")
    portal = read_volume(job.portal, series=job.portal_series, phase="portal")
    check_ct(portal, "portal volume")
    part.update(0.5, "segmentation")
    instances = instances_from_labels(read_instances(job.segmentation, keep_numbers=True))
    probability = None
    if job.probability is not None:
        probability = read_volume(job.probability, name="probability")
    arterial: sitk.Image | None = None
    warnings: list[str] = []
    if job.arterial is not None:
        arterial, warnings = _arterial(job, portal, instances, progress.part(0.3, 1.0))
    case = CorrectionCase(
        portal=portal, instances=instances, arterial=arterial, probability=probability, model=job.model
    )
    return case, warnings


def _arterial(
    job: RefinementJob, portal: sitk.Image, instances: sitk.Image, progress: Progress
) -> tuple[sitk.Image | None, list[str]]:
    """Return the arterial volume on the portal grid, and what the user should know of how it came there."""
    if job.arterial is None:
        raise ValueError("there is no arterial volume")
    progress.update(0.0, "arterial volume")
    arterial = read_volume(job.arterial, series=job.arterial_series, phase="arterial", name="arterial volume")
    check_ct(arterial, "arterial volume")
    if same_grid(arterial, portal):
        return arterial, []
    if not job.register:
        as_it_lies = resample_onto(arterial, portal, sitk.Transform(3, sitk.sitkIdentity))
        note = (
            "the arterial volume lies on another grid; it was taken by its position in the patient, without "
            "registration (--register registers it)"
        )
        return as_it_lies, [note]
    liver = sitk.Cast(instances > 0, sitk.sitkUInt8)
    part = progress.part(0.1, 1.0, "registration")
    found = register_phases(portal, arterial, portal_liver=liver, progress=part, seed=job.seed)
    verdict = found.verdict
    if verdict.grade == "refused":
        return None, [f"the arterial phase was not used: {verdict.reason}"]
    if verdict.grade == "doubtful":
        return found.registered, [f"the arterial phase was used, but look at how it fits: {verdict.reason}"]
    return found.registered, []


def _check_outputs(job: RefinementJob) -> None:
    """Make sure, before the run, that what the job asks for can be written."""
    check_writable(job.output, suffixes=SEGMENTATION_SUFFIXES, name="segmentation")
    if job.log is not None:
        check_writable(job.log, suffixes=(".json",), name="log")
    if full_suffix(job.output) == ".dcm" and Path(job.portal).exists():
        check_dicom_seg_source(job.portal, job.portal_series)


def _done(session: CorrectionSession, prompt: Prompt, progress: Progress) -> Outcome:
    """Do what a prompt asks for; an error says which prompt it was."""
    try:
        return session.do(prompt.action, progress)
    except InputError as error:
        raise InputError(f"{prompt.name}: {error}") from error


def _write(session: CorrectionSession, job: RefinementJob, progress: Progress) -> None:
    """Write segmentation and log together."""
    text = CorrectionLog.of(session).to_text()
    targets = {name: Path(path) for name, path in job.outputs().items() if path}
    with replacing_all(targets.values()) as temporary:
        progress.update(0.0, targets["segmentation"].name)
        write_segmentation(
            temporary[targets["segmentation"]],
            session.instances(),
            source=job.portal,
            series=job.portal_series,
            notes={HEADER_KEY: text},
        )
        if "log" in targets:
            temporary[targets["log"]].write_text(text + "\n", encoding="utf-8")
        progress.check()
    progress.update(1.0)


def _text(path: str, name: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise InputError(f"the {name} '{path}' cannot be read ({why}): check the path") from error
