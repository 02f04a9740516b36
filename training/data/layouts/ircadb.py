"""3D-IRCADb-01: 3Dircadb1.N/PATIENT_DICOM and a DICOM folder of each structure in MASKS_DICOM.

Source: Soler et al., IRCAD, 2010; 20 patients, portal phase. The masks were named by hand:
`livertumor`, `livertumor01`, `livertumors` are tumors of the liver; `tumor`, `leftsurretumor` and
`rightsurretumor` lie in the adrenal glands; `metastasectomie` is the scar of an operation; `liverkyst`,
`liverkyste` and `livercyst` are cysts. Only the first kind is tumor here; cysts and scars stay liver.
"""

from __future__ import annotations

import re
from pathlib import Path

from LiverTumorAttentionLib.errors import InputError
from training.data.case import LabelFile, SourceCase
from training.data.layouts.files import folder, in_order
from training.data.layouts.labels import CLASSES

_PATIENT = re.compile(r"3Dircadb[12]\.\d+", re.IGNORECASE)
_TUMOR = re.compile(r"livertumou?rs?_?\d*", re.IGNORECASE)


def find(data: Path) -> list[SourceCase]:
    """Return one case a patient folder in `data`; `data` may also be such a folder itself."""
    place = folder(data, "3D-IRCADb folder")
    inside = [path for path in in_order(place.iterdir()) if path.is_dir() and _PATIENT.fullmatch(path.name)]
    patients = inside or ([place] if _PATIENT.fullmatch(place.resolve().name) else [])
    if not patients:
        raise InputError(f"there is no folder 3Dircadb1.N in '{data}': give the folder that holds them")
    return [_case(patient.resolve()) for patient in patients]


def _case(patient: Path) -> SourceCase:
    masks = _unpacked(patient, "MASKS_DICOM")
    tumors = [path for path in in_order(masks.iterdir()) if path.is_dir() and _TUMOR.fullmatch(path.name)]
    return SourceCase(
        name=patient.name,
        portal=_unpacked(patient, "PATIENT_DICOM"),
        labels=(
            LabelFile(path=masks / "liver", mask_class=CLASSES["liver"]),
            *(LabelFile(path=path, mask_class=CLASSES["tumor"]) for path in tumors),
        ),
        facts={} if tumors else {"tumor_type": "none"},
    )


def _unpacked(patient: Path, name: str) -> Path:
    """Return a part of a patient, also where unzipping has put it into a folder of its own name."""
    place = patient / name
    if place.is_dir():
        return place / name if (place / name).is_dir() else place
    if (patient / f"{name}.zip").exists():
        raise InputError(
            f"'{patient / name}.zip' is still packed: unpack the zip files of every patient where they lie"
        )
    raise InputError(f"'{patient}' has no folder {name}: copy the whole patient")
