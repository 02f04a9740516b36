"""What tests of DICOM need on pydicom 3 with highdicom, and on the older pydicom that Slicer 5.10 ships, without it."""

from __future__ import annotations

import importlib.util
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


def refused_without_folder(what: str) -> str:
    """Return what an output is refused with where no DICOM folder was given; what: its name in words.

    Without highdicom that is missing first.
    """
    there = importlib.util.find_spec("highdicom") is not None
    return (
        f"a {what} needs the DICOM folder of the portal volume"
        if there
        else f"{what} files need highdicom: install"
    )
