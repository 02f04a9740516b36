"""CHAOS, its CT part: CT/N/DICOM_anon and a png of the liver for every slice in CT/N/Ground.

Source: Kavur et al., CHAOS Challenge, Medical Image Analysis 2021; healthy donors, portal phase, liver alone.
The pictures liver_GT_000.png, 001, … belong to the DICOM files i0000,0000b.dcm, 0001, … in the order of their
*names*, which runs from head to feet. A reader that sorts slices by position has them the other way round, so the
slices are matched by the names of their files and never by their place in the volume.
"""

from __future__ import annotations

from pathlib import Path

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.data_files import files_below
from training.data.case import LabelFile, SourceCase
from training.data.layouts.files import folder, natural_key
from training.data.layouts.labels import CLASSES


def find(data: Path) -> list[SourceCase]:
    """Return the CT cases with ground truth below `data`; MR cases and test cases are left out."""
    grounds = [
        path
        for path in sorted({file.parent for file in files_below(folder(data, "CHAOS folder"))[0]})
        if path.name == "Ground"
        and (path.parent / "DICOM_anon").is_dir()
        and any(path.glob("liver_GT_*.png"))
    ]
    if not grounds:
        raise InputError(
            f"there is no CT/N/Ground with liver_GT_*.png beside a DICOM_anon below '{data}': "
            "give the folder of the CHAOS training sets"
        )
    return [
        SourceCase(
            name=f"chaos-ct-{ground.parent.name}",
            portal=ground.parent / "DICOM_anon",
            labels=(LabelFile(path=ground, mask_class=CLASSES["liver"]),),
            facts={"tumor_type": "none", "phase": "portal"},
        )
        for ground in sorted(grounds, key=lambda path: natural_key(path.parent.name))
    ]
