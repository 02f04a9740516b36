"""Those of the `msd_liver_slices` that show dark lesions, with their outlines: real tumors for tumor stages.

Their masks have the tumors inside and do not tell them apart. `msd_dark_lesions.csv` names a voxel of each lesion, set
in slices that were looked at one by one, and `dark_lesions` outlines it. No radiologist has seen these outlines; the
kinds of the lesions are not known, nor whether a slice holds others that are hardly darker than the liver: the fact
`tumors` says so. Fissures, veins and the gallbladder in these slices stay what they are, liver. Slices of patients that
validate are among them, so that tumor stages can be assessed; they never train.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from pathlib import Path

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.csv_file import read_csv
from training.data.case import Picture, SourceCase
from training.data.layouts import msd_liver_slices

SOURCE = "msd_dark_slices"
LESIONS = Path(__file__).with_name("msd_dark_lesions.csv")
"""picture: its name without ending. y, x: a voxel of a lesion, in the slice as `read_case` returns it."""


def find(data: Path) -> list[SourceCase]:
    """Return one case a slice, in natural order.

    Raises `InputError` as `msd_liver_slices.find` does, and where none of the pictures with lesions is there.
    """
    places: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for row in read_csv(LESIONS, "the list of lesions", "restore it").rows():
        places[row["picture"]].append((int(row["y"]), int(row["x"])))
    cases = [
        _with_lesions(case, places[case.name], case.picture)
        for case in msd_liver_slices.find(data)
        if case.name in places and case.picture is not None
    ]
    if not cases:
        raise InputError(
            f"'{data}' holds none of the {len(places)} slices whose lesions are outlined: give the folder that "
            "training/data/layouts/README.md describes"
        )
    return cases


def _with_lesions(case: SourceCase, places: list[tuple[int, int]], picture: Picture) -> SourceCase:
    return dataclasses.replace(
        case,
        name=f"{case.name}-lesions",  # the slice itself may stand beside it
        picture=dataclasses.replace(picture, lesions=tuple(places)),
        facts={**case.facts, "source": SOURCE, "tumors": "dark ones, outlined by threshold"},
    )
