"""Data sets as they are found: each layout turns a folder (or a list) into cases.

A layout only looks at names and descriptions; volumes are opened by `reading.read_case`. `msd_free_slices` alone opens
them too: what it takes is what they show.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib.config_parsing import is_text, nearest, shown
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.models.limits import LONGEST_NAME
from training.data.case import SourceCase
from training.data.layouts import (
    chaos,
    csv_list,
    ircadb,
    lits,
    lits_crop,
    msd,
    msd_dark_slices,
    msd_free_slices,
    msd_liver_slices,
    nnunet,
    plain,
)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """One way to lay out a data set."""

    find: Callable[..., list[SourceCase]]
    """Returns the cases of a path; raises `InputError` that names what is missing."""
    summary: str
    """One line for the help."""
    options: tuple[str, ...] = ()
    """Options that it takes beside the path: "channels", "labels"."""


LAYOUTS: dict[str, Layout] = {
    "lits": Layout(find=lits.find, summary="LiTS: volume-N.nii and segmentation-N.nii"),
    "msd": Layout(find=msd.find, summary="Medical Segmentation Decathlon, Task03_Liver", options=("labels",)),
    "msd_liver_slices": Layout(
        find=msd_liver_slices.find,
        summary="single slices of LiTS as JPEG: slices.csv, images, masks (liver alone)",
    ),
    "msd_free_slices": Layout(
        find=msd_free_slices.find,
        summary="those of msd_liver_slices that show no dark lesion, as backgrounds for tumor stages",
    ),
    "msd_dark_slices": Layout(
        find=msd_dark_slices.find,
        summary="those of msd_liver_slices that show dark lesions, outlined from a voxel of each",
    ),
    "lits_crop": Layout(find=lits_crop.find, summary="crops of LiTS as arrays: litsN_cropM.npz"),
    "ircadb": Layout(
        find=ircadb.find, summary="3D-IRCADb: 3Dircadb1.N/PATIENT_DICOM and MASKS_DICOM, unzipped"
    ),
    "chaos": Layout(find=chaos.find, summary="CHAOS, its CT part (liver alone)"),
    "nnunet": Layout(
        find=nnunet.find,
        summary="nnU-Net raw data: dataset.json, imagesTr, labelsTr",
        options=("channels", "labels"),
    ),
    "plain": Layout(
        find=plain.find,
        summary="a folder a case: portal.nii.gz, labels.nii.gz, and arterial.nii.gz and case.json if there are",
        options=("labels",),
    ),
    "csv": Layout(
        find=csv_list.find,
        summary="a CSV file: name, portal, labels, and arterial, patient and further facts if there are",
        options=("labels",),
    ),
}
"""By the name that --layout takes."""


def find_cases(layout: str, data: Path, **options: Any) -> list[SourceCase]:
    """Return the cases of a data set, in natural order of their names (as in the file for "csv").

    options: "channels" {"portal": 2, "arterial": 1} and "labels" {name or value: class}, where a layout takes
    them; None and {} say nothing.
    Raises `InputError` for an unknown layout, an option that it does not take, or what is missing in `data`.
    """
    if layout not in LAYOUTS:
        raise InputError(f"there is no layout {layout!r}{nearest(layout, LAYOUTS)}")
    given = {name: value for name, value in options.items() if value}
    for name in given:
        if name not in LAYOUTS[layout].options:
            takers = ", ".join(key for key, each in LAYOUTS.items() if name in each.options)
            raise InputError(
                f"the layout {layout!r} takes no {name}; layouts that do are {takers or 'none'}"
                ": leave it out, or choose another layout"
            )
    cases = LAYOUTS[layout].find(Path(data), **given)
    for case in cases:
        if len(case.name) > LONGEST_NAME or not is_text(case.name):
            raise InputError(
                f"the case {shown(case.name)} has a name of {len(case.name)} characters, at most {LONGEST_NAME} that "
                "can be written are taken: rename it"
            )
    return cases


__all__ = ["LAYOUTS", "Layout", "find_cases"]
