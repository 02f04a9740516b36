"""Packages that write DICOM objects, in a folder of their own.

Slicer ships pydicom 2 and its DICOM module runs on that; highdicom needs pydicom 3. So both are installed into a folder
that the child process alone has on its path, and what Slicer itself imports stays as it is.
"""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

import slicer

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.i18n import _

PACKAGES = ("highdicom>=0.24", "pydicom>=3", "pyjpegls>=1.5", "typing-extensions>=4")
"""Without what they share with Slicer: numpy and Pillow are its own."""
TITLE = "Liver Tumor Attention"
SCRIPT = Path(__file__).with_name("dicom_child.py")


def packages_folder() -> Path:
    """Return the folder of this version of Python, beside Slicer's settings."""
    settings = Path(slicer.app.slicerUserSettingsFilePath)
    return (
        settings.parent
        / f"{settings.stem}-LiverTumorAttention-dicom-py{sys.version_info[0]}{sys.version_info[1]}"
    )


def are_present() -> bool:
    """Whether this Python has the packages already, of versions that fit."""
    try:
        importlib.metadata.version("highdicom")
        return int(importlib.metadata.version("pydicom").split(".")[0]) >= 3
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return False


def ensure() -> str:
    """Return the folder that the child needs on its path, empty for none; install into it what is missing.

    Asks before anything is downloaded. Raises `PanelError` when the user declines or it cannot be done.
    """
    if are_present():
        return ""
    folder = packages_folder()
    if _is_whole(folder):
        return str(folder)
    question = _(
        "Writing DICOM objects needs these Python packages: {names}. They are installed into "
        "a folder of their own, and Slicer's packages stay as they are. Install them now?"
    ).format(names=", ".join(PACKAGES))
    if not slicer.util.confirmOkCancelDisplay(question, windowTitle=TITLE):
        raise PanelError(
            _("The packages were not installed, so nothing was written: press the button again, and confirm.")
        )
    try:
        slicer.util.pip_install(["--target", str(folder), "--upgrade", "--no-deps", *PACKAGES])
    except Exception as error:  # pip and the network fail in many ways
        raise PanelError(
            _(
                "The packages for DICOM could not be installed ({error}): check the internet "
                "connection, see Slicer's error log, and try again."
            ).format(error=error)
        ) from error
    if not _is_whole(folder):
        raise PanelError(
            _(
                "The packages for DICOM are not in {folder} after their installation: please report this."
            ).format(folder=folder)
        )
    return str(folder)


def _is_whole(folder: Path) -> bool:
    names = {found.metadata["Name"].lower() for found in importlib.metadata.distributions(path=[str(folder)])}
    return {"highdicom", "pydicom", "pyjpegls"} <= names
