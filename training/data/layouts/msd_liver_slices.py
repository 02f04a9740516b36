"""Single axial slices of LiTS and Task03_Liver as JPEG: images, masks, slices.csv.

    slices.csv           of each picture: case, slice, millimeters, how well its case was recognized
    images/NAME.jpg      256 x 256 gray values: HU clipped to 0 ... 255
    masks/NAME.jpg       the liver, tumors included

A picture becomes a case of one slice; the pictures of a patient stay together. The clip stands in the facts, as
`hu_clip`, and `augmentation.clip_share` gives other sources the same one, so that no network learns the clip itself.
Pictures called "flipped_..." show x down and y from right to left, those called "mirrored_..." the same turned by 180
degrees. Where both are there of one slice they are the same picture once upright, but for what JPEG rounds: the
flipped one is taken, which comes first in the order of names, and the mirrored one left out, so that no slice counts
twice. Of the 570 pictures of known patients 551 are left.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.csv_file import read_csv
from training.data.case import LabelFile, Picture, SourceCase
from training.data.held_out import check_may_be_used, use_of
from training.data.layouts.files import case_name, folder, natural_key, some

SOURCE = "msd_liver_slices"
CLIP_HU = (0, 255)
LEAST_MATCH = 0.7
"""Soft Dice of the masks from which a picture is believed to show the slice that slices.csv names."""
COLUMNS = (
    "file",
    "msd_liver_case",
    "pixel_x_mm_of_256_image",
    "pixel_y_mm",
    "slice_mm",
    "soft_dice_of_match",
)


def find(data: Path) -> list[SourceCase]:
    """Return one case a slice, in natural order.

    A patient is told by the second part of a picture's name; its LiTS case is the one that the patient's believed
    pictures agree on. Pictures of a patient without any, and those that were taken for another patient, are left out:
    their millimeters, and whether they may be used, are not known. A mirrored picture is left out too where a flipped
    one shows its slice.
    Raises `InputError` for missing files and columns, and for cases that are patients of 3D-IRCADb, by name.
    """
    rows = _rows(folder(data, "folder of slices") / "slices.csv")
    believed: dict[str, set[int]] = defaultdict(set)
    for row in rows:
        case = int(row["msd_liver_case"])
        check_may_be_used(case, row["file"])
        if float(row["soft_dice_of_match"]) >= LEAST_MATCH:
            believed[_patient(row)].add(case)
    split = [patient for patient, cases in believed.items() if len(cases) > 1]
    if split:
        raise InputError(
            f"the pictures of patient {some(split)} are said to show several cases of LiTS: correct slices.csv"
        )
    known = [row for row in rows if int(row["msd_liver_case"]) in believed.get(_patient(row), set())]
    flipped = {_slice(row) for row in known if not _is_mirrored(row)}
    cases = [_case(data, row) for row in known if not (_is_mirrored(row) and _slice(row) in flipped)]
    if not cases:
        raise InputError(f"'{data / 'slices.csv'}' lists no slice whose case is known: copy the folder again")
    return sorted(cases, key=lambda case: natural_key(case.name))


def _rows(path: Path) -> Sequence[Mapping[str, str]]:
    """Return the lines of slices.csv, checked."""
    table = read_csv(path, "the list", "give the folder that holds it")
    missing = [name for name in COLUMNS if name not in table.header]
    rows = table.rows()
    if missing:
        raise InputError(f"'{path}' has no column {missing[0]!r}: copy it again")
    for row in rows:
        try:
            numbers = [float(row[name]) for name in COLUMNS[1:]]
            int(row["msd_liver_case"])
            row["file"].split("_")[1]
            if not all(math.isfinite(number) for number in numbers):
                raise ValueError("a number that is not finite")
            turn = row["file"].partition("_")[0]
            if min(numbers[1:4]) <= 0 or turn not in ("flipped", "mirrored"):
                raise ValueError("a length that is not positive, or a name that tells no turn")
        except (TypeError, ValueError, IndexError) as error:
            raise InputError(
                f"'{path}': the line of {row['file']!r} is wrong ({error}): correct it"
            ) from error
    return rows


def _patient(row: Mapping[str, str]) -> str:
    return row["file"].split("_")[1]


def _slice(row: Mapping[str, str]) -> str:
    """Return patient and number of the slice, such as "10001_103": the column z_index_in_lits_volume is found from the
    masks, and the same for some neighbors."""
    return Path(row["file"]).stem.partition("_")[2]


def _is_mirrored(row: Mapping[str, str]) -> bool:
    return row["file"].startswith("mirrored")


def _case(data: Path, row: Mapping[str, str]) -> SourceCase:
    case = int(row["msd_liver_case"])
    name = Path(row["file"]).stem
    low, high = CLIP_HU
    return SourceCase(
        name=case_name(name),
        portal=data / "images" / row["file"],
        labels=(LabelFile(path=data / "masks" / row["file"], mask_class=1),),
        patient=f"lits-{case}",
        facts={"source": SOURCE, "use": use_of(case), "phase": "portal", "hu_clip": f"{low} {high}"},
        picture=Picture(
            turned=_is_mirrored(row),
            x_mm=float(row["pixel_x_mm_of_256_image"]),
            y_mm=float(row["pixel_y_mm"]),
            z_mm=float(row["slice_mm"]),
        ),
    )
