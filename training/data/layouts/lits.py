"""LiTS: volume-N.nii beside segmentation-N.nii, gathered from any folders below the one given.

Source: Bilic et al., The Liver Tumor Segmentation Benchmark, Medical Image Analysis 2023; 131 training cases.
About cases 28 to 48 are the 20 patients of 3D-IRCADb (lists disagree on 45 and 48), and their headers have lost
the voxel size: 1 x 1 x 1 mm. Whoever tests on 3D-IRCADb must not train on them; `check` warns of the voxel size.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.data_files import files_below
from training.data.case import LabelFile, SourceCase
from training.data.layouts.files import folder, in_order
from training.data.layouts.labels import OWN_VALUES

_FILE = re.compile(r"(volume|segmentation)-(\d+)\.nii(\.gz)?", re.IGNORECASE)


def find(data: Path) -> list[SourceCase]:
    """Return the cases below `data`; test volumes, which have no segmentation, are not among them."""
    files: dict[tuple[str, int], Path] = {}
    for path in in_order(files_below(folder(data, "LiTS folder"))[0]):
        match = _FILE.fullmatch(path.name)
        if match:
            key = (match[1].lower(), int(match[2]))
            if key in files:
                raise InputError(f"there are two files for one case, '{files[key]}' and '{path}': remove one")
            files[key] = path
    numbers = sorted(number for kind, number in files if kind == "volume")
    if not numbers:
        raise InputError(f"there is no volume-N.nii or volume-N.nii.gz below '{data}': give the LiTS folder")
    return [_case(number, files) for number in numbers]


def _case(number: int, files: Mapping[tuple[str, int], Path]) -> SourceCase:
    volume = files["volume", number]
    missing = volume.with_name(f"segmentation-{number}.nii")  # named, so that it is reported as missing
    segmentation = files.get(("segmentation", number), missing)
    return SourceCase(
        name=f"volume-{number}",
        portal=volume,
        labels=(LabelFile(path=segmentation, values=OWN_VALUES),),
    )
