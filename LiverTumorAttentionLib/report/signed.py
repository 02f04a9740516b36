"""Who signed the case of a report, by the log of its corrections."""

from __future__ import annotations

from pathlib import Path

import SimpleITK as sitk

from LiverTumorAttentionLib.correction import HEADER_KEY, CorrectionLog, SignOff
from LiverTumorAttentionLib.correction.sign_off import sign_off_in_force
from LiverTumorAttentionLib.io.atomic_write import full_suffix
from LiverTumorAttentionLib.io.nrrd_header import read_nrrd_header
from LiverTumorAttentionLib.pipeline.jobs import ReviewJob
from LiverTumorAttentionLib.pipeline.refine import read_log
from LiverTumorAttentionLib.report.report_inputs import ReportCase


def read_sign_off(job: ReviewJob, case: ReportCase) -> SignOff | None:
    """Return the sign-off in force for the segmentation of a report; None for a draft.

    Raises `InputError` for a log that cannot be read.
    """
    return sign_off_of(job.segmentation, case.instances, job.log)


def sign_off_of(segmentation: str, instances: sitk.Image, log_file: str | None = None) -> SignOff | None:
    """Return the sign-off in force for a segmentation: by a log, else by that in the header of a `.seg.nrrd`.

    instances: what it holds, on its volume's grid. Raises `InputError` for a log that cannot be read.
    """
    path = Path(segmentation)
    if log_file is not None:
        log = read_log(log_file, "log of corrections")
    elif full_suffix(path) == ".seg.nrrd":
        text = read_nrrd_header(path).pairs.get(HEADER_KEY)
        if text is None:
            return None
        log = CorrectionLog.from_text(text)
    else:
        return None
    return sign_off_in_force(log.signing, sitk.GetArrayViewFromImage(instances))
