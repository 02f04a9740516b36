"""Which synthetic case the sample is. Nothing here needs Slicer, so that the thumbnail can be drawn without it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

NAME = "Two-phase liver CT (synthetic)"
PORTAL_FILE = "portal.nii.gz"
ARTERIAL_FILE = "arterial.nii.gz"
LABELS_FILE = "labels.nii.gz"
LESIONS_FILE = "lesions.json"


@dataclass(frozen=True, kw_only=True)
class SampleCase:
    """What the generator is asked for; the same case gives the same voxels.

    The one that is offered has four lesions, small enough to be missed by eye: a focal nodular hyperplasia of 5 cm that
    is as bright as the liver in the portal venous phase and stands out in the arterial one, two metastases of 15 to
    18 mm that are dark in the portal venous phase, and a hemangioma of 15 mm, bright in both. The bundled model was
    neither trained nor scored on it.
    """

    seed: int = 1014
    size: str = "full"
    lesions: int = 4
    thickness_mm: float = 3.0
    slices: int | None = None
    """None: what covers the upper abdomen."""

    def arguments(self, folder: Path) -> list[str]:
        """Return the command line's arguments that write the case into `folder`."""
        arguments = ["phantom", "--seed", str(self.seed), "--size", self.size, "--lesions", str(self.lesions)]
        arguments += ["--thickness", str(self.thickness_mm)]
        if self.slices is not None:
            arguments += ["--slices", str(self.slices)]
        return arguments + ["--progress", "json", "--output", str(folder)]
