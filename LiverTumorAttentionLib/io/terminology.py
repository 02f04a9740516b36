"""Names, colors and SNOMED CT codes of segments, from `data/terminology.json`."""

from __future__ import annotations

import functools
import json
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.boxes import bounding_box
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
        raise ValueError(f"tumors have values from {FIRST_TUMOR}, got {value}")
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


def vessel_segments() -> tuple[Segment, ...]:
    """Return the segments of proposed vessels: 1 the portal vein, 2 the hepatic veins, 3 the vena cava."""
    return tuple(
        Segment(
            value=value,
            name=entry["name"],
            color=tuple(entry["color_rgb"]),
            category=_code(entry["category"]),
            type=_code(entry["type"]),
        )
        for value, entry in enumerate(terminology()["vessels"], start=1)
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
    box = bounding_box(voxels) or (slice(0, 0),) * voxels.ndim
    counts = np.zeros(max(int(voxels.max()) + 1, FIRST_TUMOR), dtype=np.int64)
    for plane in voxels[box]:  # plane by plane: the count takes a copy as 64 bits
        counts += np.bincount(plane.reshape(-1), minlength=len(counts))
    values = np.flatnonzero(counts)
    return (liver_segment(), *(tumor_segment(int(value)) for value in values if value >= FIRST_TUMOR))


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a file says of a segment.

    name: as the user sees it. types, regions: its coded type and place as (code value, meaning), each maybe empty.
    """

    name: str
    types: tuple[tuple[str, str], ...] = ()
    regions: tuple[tuple[str, str], ...] = ()


def described_by_entry(name: str, entry: str) -> Description:
    """Return the description that 3D Slicer's ``context~category~type~modifier~context~region~modifier`` gives."""
    parts = [tuple(part.split("^")) for part in entry.split("~")]
    codes = [(part[1], part[2]) if len(part) > 2 else ("", "") for part in (*parts, *[()] * 7)]
    return Description(
        name=name,
        types=tuple(code for code in (codes[3], codes[2]) if any(code)),
        regions=tuple(code for code in (codes[5],) if any(code)),
    )


def segment_kind(described: Description) -> str:
    """Return "liver", "tumor", "vessel", "elsewhere" (another organ, or a tumor of one), "neither", "background" or "".

    "neither" is what lies at a tumor or in the liver and is none of them, a margin or an abscess; "" what is not known.

    The code of its type decides, then the meaning of the code, then the name; a region that is not the liver, or a name
    of another organ, makes a tumor one of "elsewhere". A name may be in several languages (`data/terminology.json`).
    """
    texts = [plain_text(text) for text in (described.name, *(meaning for _, meaning in described.types))]
    kind = _kind_by_code(described) or next(filter(None, (_kind_by_words(text) for text in texts[1:])), "")
    if kind in ("", "elsewhere"):
        kind = _kind_by_words(texts[0]) or kind
    if kind == "tumor" and _lies_elsewhere(described.regions, texts):
        return "elsewhere"
    return kind


def _kind_by_code(described: Description) -> str:
    codes = terminology()["codes"]
    return next((kind for value, _ in described.types for kind in codes if value in codes[kind]), "")


def _kind_by_words(text: str) -> str:
    """Return the kind that a text of `plain_text` names.

    What follows "with", "without" and the like says what a thing holds or lacks, not what it is. Of a tumor, a vessel
    and what is neither, a margin or an abscess, in one name the last is meant ("tumor feeding artery", "tumor margin"),
    unless it only says where ("tumor near portal vein").
    """
    text = _before(_without_lacking(text), "leading_on")
    for part in (_before(text, "placing"), text):
        ends = [(_last(kind, part), kind) for kind in _NAMED]
        end, kind = max(ends, key=lambda found: found[0])  # the first of equals
        if end >= 0:
            return kind
        found = [kind for kind in ("liver", "elsewhere", "background") if _last(kind, part) >= 0]
        if found:
            return found[0]
    return ""


_NAMED = ("neither", "tumor", "vessel")
"""Of these kinds the one whose words come last in a name is meant."""


def _without_lacking(text: str) -> str:
    """Return a text without "tumor-free" and the like, which say what is not there."""
    return " ".join(re.sub(_pattern("lacking"), " ", text).split())


def _lies_elsewhere(regions: tuple[tuple[str, str], ...], texts: list[str]) -> bool:
    """Return whether a tumor is one of another organ, by the codes of its region, else by its names."""
    table = terminology()
    for value, meaning in regions:
        if value in table["regions_of_the_liver"] or _last("near_the_liver", plain_text(meaning)) >= 0:
            return False
        if value and value not in table["regions_around_the_liver"]:
            return True
    named = [_before(_before(text, "leading_on"), "beside") for text in texts]
    if any(_last("never_in_the_liver", text) >= 0 for text in named):
        return True
    here = any(_last("near_the_liver", text) >= 0 for text in named)
    return not here and any(_last("elsewhere", text) >= 0 for text in named)


def plain_text(name: str) -> str:
    """Return a name in small letters without accents, words and numbers apart: "KidneyCyst_2" gives "kidney cyst 2"."""
    apart = re.sub(r"(?<=[a-zäöüß])(?=[A-Z])", " ", unicodedata.normalize("NFC", name))
    bare = re.sub(
        r"(?<=[^\W\d_])[\s_]*-[\s_]*(?=i?[gcpi]tv)", " minus ", _bare(apart)
    )  # "Liver-GTV" of radiotherapy
    return " ".join(re.findall(r"[^\W\d_]+|\d+", bare))


def _bare(text: str) -> str:
    """Return a text in small letters without accents."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _before(text: str, words: str) -> str:
    """Return what stands before the first of the words; a "no" before a number is "number"."""
    found = re.split(rf"(?:^|\s+)(?!no \d){_pattern(words)}", text, maxsplit=1)
    return found[0]


def _last(words: str, text: str) -> int:
    """Return where the last of the words ends in a text; -1 when there is none."""
    return max((match.end() for match in re.finditer(_pattern(words), text)), default=-1)


@functools.cache
def _pattern(words: str) -> str:
    """Return the regular expression of a list of words; * stands for any letters."""
    listed = "|".join(re.escape(_bare(word)).replace(r"\*", r"\w*") for word in terminology()["words"][words])
    return rf"(?<!\w)(?:{listed})(?!\w)"


def unrecognized_segments(path: object, names: list[str]) -> InputError:
    """Return the error for a segmentation without a segment that is a liver or a tumor."""
    listed = ", ".join(f"'{name}'" for name in names) or "no segment at all"
    return InputError(
        f"the segmentation '{path}' has no segment named or coded as liver or tumor, only {listed}: "
        "rename its segments, or say what they are (--label NAME=liver, tumor, vessel or ignore)"
    )


def _code(parts: list[str]) -> Code:
    return Code(scheme=parts[0], value=parts[1], meaning=parts[2])
