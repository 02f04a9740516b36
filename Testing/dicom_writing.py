"""Data sets written as DICOM files, in the words of pydicom 3 or of the older one that Slicer 5.10 ships."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any


def save_dicom(data: Any, target: Path | BytesIO, *, implicit: bool = False, whole: bool = True) -> None:
    """Write a `pydicom.Dataset` in little endian.

    implicit: without the kinds of values, as its transfer syntax must say. whole: with preamble and meta information;
    otherwise with what the data set has of them.
    """
    import pydicom

    if int(pydicom.__version__.split(".")[0]) >= 3:
        data.save_as(target, implicit_vr=implicit, little_endian=True, enforce_file_format=whole)
        return
    data.is_implicit_VR, data.is_little_endian = implicit, True
    data.save_as(target, write_like_original=not whole)
