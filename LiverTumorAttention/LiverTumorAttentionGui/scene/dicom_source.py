"""DICOM files that a volume was loaded from, as Slicer's DICOM database knows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import slicer

from LiverTumorAttentionGui.scene.node_attributes import SOURCE_ATTRIBUTE

INSTANCES_ATTRIBUTE = "DICOM.instanceUIDs"
"""Slicer's own attribute of a volume that its DICOM module loaded."""
SERIES_TAG, STUDY_TAG = "0020,000E", "0020,000D"


@dataclass(frozen=True, kw_only=True)
class DicomSource:
    """A series in the database.

    files: its slices. series, study: its UID and that of its study; empty where the database does not tell them.
    """

    files: tuple[Path, ...]
    series: str
    study: str = ""

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
    return _source(volume.GetAttribute(INSTANCES_ATTRIBUTE))


def registered_source(volume: slicer.vtkMRMLScalarVolumeNode) -> DicomSource | None:
    """Return the series that a registered volume was registered from, likewise."""
    return _source(volume.GetAttribute(SOURCE_ATTRIBUTE))


def _source(instances: str | None) -> DicomSource | None:
    known, uids = database(), (instances or "").split()
    if known is None or not uids:
        return None
    files = [Path(known.fileForInstance(uid) or "") for uid in uids]
    if not all(file.is_file() for file in files):
        return None
    series, study = (str(known.instanceValue(uids[0], tag) or "") for tag in (SERIES_TAG, STUDY_TAG))
    return DicomSource(files=tuple(files), series=series, study=study)


def add_to_database(files: Sequence[Path]) -> None:
    """Copy DICOM files into the database, where they appear in their patient's study."""
    for file in files:
        slicer.dicomDatabase.insert(str(file), True, False)
