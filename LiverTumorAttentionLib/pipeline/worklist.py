"""A folder of cases as a worklist: how each is segmented, where its result lies, and how far it is read.

    FOLDER/CASE/portal.*, arterial.*, …     the volumes, see `io.case_folder`; or the DICOM files of a study
    FOLDER/CASE/inputs.json                 in place of them: where they lie, as `cohort` writes it
    FOLDER/CASE/result/                     what a run found, and what a reader made of it

What is read of a case is told by its segmentation and the log of corrections in it alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib.config_parsing import nearest
from LiverTumorAttentionLib.contrast_phase import ROLES
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.pipeline.jobs import REGISTERED_OUTPUTS, SegmentationJob
from LiverTumorAttentionLib.regular_file import open_regular, reason

RESULT_FOLDER = "result"
INPUTS_FILE = "inputs.json"
"""Says where the volumes of a case lie, by the fields of a `SegmentationJob`: {"portal": PATH, "arterial": PATH}."""
INPUT_PATHS = (*ROLES, "study", "headers")
INPUT_TEXTS = ("study_uid", *(f"{role}_series" for role in ROLES))
INPUT_FIELDS = (*INPUT_PATHS, *INPUT_TEXTS)
"""Its keys: those that hold paths, and those that hold text."""
SEGMENTATION_FILE = "segmentation.seg.nrrd"
REPORT_FILE = "report.json"
PHASE_FILES = {
    "arterial": "registered.nrrd",
    "delayed": "registered-delayed.nrrd",
    "native": "registered-native.nrrd",
}
"""The registered volume of each phase."""
TRANSFORM_FILE = "transform.h5"
PROBABILITY_FILE = "probability.nrrd"
REGISTERED_FILES = {
    field: TRANSFORM_FILE if field == "save_transform" else PHASE_FILES[role]
    for field, role in REGISTERED_OUTPUTS.items()
}
"""What comes of a registration, by the fields of a `SegmentationJob`."""

UNREAD, SEGMENTED, DRAFT, SIGNED, DAMAGED = "unread", "segmented", "draft", "signed", "damaged"
STATUSES = {
    UNREAD: "no segmentation yet",
    SEGMENTED: "segmented, and nobody has corrected or decided anything",
    DRAFT: "corrected or decided by a reader, and not signed",
    SIGNED: "signed by a reader",
    DAMAGED: "the segmentation or its log cannot be read",
}
"""What is read of a case, and what it means."""
OPEN = (UNREAD, SEGMENTED)
"""No reader has begun with these."""
_FILES_LOOKED_AT = 50
"""A folder of a study holds DICOM files among the first of it."""


@dataclass(frozen=True, kw_only=True)
class CaseStatus:
    """One of `STATUSES`, and what more there is to say, in one sentence; empty for nothing."""

    kind: str
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class WorklistCase:
    """One case of a worklist.

    name: that of its folder. place: the folder. volumes: its volumes by role, one of `ROLES`; empty for a DICOM study,
    in which the phases are found. sources: what `INPUTS_FILE` says; empty where the volumes lie in the folder.
    """

    name: str
    place: Path
    volumes: Mapping[str, Path]
    sources: Mapping[str, str] = field(default_factory=dict)

    @property
    def result(self) -> Path:
        """The folder of the result; it may be missing."""
        return self.place / RESULT_FOLDER

    @property
    def segmentation(self) -> Path:
        """The segmentation, with the log of corrections in its header; it may be missing."""
        return self.result / SEGMENTATION_FILE

    def inputs(self) -> dict[str, str]:
        """Return what a `SegmentationJob` of the case reads, by its fields."""
        if self.sources:
            return dict(self.sources)
        return {role: str(path) for role, path in self.volumes.items()} or {"study": str(self.place)}

    def outputs(self) -> dict[str, str]:
        """Return what a `SegmentationJob` of the case writes, likewise."""
        files = {"output": SEGMENTATION_FILE, "report": REPORT_FILE, "save_probability": PROBABILITY_FILE}
        given = self.inputs()
        files |= {
            field: REGISTERED_FILES[field]
            for field, role in REGISTERED_OUTPUTS.items()
            if role in given or "portal" not in given
        }
        return {field: str(self.result / name) for field, name in files.items()}

    def status(self) -> CaseStatus:
        """Return what is read of the case. Whether a signed segmentation was changed since shows when it is opened."""
        try:
            text = log_of(self.segmentation)
            return CaseStatus(kind=UNREAD) if text is None else _status(text)
        except InputError as error:
            return CaseStatus(kind=DAMAGED, detail=str(error))

    def checksum(self) -> str:
        """Return the SHA-256 of the segmentation; empty without one. Raises `InputError`."""
        digest = hashlib.sha256()
        try:
            with open_regular(self.segmentation) as file:
                while chunk := file.read(1 << 20):
                    digest.update(chunk)
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise _unreadable(self.segmentation, error) from error
        return digest.hexdigest()


def find_cases(data: Path) -> list[WorklistCase]:
    """Return the cases of a folder, in the order of their names.

    Raises `InputError` for a folder that is none or holds none, and for two volumes that may be the same phase.
    """
    from LiverTumorAttentionLib.io.case_folder import case_places, no_case

    try:
        cases = [case for place in case_places(data) if (case := find_case(place)) is not None]
    except OSError as error:
        raise InputError(
            f"the folder of cases '{data}' cannot be read ({reason(error).lower()}): check the path and its permissions"
        ) from error
    if not cases:
        raise no_case(data)
    return cases


def find_case(place: Path) -> WorklistCase | None:
    """Return the case of a folder; None where it holds none. Raises `InputError`."""
    from LiverTumorAttentionLib.io.case_folder import find_in_case

    if not place.is_dir():
        return None
    if (place / INPUTS_FILE).is_file():
        return _case_of_list(place)
    found = {role: find_in_case(place, role) for role in ROLES}
    volumes = {role: path for role, path in found.items() if path is not None}
    if "portal" not in volumes and (volumes or not _holds_dicom(place)):
        return None
    return WorklistCase(name=place.name, place=place, volumes=volumes)


def _case_of_list(place: Path) -> WorklistCase:
    """Return the case of a folder whose volumes lie elsewhere. Raises `InputError`."""
    from LiverTumorAttentionLib.io.json_file import read_json

    path = place / INPUTS_FILE
    sources = inputs_of(read_json(path, "list of the case's volumes"), f"'{path}'")
    volumes = {role: Path(sources[role]) for role in ROLES if role in sources}
    return WorklistCase(name=place.name, place=place, volumes=volumes, sources=sources)


def inputs_of(values: Any, where: str) -> dict[str, str]:
    """Return what a case reads, by the fields of a `SegmentationJob`. Raises `InputError` for anything else."""
    if not isinstance(values, Mapping) or not {"portal", "study"} & set(values):
        raise InputError(f"{where} names no volumes of a case: correct or remove it")
    for key, value in values.items():
        if key not in INPUT_FIELDS or not isinstance(value, str):
            raise InputError(
                f"{where}: the key {key!r} is unknown or no text{nearest(str(key), INPUT_FIELDS)}: correct it"
            )
    return dict(values)


def log_of(segmentation: Path) -> str | None:
    """Return the log of corrections in the header of a .seg.nrrd: empty without a log, None without a file.

    Raises `InputError` for a file that cannot be read.
    """
    from LiverTumorAttentionLib.correction import HEADER_KEY
    from LiverTumorAttentionLib.io.nrrd_header import read_nrrd_header

    try:
        open_regular(segmentation).close()  # a pipe would be waited for
        return read_nrrd_header(segmentation, "segmentation").pairs.get(HEADER_KEY, "")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(segmentation, error) from error


def read_volumes(case: WorklistCase) -> dict[str, Any]:
    """Return the volumes of a case as a run reads them (`SimpleITK.Image`, HU, LPS mm), by role.

    The phases of a study are found as a run finds them. Raises `InputError`.
    """
    from LiverTumorAttentionLib.io import read_phase
    from LiverTumorAttentionLib.pipeline.study import choose_phases
    from LiverTumorAttentionLib.progress import Progress

    job, _ = choose_phases(SegmentationJob.from_dict(case.inputs()), Progress())
    return {
        role: read_phase(path, series=getattr(job, f"{role}_series"), phase=role)[0]
        for role in ROLES
        if (path := getattr(job, role))
    }


def _status(text: str) -> CaseStatus:
    """Return what a log tells."""
    from LiverTumorAttentionLib.correction import CorrectionLog
    from LiverTumorAttentionLib.correction.sign_off import SIGNED as SIGNED_ENTRY

    if not text:
        return CaseStatus(kind=SEGMENTED)
    log = CorrectionLog.from_text(text)
    if log.signing:
        last = log.signing[-1]
        return CaseStatus(kind=SIGNED if last.kind == SIGNED_ENTRY else DRAFT, detail=last.sentence())
    begun = log.entries or any(lesion.status != "draft" or lesion.edited for lesion in log.lesions)
    return CaseStatus(kind=DRAFT if begun else SEGMENTED)


def _holds_dicom(place: Path) -> bool:
    """Whether there is a DICOM file among the first files of a folder."""
    from LiverTumorAttentionLib.io.dicom_slices import is_dicom
    from LiverTumorAttentionLib.regular_file import is_regular

    for count, path in enumerate(_files(place)):
        if count >= _FILES_LOOKED_AT:
            return False
        if is_regular(path) and is_dicom(path):
            return True
    return False


def _files(place: Path) -> Iterator[Path]:
    own = (path for path in place.iterdir() if path.name != RESULT_FOLDER)
    return (
        file for path in own for file in (path.rglob("*") if path.is_dir() else (path,)) if not file.is_dir()
    )


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(
        f"the segmentation '{path}' cannot be read ({reason(error).lower()}): copy it again, or segment the case again"
    )
