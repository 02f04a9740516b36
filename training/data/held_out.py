"""Which real patients never train: those that others test on, and those that the bundled model is validated on.

LiTS and the Decathlon's Task03_Liver number the same patients alike, in whatever form their data come: pictures, label
maps, crops. So the rule stands here once, for every source.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from LiverTumorAttentionLib.errors import InputError

VALIDATION = "validation"
"""Value of the fact "use" of a case that never trains."""

IRCADB_CASES = range(28, 48)
"""LiTS cases that are, or may be, patients of 3D-IRCADb; lists disagree on the last ones."""

VALIDATION_CASES = (0, 5, 6, 8, 15, 22, 26, 49, 53, 61, 70, 77, 79, 80, 91, 111, 112, 118, 120, 121)
"""LiTS cases that validate: of the 102 whose slices are at hand, the 20 with the smallest SHA-256 of "msd-liver-N"."""

SEGMENTS_HELD_OUT_LITS = (10, 48, 52, 58, 64, 81, 84, 92, 98, 103)
"""Further LiTS cases that the network for Couinaud segments is measured on and never sees: of the 17 whose vessels are
known, the 10 with the smallest SHA-256 of "msd-liver-N"."""

SEGMENTS_HELD_OUT_VESSELS = (11, 45, 55, 89, 121, 141, 153, 175, 233, 255, 275, 289, 335, 375, 415)
"""Likewise, cases of Task08_HepaticVessel: of the 29 at hand, the 15 with the smallest SHA-256 of
"msd-hepatic-vessel-N"."""

VALIDATION_BACKGROUNDS = ("C3L-00189", "LIDC-IDRI-0050", "totalsegmentator-example", "totalsegmentator-dicom")
"""Real volumes that validate; nothing is implanted in them for training."""


def check_may_be_used(case: int, what: str) -> None:
    """Raise `InputError` for a patient of 3D-IRCADb. what: the file, for the message."""
    if case in IRCADB_CASES:
        raise InputError(
            f"'{what}' is case {case} of LiTS, and cases {IRCADB_CASES[0]} to {IRCADB_CASES[-1]} are patients of "
            "3D-IRCADb, on which others are tested: remove it"
        )


def check_may_train(case: int, what: str) -> None:
    """Raise `InputError` for a patient of 3D-IRCADb or one that validates. what: the file, for the message."""
    check_may_be_used(case, what)
    if case in VALIDATION_CASES:
        raise InputError(f"'{what}' is case {case} of LiTS, which validates and never trains: leave it out")


def is_held_out(facts: Mapping[str, str]) -> bool:
    """Whether the facts of a case say that it validates and never trains."""
    return facts.get("use") == VALIDATION


def use_of(case: int) -> str:
    """Return "validation" or "training" for a LiTS case."""
    return VALIDATION if case in VALIDATION_CASES else "training"


def tests_segments(name: str) -> bool:
    """Whether a liver, named "LiTS-N" or "MSD-N" (Task08_HepaticVessel), tests the network for Couinaud segments.

    Raises `InputError` for a patient of 3D-IRCADb, and for a name that is neither.
    """
    match = re.fullmatch(r"(LiTS|MSD)-0*(\d+)", name)
    if match is None:
        raise InputError(
            f"the liver {name!r} is not named as LiTS-N or MSD-N, which say who may train: rename its file"
        )
    number = int(match[2])
    if match[1] == "MSD":
        return number in SEGMENTS_HELD_OUT_VESSELS
    check_may_be_used(number, name)
    return number in VALIDATION_CASES or number in SEGMENTS_HELD_OUT_LITS
