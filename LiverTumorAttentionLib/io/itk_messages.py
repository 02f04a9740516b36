"""Reading without noise: ITK's warnings, its source lines in errors, and refused permissions."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator

import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError


@contextlib.contextmanager
def quiet_itk() -> Iterator[None]:
    """Keep ITK from writing warnings to stderr inside the block; what was set before comes back."""
    shown = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(shown)


@contextlib.contextmanager
def readable(place: str | os.PathLike[str], name: str) -> Iterator[None]:
    """Turn a file system's refusal inside the block into an `InputError` that names the file."""
    try:
        yield
    except PermissionError as error:
        where = error.filename or place
        raise InputError(
            f"the {name} '{where}' may not be read: ask for the permission to read it"
        ) from error


def reason(error: BaseException) -> str:
    """Return what an ITK exception says in a few words: its last sentence, no files, lines or addresses."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[-1] if lines else type(error).__name__
    text = re.sub(r"^(sitk::ERROR|ITK ERROR|Reason|Description)\s*:\s*", "", text)
    text = re.sub(r"\w+\(0x[0-9a-f]+\):\s*", "", text)
    text = re.sub(r"^\[nrrd\]\s*\w+:\s*", "", text)
    return text[:160].rstrip(" .:")
