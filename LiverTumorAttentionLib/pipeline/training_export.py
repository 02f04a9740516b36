"""Export of a corrected case as a folder for training, in its layout "plain"."""

from __future__ import annotations

import os
from pathlib import Path

import SimpleITK as sitk

from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE, __version__
from LiverTumorAttentionLib.correction.case import CorrectionCase
from LiverTumorAttentionLib.correction.lesions import STATUSES
from LiverTumorAttentionLib.correction.log import CorrectionLog
from LiverTumorAttentionLib.io import making_folder, read_ct, replacing_folder, semantic, write_image
from LiverTumorAttentionLib.pipeline.jobs import TRAINING_CASE_FILES, TrainingExportJob, check_case_name
from LiverTumorAttentionLib.pipeline.outputs import Writer, check_outputs, write_json
from LiverTumorAttentionLib.pipeline.refine import arterial_by_position, read_log, read_tumors
from LiverTumorAttentionLib.progress import Progress


def export_training_case(
    job: TrainingExportJob, progress: Progress | None = None
) -> tuple[Path, tuple[str, ...]]:
    """Write a corrected case as training reads it; return its folder and the warnings, one sentence each.

    Raises `InputError`, `OutputError` or `Cancelled`; then nothing is written.
    """
    progress = progress or Progress()
    check_outputs(job)
    case, warnings = _read_case(job, progress.part(0.0, 0.5))
    log = None if job.log is None else read_log(job.log, "log of corrections")
    if log is not None:
        log.check_fits(case)
    folder = write_training_case(
        job.output,
        job.name,
        case,
        case.instances,
        log=log,
        patient=job.patient,
        progress=progress.part(0.5, 1.0, "writing"),
    )
    return folder, warnings


def write_training_case(
    folder: str | os.PathLike[str],
    name: str,
    case: CorrectionCase,
    instances: sitk.Image,
    *,
    log: CorrectionLog | None = None,
    patient: str | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write `folder`/`name` with portal.nii.gz, arterial.nii.gz, labels.nii.gz (0, 1 liver, 2 tumor), case.json.

    The arterial volume is written on the portal grid, as case.json states. Without one there is no file of it.
    log: source of the numbers of accepted and rejected lesions. patient: training splits by patient.
    All files appear together, or none; an earlier export of the same name is replaced whole. Returns the
    case's folder. Raises `InputError` for a name that is no file name,
    `OutputError` when it cannot be written, `Cancelled`.
    """
    progress = progress or Progress()
    check_case_name(name)
    target = Path(folder) / name
    images = {"portal.nii.gz": case.portal, "labels.nii.gz": semantic(instances)}
    if case.arterial is not None:
        images["arterial.nii.gz"] = case.arterial
    facts = _facts(case, log, patient)

    def volume(image: sitk.Image) -> Writer:
        return lambda path: write_image(path, image)

    writers: dict[str, Writer] = {file: volume(image) for file, image in images.items()}
    writers["case.json"] = lambda path: write_json(path, facts, indent=1)
    with (
        making_folder(folder, name="folder of cases"),
        replacing_folder(target, contents=TRAINING_CASE_FILES, name="case") as fresh,
    ):
        for number, (file, write) in enumerate(writers.items()):
            progress.update(number / len(writers), file)
            write(fresh / file)
        progress.check()
    progress.finish()
    return target


def _read_case(job: TrainingExportJob, progress: Progress) -> tuple[CorrectionCase, tuple[str, ...]]:
    """Return the corrected case on the portal grid, and warnings for the user."""
    reading = progress.part(0.0, 0.3, "reading")
    reading.update(0.0, "portal volume")
    portal = read_ct(job.portal, phase="portal")
    reading.update(0.5, "segmentation")
    instances, left_out = read_tumors(job.segmentation, portal, job.labels)
    if job.arterial is None:
        return CorrectionCase(portal=portal, instances=instances), left_out
    progress.part(0.3, 1.0).update(0.0, "arterial volume")
    arterial, warnings = arterial_by_position(read_ct(job.arterial, phase="arterial"), portal)
    return CorrectionCase(portal=portal, instances=instances, arterial=arterial), (*left_out, *warnings)


def _facts(case: CorrectionCase, log: CorrectionLog | None, patient: str | None) -> dict[str, str | int]:
    """Return the content of case.json; its readers require strings and numbers."""
    facts: dict[str, str | int] = {
        "notice": NOT_FOR_CLINICAL_USE,
        "version": __version__,
        "source": "corrected segmentation",
        "arterial": "none" if case.arterial is None else "on the portal grid, as it was corrected on",
    }
    if patient is not None:
        facts["patient"] = patient
    if case.model is not None:
        facts["model"] = case.model
    if log is not None:
        facts["corrections"] = len(log.entries)
        for status in STATUSES:
            facts[f"lesions_{status}"] = sum(lesion.status == status for lesion in log.lesions)
    return facts
