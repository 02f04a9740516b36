"""One folder a case: portal.nii.gz, labels.nii.gz and, where there are, arterial.nii.gz and more.

    CASE/portal.*        a volume file, or a folder portal/ with a DICOM series
    CASE/arterial.*      likewise; may be missing
    CASE/labels.*        0 background, 1 liver, 2 tumor; or labels.seg.nrrd with named segments
    CASE/case.json       facts as {"tumor_type": "HCC", "scanner": "GE", "patient": "P7"}; may be missing
    CASE/displacement.*  the true displacement of portal points, LPS mm; may be missing
    CASE/lesions.json    the lesions one by one; may be missing

`liver-tumor-attention phantom` and the command `phantoms` write folders of this kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.case_folder import case_places, find_in_case, no_case
from training.data.case import LabelFile, SourceCase
from training.data.layouts.files import VOLUME_SUFFIXES, case_name, read_json
from training.data.layouts.labels import told_values

LABEL_SUFFIXES = (*VOLUME_SUFFIXES, ".seg.nrrd", ".dcm")


def find(data: Path, *, labels: Mapping[str, str] | None = None) -> list[SourceCase]:
    """Return one case a folder in `data`. labels: classes by further values, such as {"3": "background"}."""
    values = told_values(labels or {})
    cases = [
        _case(place, values)
        for place in case_places(data)
        if _found(place, "portal") or _found(place, "labels")
    ]
    if not cases:
        raise no_case(data)
    return cases


def _case(place: Path, values: Mapping[int, int]) -> SourceCase:
    lesions = place / "lesions.json"
    facts, patient = _facts(place / "case.json")
    if lesions.is_file():
        facts = {"tumor_type": tumor_type(lesions), **facts}
    return SourceCase(
        name=case_name(place.name),
        portal=_found(place, "portal") or place / "portal.nii.gz",
        arterial=_found(place, "arterial"),
        labels=(LabelFile(path=_found(place, "labels") or place / "labels.nii.gz", values=values),),
        patient=patient,
        facts=facts,
        displacement=_found(place, "displacement"),
        lesions=lesions if lesions.is_file() else None,
    )


def _found(place: Path, name: str) -> Path | None:
    """Return the file or folder called `name`; see `find_in_case`."""
    return find_in_case(place, name, LABEL_SUFFIXES if name == "labels" else VOLUME_SUFFIXES)


def _facts(path: Path) -> tuple[dict[str, str], str | None]:
    """Return what case.json says: facts, and the patient."""
    if not path.is_file():
        return {}, None
    facts: dict[str, str] = {}
    for key, value in read_json(path).items():
        if isinstance(value, dict | list):
            raise InputError(
                f"'{path}': {key!r} must be a text or a number, not a list or an object: correct it"
            )
        if value is not None:
            facts[key] = str(value)
    return facts, facts.pop("patient", None)


def tumor_type(path: Path) -> str:
    """Return the type of a case's lesions: "none", the type they share, or "mixed"."""
    try:
        kinds = {str(lesion["kind"]) for lesion in _lesions(read_json(path))}
    except (KeyError, TypeError) as error:
        raise InputError(f"'{path}' does not tell its lesions ({error!r}): write it again") from error
    return "none" if not kinds else kinds.pop() if len(kinds) == 1 else "mixed"


def _lesions(record: Mapping[str, Any]) -> list[Any]:
    return list(record["lesions"])
