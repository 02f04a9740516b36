"""DICOM files that a volume was loaded from, as Slicer's DICOM database knows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import slicer

INSTANCES_ATTRIBUTE = "DICOM.instanceUIDs"
"""Slicer's own attribute of a volume that its DICOM module loaded."""
SERIES_TAG = "0020,000E"


@dataclass(frozen=True, kw_only=True)
class DicomSource:
    """A series in the database. files: its slices. series: its UID; empty where the database does not tell it."""

    files: tuple[Path, ...]
    series: str

    @property
    def folder(self) -> Path | None:
        """The folder that holds all of its files; None where they lie in several."""
        folders = {file.parent for file in self.files}
        return folders.pop() if len(folders) == 1 and self.series else None


def database() -> Any:
    """Return Slicer's DICOM database; None where there is none, or none is open."""
    found = getattr(slicer, "dicomDatabase", None)
    return found if found is not None and getattr(found, "isOpen", False) else None


def dicom_source(volume: slicer.vtkMRMLScalarVolumeNode) -> DicomSource | None:
    """Return the series that a volume was loaded from; None where it did not come from the database as it is now."""
    known, uids = database(), (volume.GetAttribute(INSTANCES_ATTRIBUTE) or "").split()
    if known is None or not uids:
        return None
    files = [Path(known.fileForInstance(uid) or "") for uid in uids]
    if not all(file.is_file() for file in files):
        return None
    return DicomSource(files=tuple(files), series=str(known.instanceValue(uids[0], SERIES_TAG) or ""))


def add_to_database(files: Sequence[Path]) -> None:
    """Copy DICOM files into the database, where they appear in their patient's study."""
    for file in files:
        slicer.dicomDatabase.insert(str(file), True, False)
