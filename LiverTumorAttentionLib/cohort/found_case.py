"""A case that was found in the input of a cohort, and the name that it has in the results."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.case_folder import natural_key

LONGEST_NAME = 100
_DIGITS = 8
_OTHER = re.compile(r"[^A-Za-z0-9._-]+")
BETWEEN = "--"
"""Stands between the folders of a case's path in its name."""


@dataclass(frozen=True, kw_only=True)
class FoundCase:
    """One case of a cohort.

    name: of its folder in the results. inputs: what its `SegmentationJob` reads, by its fields. where: how to call it
    in a message about two cases of one name.
    """

    name: str
    inputs: Mapping[str, str]
    where: str


def case_name(parts: tuple[str, ...]) -> str:
    """Return the name of a case that lies at a path below the input: its folders, in letters that every disk takes.

    The same path gives the same name whatever else lies beside it. A name that had to be changed or cut carries the
    start of the SHA-256 of what it was, so that two of them stay apart.
    """
    whole = BETWEEN.join(parts)
    plain = _OTHER.sub("_", whole).lstrip("._-")
    if plain == whole and len(plain) <= LONGEST_NAME:
        return plain
    digest = hashlib.sha256(whole.encode("utf-8", "surrogateescape")).hexdigest()[:_DIGITS]
    return f"{plain[: LONGEST_NAME - _DIGITS - 1] or 'case'}-{digest}"


def in_order_of_names(cases: list[FoundCase]) -> list[FoundCase]:
    """Return the cases in the natural order of their names.

    Raises `InputError` for two that a disk without upper and lower case would take for one.
    """
    seen: dict[str, FoundCase] = {}
    for case in cases:
        other = seen.setdefault(case.name.casefold(), case)
        if other is not case:
            raise InputError(
                f"two cases would have the name {case.name!r}: {other.where} and {case.where}: rename one"
            )
    return sorted(cases, key=lambda case: (natural_key(case.name), case.name))
