"""Named resections as sums of Couinaud segments, in the words of Brisbane 2000.

Source: Terminology Committee of the IHPBA (Strasberg et al.), The Brisbane 2000 terminology of liver anatomy and
resections, HPB 2000; 2: 333-339. Segment I is taken with none of them but where it is named, as there ("± segment 1").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from LiverTumorAttentionLib.config_parsing import nearest
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.couinaud import COUNT, ROMAN, roman

CAUDATE = 1


@dataclass(frozen=True, kw_only=True)
class NamedResection:
    """A resection by segments. key: in a plan; title: as the terminology has it; segments: what is taken out."""

    key: str
    title: str
    segments: tuple[int, ...]

    @property
    def numerals(self) -> str:
        """The segments as "V, VI, VII, VIII"."""
        return ", ".join(roman(number) for number in self.segments)

    def with_caudate(self) -> NamedResection:
        """Return the resection extended to segment I."""
        if CAUDATE in self.segments:
            return self
        return NamedResection(
            key=f"{self.key}+I", title=f"{self.title} with segment I", segments=(CAUDATE, *self.segments)
        )


def _table(*rows: tuple[str, str, tuple[int, ...]]) -> Mapping[str, NamedResection]:
    named = {key: NamedResection(key=key, title=title, segments=segments) for key, title, segments in rows}
    for number in range(1, COUNT + 1):
        key = f"segmentectomy {roman(number)}"
        named[key] = NamedResection(key=key, title=f"Segmentectomy {roman(number)}", segments=(number,))
    return MappingProxyType(named)


NAMED_RESECTIONS = _table(
    ("right hepatectomy", "Right hepatectomy", (5, 6, 7, 8)),
    ("left hepatectomy", "Left hepatectomy", (2, 3, 4)),
    ("extended right hepatectomy", "Extended right hepatectomy (right trisectionectomy)", (4, 5, 6, 7, 8)),
    ("extended left hepatectomy", "Extended left hepatectomy (left trisectionectomy)", (2, 3, 4, 5, 8)),
    ("right anterior sectionectomy", "Right anterior sectionectomy", (5, 8)),
    ("right posterior sectionectomy", "Right posterior sectionectomy", (6, 7)),
    ("left medial sectionectomy", "Left medial sectionectomy", (4,)),
    ("left lateral sectionectomy", "Left lateral sectionectomy", (2, 3)),
    ("mesohepatectomy", "Central hepatectomy (mesohepatectomy)", (4, 5, 8)),
    ("bisegmentectomy V VI", "Bisegmentectomy V, VI", (5, 6)),
    ("bisegmentectomy VII VIII", "Bisegmentectomy VII, VIII", (7, 8)),
)
"""Every named resection, by its key. The central hepatectomy and the bisegmentectomies are usual names beside those of
Brisbane 2000; right and left trisectionectomy are there the same as the extended hepatectomies."""

_SYNONYMS = {
    "right hemihepatectomy": "right hepatectomy",
    "left hemihepatectomy": "left hepatectomy",
    "extended right hemihepatectomy": "extended right hepatectomy",
    "extended left hemihepatectomy": "extended left hepatectomy",
    "right trisectionectomy": "extended right hepatectomy",
    "left trisectionectomy": "extended left hepatectomy",
    "central hepatectomy": "mesohepatectomy",
    "bisegmentectomy II III": "left lateral sectionectomy",
    "caudate lobectomy": "segmentectomy I",
}


def resection_named(name: str) -> NamedResection:
    """Return a resection by its name or by its segments, such as "right hepatectomy" or "V VI" or "4, 5".

    Capitals do not count. Raises `InputError` naming the nearest known one.
    """
    known = {key.casefold(): key for key in NAMED_RESECTIONS}
    known |= {key.casefold(): target for key, target in _SYNONYMS.items()}
    plain = " ".join(name.split()).casefold()
    if plain in known:
        return NAMED_RESECTIONS[known[plain]]
    parts = name.replace(",", " ").replace("+", " ").split()
    numerals = {numeral: number for number, numeral in enumerate(ROMAN, start=1)}
    numbers = [numerals.get(part.upper(), int(part) if part in "12345678" else 0) for part in parts]
    if parts and all(numbers):
        chosen = tuple(sorted(set(numbers)))
        title = "Resection of " + ", ".join(roman(number) for number in chosen)
        return NamedResection(key=" ".join(roman(number) for number in chosen), title=title, segments=chosen)
    raise InputError(
        f"there is no resection named {name!r}{nearest(plain, sorted(known))}"
        ': give a name or segments, such as "right hepatectomy" or "V VI"'
    )
