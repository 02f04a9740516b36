"""The DICOM series that a derived object refers to, its slices as pydicom reads them, and the extra they need."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType
from typing import Any

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.dicom import SeriesInfo, choose_series

NEEDED = ("SOPInstanceUID", "SOPClassUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")


def source_slices(
    source: str | os.PathLike[str] | None,
    series: str | None = None,
    *,
    phase: str = "portal",
    what: str = "DICOM SEG",
    instead: str = "write a .seg.nrrd",
    headers_alone: bool = False,
) -> tuple[SeriesInfo, list[Any]]:
    """Return the series that a DICOM object refers to and its slices in the order of z.

    source: the DICOM folder of a phase. series: which of it, as for `read_volume`. what: the object that needs
    it; instead: what the user can do without.
    Raises `InputError` when the extra is missing, the source is no DICOM folder, or its slices have no UIDs.
    """
    _, pydicom = dicom_extra(what, instead)
    if source is None or not Path(source).is_dir():
        got = "none was given" if source is None else f"'{source}' is none"
        raise InputError(
            f"a {what} needs the DICOM folder of the {phase} volume and {got}: "
            f"give a DICOM folder as {phase} volume, or {instead}"
        )
    info = choose_series(source, series=series, phase=phase, name=f"{phase} volume")
    slices = [pydicom.dcmread(file, stop_before_pixels=headers_alone) for file in info.files]
    missing = [key for key in NEEDED if any(not piece.get(key) for piece in slices)]
    if missing:
        raise InputError(
            f"the DICOM series '{info.description}' has no {', '.join(missing)}, so a {what} cannot refer "
            f"to it: use the files as the scanner wrote them, or {instead}"
        )
    return info, slices


def use_utf8(dataset: Any) -> None:
    """Recode the texts of a data set, since highdicom refuses empty and rare character sets."""
    if not dataset.get("SpecificCharacterSet"):
        dataset.pop("SpecificCharacterSet", None)
    dataset.decode()
    dataset.SpecificCharacterSet = "ISO_IR 192"


def dicom_extra(what: str = "DICOM SEG", instead: str = "write a .seg.nrrd") -> tuple[ModuleType, ModuleType]:
    """Return highdicom and pydicom; raise `InputError` when they are not installed."""
    try:
        import highdicom
        import pydicom
    except ImportError as error:
        raise InputError(
            f"{what} files need highdicom: install it with pip install 'liver-tumor-attention[dicom]', "
            f"or {instead}"
        ) from error
    return highdicom, pydicom
