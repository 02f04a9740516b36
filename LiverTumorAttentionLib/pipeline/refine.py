"""Correction of a segmentation by prompts, from files to files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import SimpleITK as sitk

from LiverTumorAttentionLib.correction import (
    HEADER_KEY,
    ClickModel,
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
    Meanings,
    collected_warnings,
    read_ct,
    read_instances_onto,
    read_probability,
    write_segmentation,
)
from LiverTumorAttentionLib.io.json_file import read_bytes
from LiverTumorAttentionLib.pipeline.arterial_policy import UNREGISTERED_GRID, is_usable, usage_warnings
from LiverTumorAttentionLib.pipeline.jobs import RefinementJob
from LiverTumorAttentionLib.pipeline.outputs import Writer, check_outputs, output_files, write_all
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.registration import register_phases, resample_onto
from LiverTumorAttentionLib.voxels.geometry import same_grid

BUNDLED_CLICKS = "clicks"
"""Name of the model that ships."""


@dataclass(frozen=True, kw_only=True)
class RefinementResult:
    """Result of a correction."""

    session: CorrectionSession
    """The session after the last prompt."""
    outcomes: tuple[tuple[str, Outcome], ...]
    """One for each prompt, with the prompt's name."""
    warnings: tuple[str, ...]
    """Warnings for the user, one sentence each."""


def refine_case(job: RefinementJob, progress: Progress | None = None) -> RefinementResult:
    """Correct a segmentation by prompts and write it, with its log: all that the job asks for, or nothing.

    Raises `InputError`, `OutputError` or `Cancelled`; then nothing is written.
    """
    progress = progress or Progress()
    check_outputs(job)
    case, warnings = _read_case(job, progress.part(0.0, 0.5))
    prompts = [] if job.prompts is None else read_prompts(read_bytes(job.prompts, "prompts"), case.portal)
    clicks = None if job.click_model is None else read_click_model(job.click_model)
    session = CorrectionSession(case, clicks=clicks)
    if job.history is not None:
        session = resume(case, read_log(job.history, "log of earlier corrections"), clicks)
    if job.reopen is not None:
        session.reopen(job.reader or "", job.reopen)
    outcomes = [
        (prompt.name, _apply(session, prompt, progress.part(0.5 + 0.4 * k / len(prompts), 0.9, "correcting")))
        for k, prompt in enumerate(prompts)
    ]
    if job.sign:
        session.sign(job.reader or "")
    _write(session, job, progress.part(0.9, 1.0, "writing"))
    return RefinementResult(session=session, outcomes=tuple(outcomes), warnings=warnings)


def read_click_model(path: str) -> ClickModel:
    """Return the model at a path, a folder or a zip, ready to answer clicks; `BUNDLED_CLICKS` is the one that ships.

    Raises `ModelError`.
    """
    from LiverTumorAttentionLib.inference.click_predictor import load_click_predictor
    from LiverTumorAttentionLib.models.interaction_model import BUNDLED, InteractionPackage

    package = InteractionPackage(BUNDLED if path == BUNDLED_CLICKS else Path(path))
    return ClickModel(id=package.id, sha256=package.description.sha256, predict=load_click_predictor(package))


def arterial_by_position(arterial: sitk.Image, portal: sitk.Image) -> tuple[sitk.Image, tuple[str, ...]]:
    """Return the arterial volume resampled onto the portal grid without registration, with the warning of that."""
    if same_grid(arterial, portal):
        return arterial, ()
    return resample_onto(arterial, portal, sitk.Transform(3, sitk.sitkIdentity)), (UNREGISTERED_GRID,)


def read_tumors(
    path: str, portal: sitk.Image, labels: tuple[str, ...] = ()
) -> tuple[sitk.Image, tuple[str, ...]]:
    """Read a segmentation as instances image on the portal grid; the tumors of a semantic label map are taken apart.

    labels: as for `LabelledJob`. Returns the image and the warnings, one sentence each.
    """
    meanings = Meanings(labels)
    with collected_warnings() as warnings:
        instances = instances_from_labels(read_instances_onto(path, portal, meanings))
    meanings.check_used()
    return instances, tuple(warnings)


def read_log(path: str, name: str) -> CorrectionLog:
    """Read a log of corrections. name: what to call it in an error. Raises `InputError`."""
    return CorrectionLog.from_text(read_bytes(path, name))


def _read_case(job: RefinementJob, progress: Progress) -> tuple[CorrectionCase, tuple[str, ...]]:
    """Return the inputs of a job on the portal grid, and warnings for the user."""
    reading = progress.part(0.0, 0.3, "reading")
    reading.update(0.0, "portal volume")
    portal = read_ct(job.portal, series=job.portal_series, phase="portal")
    reading.update(0.5, "segmentation")
    instances, left_out = read_tumors(job.segmentation, portal, job.labels)
    probability = None
    if job.probability is not None:
        probability = read_probability(job.probability)
    arterial: sitk.Image | None = None
    warnings: tuple[str, ...] = ()
    if job.arterial is not None:
        part = progress.part(0.3, 1.0)
        part.update(0.0, "arterial volume")
        arterial = read_ct(job.arterial, series=job.arterial_series, phase="arterial")
        if job.register:
            arterial, warnings = _registered(
                arterial, portal, instances, job.seed, part.part(0.1, 1.0, "registration")
            )
        else:
            arterial, warnings = arterial_by_position(arterial, portal)
    case = CorrectionCase(
        portal=portal, instances=instances, arterial=arterial, probability=probability, model=job.model
    )
    return case, (*left_out, *warnings)


def _registered(
    arterial: sitk.Image, portal: sitk.Image, instances: sitk.Image, seed: int, progress: Progress
) -> tuple[sitk.Image | None, tuple[str, ...]]:
    """Return the arterial volume registered onto the portal one, None if that is refused, with the warnings."""
    liver = sitk.Cast(instances > 0, sitk.sitkUInt8)
    result = register_phases(portal, arterial, portal_liver=liver, progress=progress, seed=seed)
    return result.registered if is_usable(result.verdict) else None, usage_warnings(result.verdict)


def _apply(session: CorrectionSession, prompt: Prompt, progress: Progress) -> Outcome:
    """Apply a prompt; an error names it."""
    try:
        return session.do(prompt.action, progress)
    except InputError as error:
        raise InputError(f"{prompt.name}: {error}") from error


def _write(session: CorrectionSession, job: RefinementJob, progress: Progress) -> None:
    """Write segmentation and log: both, or nothing."""
    text = CorrectionLog.of(session).to_text()

    def segmentation(path: Path) -> None:
        write_segmentation(
            path,
            session.instances(),
            source=job.portal,
            series=job.portal_series,
            notes={HEADER_KEY: text},
        )

    writers: dict[str, Writer] = {
        "segmentation": segmentation,
        "log": lambda path: path.write_text(text + "\n", encoding="utf-8"),
    }
    write_all(output_files(job, writers), progress)
