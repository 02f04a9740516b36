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


def unless_highdicom_is_missing(message: str, what: str) -> str:
    """Return the message that an output is refused with; without highdicom, the one that says so, which comes first.

    what: the output in words.
    """
    return message if importlib.util.find_spec("highdicom") else f"{what} files need highdicom: install it"
