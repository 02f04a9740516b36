"""Job of a corrected case that is written as training reads it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.pipeline.jobs.base import LabelledJob

TRAINING_CASE_FILES = ("portal.nii.gz", "labels.nii.gz", "arterial.nii.gz", "case.json")
"""Files of a case for training; without an arterial volume there is none of it."""


CASE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, kw_only=True)
class TrainingExportJob(LabelledJob):
    """A corrected case to write as training reads it. Raises `InputError` for a bad name or files that collide."""

    portal: str
    """Portal venous CT: a file or a DICOM folder."""
    segmentation: str
    """The corrected segmentation on the portal grid."""
    name: str
    """Name of the case, which is that of its folder: letters, digits, dot, dash and underscore."""
    output: str
    """Folder of cases; made where it is missing."""
    arterial: str | None = None
    """Arterial CT on the portal grid (registered), or on one of its own: it is brought there by its position."""
    log: str | None = None
    """Log of the corrections, as JSON; it says how many lesions were accepted."""
    patient: str | None = None
    """Name of the patient; cases of one patient are never split."""

    def __post_init__(self) -> None:
        check_case_name(self.name)
        self._check_files()

    def inputs(self) -> dict[str, str | None]:
        """Return what the run reads."""
        return {name: getattr(self, name) for name in ("portal", "segmentation", "arterial", "log")}

    def outputs(self) -> dict[str, str | None]:
        """Return what the run writes, by the file's name in the case's folder."""
        names = [name for name in TRAINING_CASE_FILES if self.arterial or name != "arterial.nii.gz"]
        return {name: str(self.folder() / name) for name in names}

    def folder(self) -> Path:
        """Return the folder of the case. One that is there is replaced whole."""
        return Path(self.output) / self.name

    def folders(self) -> dict[str, str | None]:
        """Return the folder of cases."""
        return {"folder of cases": self.output}


def check_case_name(name: str) -> None:
    """Raise `InputError` for a name of a training case that is no file name."""
    if not CASE_NAME.fullmatch(name):
        raise InputError(
            f"a case is named by letters, digits, dot, dash and underscore, got {name!r}: give another name"
        )
