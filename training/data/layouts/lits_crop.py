"""Crops of LiTS as arrays: litsN_cropM.npz with `img` (HU) and `lab` (1 liver, 2 tumor), axes x, y, z in LPS order.

The files tell neither axes nor voxel size. Both were found by laying the crop's liver over the Couinaud map of the same
patient, whose header tells them.
"""

from __future__ import annotations

import re
from pathlib import Path

from LiverTumorAttentionLib.errors import InputError
from training.data.case import Crop, LabelFile, SourceCase
from training.data.held_out import check_may_be_used, use_of
from training.data.layouts.files import folder, in_order
from training.data.layouts.labels import OWN_VALUES

SOURCE = "lits_crop"
SPACING_MM = {117: (1.36, 1.36, 1.6)}
"""(x, y, z) by LiTS case: halved in plane and thinned, as its Couinaud map; Dice of the livers 0.99."""
_NAME = re.compile(r"lits(\d+)_crop\d+\.npz")


def find(data: Path) -> list[SourceCase]:
    """Return the crops of a folder, in natural order.

    Raises `InputError` where there is none, for patients of 3D-IRCADb, and for crops whose voxel size is not known.
    """
    named = (
        (path, _NAME.fullmatch(path.name)) for path in in_order(folder(data, "folder of crops").iterdir())
    )
    cases = [_case(path, int(match[1])) for path, match in named if match]
    if not cases:
        raise InputError(f"'{data}' holds no crop such as lits117_crop128.npz: check the path")
    return cases


def _case(path: Path, case: int) -> SourceCase:
    check_may_be_used(case, path.name)
    if case not in SPACING_MM:
        known = ", ".join(map(str, SPACING_MM))
        raise InputError(
            f"the voxel size of '{path.name}' is not known, only that of case {known}: leave the file out, or find it "
            "by the patient's liver and add it to lits_crop.py"
        )
    x_mm, y_mm, z_mm = SPACING_MM[case]
    return SourceCase(
        name=path.stem,
        portal=path,
        labels=(LabelFile(path=path, values=OWN_VALUES),),
        patient=f"lits-{case}",
        facts={"source": SOURCE, "use": use_of(case), "phase": "portal"},
        crop=Crop(image="img", labels="lab", x_mm=x_mm, y_mm=y_mm, z_mm=z_mm),
    )
