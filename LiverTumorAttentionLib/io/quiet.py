"""Calls into ITK that neither print warnings nor throw its source lines at the user."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import SimpleITK as sitk


@contextlib.contextmanager
def quiet_itk() -> Iterator[None]:
    """Keep ITK from writing warnings to stderr inside the block; what was set before comes back."""
    shown = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(shown)


def reason(error: BaseException) -> str:
    """Return what an ITK exception says in a few words: its last sentence, no files, lines or addresses."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[-1] if lines else type(error).__name__
    text = re.sub(r"^(sitk::ERROR|ITK ERROR|Reason|Description)\s*:\s*", "", text)
    text = re.sub(r"\w+\(0x[0-9a-f]+\):\s*", "", text)
    return text[:160].rstrip(" .:")
