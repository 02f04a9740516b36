"""Export of a corrected case as a folder for training, in its layout "plain"."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import SimpleITK as sitk

from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE, __version__
from LiverTumorAttentionLib.correction.case import CorrectionCase
from LiverTumorAttentionLib.correction.lesions import STATUSES
from LiverTumorAttentionLib.correction.log import CorrectionLog
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import check_folder, making_folder, replacing_all, semantic, write_image
from LiverTumorAttentionLib.progress import Progress

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


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
    All files appear together, or none. Returns the case's folder. Raises `InputError` for a name that is no file name,
    `OutputError` when it cannot be written, `Cancelled`.
    """
    progress = progress or Progress()
    if not NAME.fullmatch(name):
        raise InputError(f"a case is named by letters, digits, dot, dash and underscore, got {name!r}")
    target = Path(folder) / name
    images = {"portal.nii.gz": case.portal, "labels.nii.gz": semantic(instances)}
    if case.arterial is not None:
        images["arterial.nii.gz"] = case.arterial
    facts = json.dumps(_facts(case, log, patient), indent=1, ensure_ascii=False)
    check_folder(folder, name="folder of cases")
    with (
        making_folder(folder, name="folder of cases"),
        making_folder(target, name="case"),
        replacing_all([target / each for each in (*images, "case.json")], name="case") as temporary,
    ):
        for number, (file, image) in enumerate(images.items()):
            progress.update(number / (len(images) + 1), file)
            write_image(temporary[target / file], image)
        temporary[target / "case.json"].write_text(facts + "\n", encoding="utf-8")
        progress.check()
    progress.update(1.0)
    return target


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
