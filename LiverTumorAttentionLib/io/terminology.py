"""Names, colors and SNOMED CT codes of segments, from `data/terminology.json`."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.labels import FIRST_TUMOR, LIVER


@dataclass(frozen=True, kw_only=True)
class Code:
    """A coded concept: scheme designator (``"SCT"``), value and meaning."""

    scheme: str
    value: str
    meaning: str

    def __str__(self) -> str:
        return f"{self.scheme}^{self.value}^{self.meaning}"


@dataclass(frozen=True, kw_only=True)
class Segment:
    """One segment of a result.

    value: its value in the instances image: 1 the liver (without its tumors), 2, 3, … one a tumor.
    name: ``"Liver"``, ``"Tumor 1"``, … color: red, green, blue, each 0 to 1.
    category, type: what it is; region: where it is, when that is not said by its type.
    """

    value: int
    name: str
    color: tuple[float, float, float]
    category: Code
    type: Code
    region: Code | None = None

    @property
    def is_liver(self) -> bool:
        return self.value == LIVER

    def terminology_entry(self) -> str:
        """Return the text of 3D Slicer's segment tag ``TerminologyEntry``."""
        table = terminology()
        nothing = "^^"
        region = str(self.region) if self.region else nothing
        return "~".join(
            [
                table["category_context"],
                str(self.category),
                str(self.type),
                nothing,
                table["anatomy_context"],
                region,
                nothing,
            ]
        )


@functools.cache
def terminology() -> dict[str, Any]:
    """Return the content of `data/terminology.json`."""
    path = Path(__file__).resolve().parent.parent / "data" / "terminology.json"
    return json.loads(path.read_text(encoding="utf-8"))


def liver_segment() -> Segment:
    """Return the segment of the whole liver, tumors included."""
    entry = terminology()["liver"]
    return Segment(
        value=LIVER,
        name=entry["name"],
        color=tuple(entry["color_rgb"]),
        category=_code(entry["category"]),
        type=_code(entry["type"]),
    )


def tumor_segment(value: int) -> Segment:
    """Return the segment of the tumor that has `value` (2 or more) in the instances image."""
    if value < FIRST_TUMOR:
        raise ValueError(f"tumours have values from {FIRST_TUMOR}, got {value}")
    entry = terminology()["tumor"]
    colors = entry["colors_rgb"]
    return Segment(
        value=value,
        name=f"{entry['name']} {value - LIVER}",
        color=tuple(colors[(value - FIRST_TUMOR) % len(colors)]),
        category=_code(entry["category"]),
        type=_code(entry["type"]),
        region=_code(entry["region"]),
    )


def segments_for(instances: sitk.Image) -> tuple[Segment, ...]:
    """Return the segments of an instances image: the liver always, then each tumor that has a voxel.

    A tumor keeps the number of its value: value 3 is "Tumor 2" whether or not there is a value 2.
    """
    voxels = sitk.GetArrayViewFromImage(instances)
    if voxels.dtype.kind not in "iu" or voxels.min() < 0:
        raise ValueError(
            f"an instances image has whole values from 0, got {voxels.dtype} from {voxels.min()}"
        )
    values = np.flatnonzero(np.bincount(voxels.reshape(-1), minlength=FIRST_TUMOR))
    return (liver_segment(), *(tumor_segment(int(value)) for value in values if value >= FIRST_TUMOR))


def segment_kind(name: str, codes: tuple[str, ...] = ()) -> str:
    """Return ``"liver"``, ``"tumor"`` or ``""`` for a segment of any origin.

    codes: code values of its type, most specific first; they decide before the name does. A name with a
    word for a tumor is one, also when it names the liver ("liver lesion").
    """
    table = terminology()
    for code in codes:
        for kind in ("tumor", "liver"):
            if code in table[f"read_as_{kind}"]["codes"]:
                return kind
    text = name.lower()
    for kind in ("tumor", "liver"):
        if any(word in text for word in table[f"read_as_{kind}"]["words"]):
            return kind
    return ""


def unrecognized_segments(path: object, names: list[str]) -> InputError:
    """Return the error for a segmentation without a segment that is a liver or a tumor."""
    listed = ", ".join(f"'{name}'" for name in names) or "no segment at all"
    return InputError(
        f"the segmentation '{path}' has no segment named or coded as liver or tumor, only {listed}: "
        "rename its segments"
    )


def _code(parts: list[str]) -> Code:
    return Code(scheme=parts[0], value=parts[1], meaning=parts[2])
