"""Reading and writing of Couinaud segments: a label map of 1 to 8 for I to VIII, or named or coded segments.

A segment of a file is known by its SNOMED CT code, else by its name: "Segment IV", "liver_segment_4", "S4",
"Couinaud IVb", "caudate lobe". IVa and IVb are both IV.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.input_checks import existing
from LiverTumorAttentionLib.io.input_warning import InputWarning
from LiverTumorAttentionLib.io.named_labels import write_named_labels
from LiverTumorAttentionLib.io.segmentation import has_segments, read_plain, read_segments
from LiverTumorAttentionLib.io.terminology import Code, Description, Segment, plain_text, terminology
from LiverTumorAttentionLib.voxels.couinaud import COUNT, ROMAN

_NUMBERS = {roman.casefold(): number for number, roman in enumerate(ROMAN, start=1)}
_NAMED = re.compile(
    r"(?:^|\s)(?:segment|segments|segmento|seg|lebersegment|couinaud|s)\s?(viii|vii|vi|iv|v|iii|ii|i|[1-8])\s?[ab]?$"
)


def couinaud_segment(number: int) -> Segment:
    """Return the segment 1 to 8 with its name, color and code; its value is its number."""
    entry = terminology()["couinaud"][number - 1]
    return Segment(
        value=number,
        name=entry["name"],
        color=tuple(entry["color_rgb"]),
        category=_code(entry["category"]),
        type=_code(entry["type"]),
    )


def couinaud_number(described: Description) -> int | None:
    """Return which segment, 1 to 8, a segment of a file is; None where neither code nor name says that it is one."""
    for value, _ in (*described.types, *described.regions):
        for number, entry in enumerate(terminology()["couinaud"], start=1):
            if value in entry["codes"]:
                return number
    for text in (described.name, *(meaning for _, meaning in described.types)):
        plain = plain_text(text)
        found = _NAMED.search(plain)
        if found:
            return _NUMBERS.get(found[1]) or int(found[1])
        if re.search(r"(?:^|\s)(?:caudate|lobus caudatus)(?:\s|$)", plain):
            return 1
    return None


def read_couinaud(path: str | os.PathLike[str]) -> sitk.Image:
    """Read Couinaud segments as label map (uint8): 0 none, 1 to 8 for I to VIII, on the file's own grid.

    Segments of a file that are none of the eight, and those of the eight that are not there, are told in an
    `InputWarning`. Raises `InputError` where there is none of the eight, where two segments share a voxel, or where a
    label map holds other values.
    """
    place = existing(path, "segmentation of Couinaud segments")
    if not has_segments(place):
        image = read_plain(place, np.uint8)
        voxels = sitk.GetArrayViewFromImage(image)
        if voxels.max() > COUNT or not voxels.any():
            raise InputError(
                f"'{place}' holds values up to {voxels.max()}: a label map of Couinaud segments has the values 1 to "
                f"{COUNT} for I to VIII: renumber it, or give a segmentation whose segments are named or coded"
            )
        _warn_missing(place, set(np.unique(voxels).tolist()))
        return image
    grid, segments = read_segments(place)
    voxels = np.zeros(grid.GetSize()[::-1], np.uint8)
    others = []
    for segment in segments:
        number, mask = couinaud_number(segment.description), segment.mask
        if number is None:
            others.append(segment.name)
            continue
        taken = voxels[mask]
        if ((taken != 0) & (taken != number)).any():
            raise InputError(
                f"two segments of '{place}' share voxels, \u201c{segment.name}\u201d is one of them: a voxel of the "
                "liver lies in one Couinaud segment: correct the segmentation"
            )
        voxels[mask] = number
    if not voxels.any():
        listed = ", ".join(f"'{name}'" for name in others) or "no segment at all"
        raise InputError(
            f"'{place}' has no segment named or coded as a Couinaud segment, only {listed}: name them Segment I to "
            "Segment VIII, or give a label map with the values 1 to 8"
        )
    _warn_missing(place, set(np.unique(voxels).tolist()))
    image = sitk.GetImageFromArray(voxels)
    image.CopyInformation(grid)
    return image


def write_couinaud(
    path: str | os.PathLike[str], labels: sitk.Image, notes: Mapping[str, str] | None = None
) -> None:
    """Write a label map of Couinaud segments to `path`, whole or not at all.

    path: `.seg.nrrd`, with names, colors and SNOMED CT codes, or a label map (.nii.gz, .nrrd, .mha) of 0 and 1 to 8.
    notes: further texts for the header of a `.seg.nrrd`. Raises `OutputError`.
    """
    segments = [couinaud_segment(number) for number in range(1, COUNT + 1)]
    write_named_labels(path, labels, segments, "Couinaud segments", notes)


def _warn_missing(place: Path, values: set[int]) -> None:
    missing = [ROMAN[number - 1] for number in range(1, COUNT + 1) if number not in values]
    if missing:
        warnings.warn(
            f"'{place}' holds no Couinaud segment {', '.join(missing)}: volumes of resections count it as not there",
            InputWarning,
            stacklevel=3,
        )


def _code(parts: list[str]) -> Code:
    return Code(scheme=parts[0], value=parts[1], meaning=parts[2])
